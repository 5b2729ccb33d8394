//! Witness and client as two processes with sockets between them: what one cosigns, the other can rely on.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use maais_audit::{Checkpoint, Entry, Kind, Log, Options, Submissions, VerifyOptions, verify};
use serde_json::{Value, json};
use tempfile::TempDir;

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maais"));
    command.args(args).env_remove("MAAIS_HOME").env_remove("MAAIS_CONFIG").env("NO_COLOR", "1");
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command
}

fn maais(args: &[&str]) -> Output {
    program(args).stdin(Stdio::null()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A running witness. Killed when dropped.
struct Witness {
    child: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
    vkey: String,
}

impl Witness {
    fn start(state: &Path, log: &str) -> Self {
        let mut child =
            program(&["witness", "--state", text(state), "--listen", "127.0.0.1:0", "--log", log])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = |prefix: &str| {
            loop {
                let mut line = String::new();
                assert!(stdout.read_line(&mut line).unwrap() > 0, "the witness ended");
                if let Some(rest) = line.strip_prefix(prefix) {
                    return rest.trim_end().to_owned();
                }
            }
        };
        let (vkey, url) = (line("vkey "), line("listening on "));
        Self { child, stdout, url, vkey }
    }

    /// As `--witness` takes it.
    fn target(&self) -> String {
        format!("{},{}", self.url, self.vkey)
    }

    fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A data directory with a log of some records.
fn home(records: u64) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    grow(home.path(), 0..records);
    home
}

fn grow(home: &Path, records: std::ops::Range<u64>) {
    let log = Log::open(home, Options::default()).unwrap();
    for n in records {
        let body = json!({ "n": n }).as_object().unwrap().clone();
        log.append(Entry {
            kind: Kind::Decision,
            time: jiff::Timestamp::now(),
            tenant: "a",
            session: None,
            subject: "agent",
            body: &body,
            sealed: &[],
        })
        .unwrap();
    }
}

fn rotate(home: &Path) {
    Log::open(home, Options::default()).unwrap().rotate_key(jiff::Timestamp::now()).unwrap();
}

fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    assert!(Command::new("cp").arg("-a").arg(from.join(".")).arg(to.path()).status().unwrap().success());
    to
}

fn vkey(home: &Path) -> String {
    verify(home, &VerifyOptions::default()).unwrap().logs[0].vkey.clone().unwrap()
}

fn cosign(home: &Path, witness: &Witness) -> Output {
    maais(&["audit", "cosign", "--home", text(home), "--witness", &witness.target()])
}

/// One HTTP exchange: status, head and body.
fn http(port: u16, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // A server that has heard enough may hang up before the end.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or(0), head.to_ascii_lowercase(), body.to_owned())
}

fn post(port: u16, body: &str) -> (u16, String, String) {
    let length = body.len();
    http(
        port,
        &format!(
            "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
}

fn get(port: u16, path: &str) -> (u16, String, String) {
    http(port, &format!("GET {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n"))
}

/// The requests for a witness that has seen so much.
fn requests(home: &Path, seen: u64) -> Vec<String> {
    let submissions = Submissions::read(&home.join("log/0"), None).unwrap();
    submissions.after(seen).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn a_log_is_cosigned_as_it_grows_and_changes_keys_also_by_a_witness_that_started_again() {
    let (home, state) = (home(3), tempfile::tempdir().unwrap());
    let first = Witness::start(state.path(), &vkey(home.path()));
    let done = cosign(home.path(), &first);
    assert_eq!((code(&done), out(&done).contains("at 4 records")), (0, true), "{}", out(&done));
    let mode = fs::metadata(state.path().join("key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let known = first.vkey.clone();
    first.signal("-TERM");
    let mut first = first;
    assert!(first.child.wait().unwrap().success(), "it stops in good order");
    rotate(home.path());
    grow(home.path(), 3..5);
    rotate(home.path());
    let second = Witness::start(state.path(), &vkey(home.path()));
    assert_eq!(second.vkey, known);
    let done = cosign(home.path(), &second);
    assert_eq!((code(&done), out(&done).contains("at 8 records")), (0, true), "{}", out(&done));
    let policy = home.path().join("policy");
    fs::write(&policy, format!("witness w {known}\nquorum w\n")).unwrap();
    grow(home.path(), 5..6);
    let args = ["audit", "verify", text(home.path()), "--witness-policy", text(&policy)];
    let verified = maais(&[&args[..], &["--json"]].concat());
    let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!((code(&verified), &report["logs"][0]["anchored"]["size"]), (0, &json!(8)), "{report:#}");
    assert_eq!(report["logs"][0]["anchoring"]["verdict"], "holds");
    assert_eq!(code(&maais(&[&args[..], &["--cosigned-within", "1h"]].concat())), 0);
    std::thread::sleep(Duration::from_millis(1100));
    let old = maais(&[&args[..], &["--cosigned-within", "1s"]].concat());
    assert_eq!((code(&old), out(&old).contains("too long ago")), (2, true), "{}", out(&old));
}

#[test]
fn a_restored_log_is_refused_loudly_and_what_the_witness_remembers_proves_it() {
    let (home, state) = (home(3), tempfile::tempdir().unwrap());
    let witness = Witness::start(state.path(), &vkey(home.path()));
    assert_eq!(code(&cosign(home.path(), &witness)), 0);
    let restored = copy(home.path());
    grow(home.path(), 3..9);
    assert_eq!(code(&cosign(home.path(), &witness)), 0);
    for records in [0..0, 100..106, 106..109] {
        grow(restored.path(), records);
        let refused = cosign(restored.path(), &witness);
        let said = out(&refused);
        assert_eq!((code(&refused), said.contains("ANOTHER HISTORY")), (2, true), "{said}");
    }
    let (status, _, remembered) = get(witness.port(), "/maais/v1/checkpoints");
    assert_eq!(status, 200);
    let file = state.path().join("remembered.jsonl");
    fs::write(&file, &remembered).unwrap();
    for (home, expected) in [(&home, 0), (&restored, 2)] {
        let args = ["audit", "verify", text(home.path()), "--known-checkpoint", text(&file)];
        assert_eq!(code(&maais(&args)), expected);
    }
    // The copy of cosigned checkpoints beside the log says the same.
    fs::copy(home.path().join("log/0/cosigned"), restored.path().join("log/0/cosigned")).unwrap();
    let policy = home.path().join("policy");
    fs::write(&policy, format!("witness w {}\nquorum w\n", witness.vkey)).unwrap();
    let verified = maais(&["audit", "verify", text(restored.path()), "--witness-policy", text(&policy)]);
    assert_eq!((code(&verified), out(&verified).contains("a fork")), (2, true), "{}", out(&verified));
}

#[test]
fn the_answers_have_the_statuses_of_the_protocol() {
    let (home, other, state) = (home(5), home(5), tempfile::tempdir().unwrap());
    let witness = Witness::start(state.path(), &vkey(home.path()));
    let port = witness.port();
    let right = requests(home.path(), 0).remove(0);
    assert_eq!(post(port, "nonsense").0, 400);
    assert_eq!(post(port, &right.replacen("old 0", "old 7", 1)).0, 400);
    assert_eq!(post(port, &requests(other.path(), 0)[0]).0, 404);
    assert_eq!(post(port, &right.replacen("\n6\n", "\n5\n", 1)).0, 403);
    assert_eq!(post(port, &"x".repeat(100_000)).0, 413);
    assert_eq!(get(port, "/add-checkpoint").0, 405);
    let (status, head, body) = post(port, &right.replacen("old 0", "old 3", 1));
    assert_eq!((status, body.as_str()), (409, "0\n"));
    assert!(head.contains("content-type: text/x.tlog.size"), "{head}");
    let (status, _, line) = post(port, &right);
    assert_eq!((status, line.starts_with("\u{2014} maais-witness/")), (200, true), "{line}");
    grow(home.path(), 5..9);
    let next = requests(home.path(), 6).remove(0);
    let mut lines: Vec<_> = next.split_inclusive('\n').collect();
    lines.swap(1, 2);
    assert_eq!(post(port, &lines.concat()).0, 422, "the proof's hashes are in another order");
    assert_eq!(post(port, &next).0, 200);
    assert_eq!(get(port, "/maais/v1/vkey").2.trim_end(), witness.vkey);
}

#[test]
fn of_two_clients_with_forks_at_once_one_is_cosigned() {
    let one = home(3);
    let two = copy(one.path());
    grow(one.path(), 3..6);
    grow(two.path(), 10..14);
    let bodies = [requests(one.path(), 0).remove(0), requests(two.path(), 0).remove(0)];
    for _ in 0..5 {
        let state = tempfile::tempdir().unwrap();
        let witness = Witness::start(state.path(), &vkey(one.path()));
        let port = witness.port();
        let mut statuses: Vec<_> = std::thread::scope(|scope| {
            let asked = bodies.each_ref().map(|body| scope.spawn(move || post(port, body).0));
            asked.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}

#[test]
fn a_killed_witness_remembers_at_least_what_it_answered() {
    let (home, state) = (home(1), tempfile::tempdir().unwrap());
    let (first, mut answered) = (vkey(home.path()), 0);
    for round in 0..12 {
        let witness = Witness::start(state.path(), &first);
        let port = witness.port();
        let notes = get(port, "/maais/v1/checkpoints").2;
        let seen = notes.lines().next().map_or(0, |line| {
            let value: Value = serde_json::from_str(line).unwrap();
            Checkpoint::parse(value["note"].as_str().unwrap()).unwrap().size
        });
        assert!(seen >= answered, "{answered} records were cosigned, {seen} are remembered");
        grow(home.path(), round..round + 1);
        let size = Submissions::read(&home.path().join("log/0"), None).unwrap().newest().size;
        let body = requests(home.path(), seen).remove(0);
        let asking = std::thread::spawn(move || post(port, &body).0);
        std::thread::sleep(Duration::from_micros(round * 150));
        drop(witness);
        if asking.join().unwrap_or(0) == 200 {
            answered = size;
        }
    }
    let witness = Witness::start(state.path(), &first);
    assert_eq!(code(&cosign(home.path(), &witness)), 0);
}

#[test]
fn a_quorum_needs_enough_of_its_witnesses() {
    let (home, states) = (home(3), [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]);
    let [one, two] = states.each_ref().map(|state| Witness::start(state.path(), &vkey(home.path())));
    let write = |needed: u32| {
        let path = home.path().join(format!("policy-{needed}"));
        let witness = |name: &str, w: &Witness| format!("witness {name} {} {}\n", w.vkey, w.url);
        let witnesses = witness("one", &one) + &witness("two", &two);
        fs::write(&path, format!("{witnesses}group g {needed} one two\nquorum g\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (any, both) = (write(1), write(2));
    let ask =
        |policy: &str| code(&maais(&["audit", "cosign", "--home", text(home.path()), "--policy", policy]));
    let anchored =
        |policy: &str| code(&maais(&["audit", "verify", text(home.path()), "--witness-policy", policy]));
    assert_eq!((anchored(&any), anchored(&both)), (2, 2), "nobody was asked");
    two.signal("-STOP");
    let began = Instant::now();
    assert_eq!(ask(&any), 0, "one is enough, the other does not answer");
    assert!(began.elapsed() < Duration::from_secs(9), "and is not waited for for long");
    assert_eq!((anchored(&any), anchored(&both)), (0, 2));
    two.signal("-CONT");
    assert_eq!(ask(&both), 0);
    assert_eq!(anchored(&both), 0);
    drop(two);
    grow(home.path(), 3..4);
    let refused = maais(&["audit", "cosign", "--home", text(home.path()), "--policy", &both]);
    assert_eq!((code(&refused), out(&refused).contains("NOT ENOUGH")), (1, true), "{}", out(&refused));
}

#[test]
fn a_key_without_its_memory_is_refused() {
    let (home, state) = (home(1), tempfile::tempdir().unwrap());
    drop(Witness::start(state.path(), &vkey(home.path())));
    let (elsewhere, key) = (tempfile::tempdir().unwrap(), state.path().join("key"));
    let start = |state: &Path, key: &Path| {
        let log = vkey(home.path());
        let args = ["witness", "--state", text(state), "--key", text(key), "--listen", "127.0.0.1:0"];
        maais(&[&args[..], &["--log", &log]].concat())
    };
    let refused = start(elsewhere.path(), &key);
    assert_eq!((code(&refused), out(&refused).contains("has no memory")), (1, true), "{}", out(&refused));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = start(state.path(), &key);
    assert_eq!((code(&refused), out(&refused).contains("open to others")), (1, true), "{}", out(&refused));
    fs::remove_file(&key).unwrap();
    let refused = start(state.path(), &key);
    assert_eq!(code(&refused), 1, "a lost key is not made anew: {}", out(&refused));
}

#[test]
fn whoever_connects_and_says_nothing_holds_nobody_up() {
    let (home, state) = (home(1), tempfile::tempdir().unwrap());
    let mut witness = Witness::start(state.path(), &vkey(home.path()));
    let silent: Vec<_> =
        (0..50).map(|_| TcpStream::connect(("127.0.0.1", witness.port())).unwrap()).collect();
    assert_eq!(code(&cosign(home.path(), &witness)), 0);
    let began = Instant::now();
    witness.signal("-TERM");
    assert!(witness.child.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(8), "nor does it when the server stops");
    drop(silent);
    let mut rest = String::new();
    witness.stdout.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("cosigned") && rest.ends_with("stopped\n"), "{rest}");
}

/// A server that gives one answer to everything, for as long as the test runs.
fn liar(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 8192];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_witness_that_lies_is_not_believed() {
    let (home, state) = (home(3), tempfile::tempdir().unwrap());
    let honest = Witness::start(state.path(), &vkey(home.path()));
    let of_another = cosign(home.path(), &honest);
    assert_eq!(code(&of_another), 0);
    let kept = || fs::read_to_string(home.path().join("log/0/cosigned")).unwrap();
    let before = kept();
    grow(home.path(), 3..5);
    let answer = |head: &str, body: &str| {
        format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let stale = before.split("\\n").find(|line| line.contains("maais-witness/")).unwrap();
    let size = |size: u64| answer("409 Conflict\r\ncontent-type: text/x.tlog.size", &format!("{size}\n"));
    for (lie, expected, why) in [
        (answer("200 OK", "\u{2014} x AAAA\n"), 1, "no cosignature of its key"),
        (answer("200 OK", &format!("{stale}\n")), 1, "no cosignature of its key"),
        (answer("200 OK", &"x".repeat(100_000)), 1, "no answer"),
        (answer("302 Found\r\nlocation: http://127.0.0.1:1/", ""), 1, "no answer"),
        (answer("500 Oops", "\u{1b}[31m"), 1, "no answer"),
        ("nonsense".to_owned(), 1, "no answer"),
        (size(4), 1, "status 409: 4"),
        (answer("409 Conflict", ""), 1, "status 409"),
        (size(2), 1, "status 409: 2"),
        (size(99), 2, "99 records were cosigned, only 6 are here"),
        (answer("422 No", ""), 2, "do not continue"),
    ] {
        let target = format!("{},{}", liar(lie), honest.vkey);
        let output = maais(&["audit", "cosign", "--home", text(home.path()), "--witness", &target]);
        let said = out(&output);
        assert_eq!((code(&output), said.contains(why)), (expected, true), "{why}: {said}");
        assert!(!said.contains('\u{1b}'));
        assert_eq!(kept(), before, "nothing of it is kept");
    }
}

#[test]
fn checkpoints_are_printed_for_others_and_taken_back_in_either_form() {
    let home = home(3);
    let place = text(home.path());
    let (plain, lines) = (
        maais(&["audit", "checkpoint", "--home", place]),
        maais(&["audit", "checkpoint", "--home", place, "--json"]),
    );
    let value: Value = serde_json::from_slice(&lines.stdout).unwrap();
    assert_eq!((&value["size"], value["note"].is_string()), (&json!(4), true));
    let restored = copy(home.path());
    grow(restored.path(), 10..12);
    let mut following = program(&["audit", "checkpoint", "--home", place, "--json", "--follow"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(following.stdout.take().unwrap()).lines();
    assert!(printed.next().unwrap().unwrap().contains("\"size\":4"));
    grow(home.path(), 3..5);
    let newest = printed.next().unwrap().unwrap();
    assert!(newest.contains("\"size\":6"), "{newest}");
    following.kill().unwrap();
    following.wait().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| home.path().join(name));
    fs::write(&a, &plain.stdout).unwrap();
    fs::write(&b, &lines.stdout).unwrap();
    fs::write(&c, newest).unwrap();
    let known = |home: &Path, files: &[&Path]| {
        let files: Vec<_> = files.iter().map(|path| text(path)).collect();
        code(&maais(&[&["audit", "verify", text(home), "--known-checkpoint"], files.as_slice()].concat()))
    };
    assert_eq!(known(home.path(), &[&a, &b, &c]), 0);
    assert_eq!(known(restored.path(), &[&a, &b]), 0, "up to there it is the same");
    assert_eq!(known(restored.path(), &[&c]), 2);
    let (head, wrong) = (restored.path().join("head"), format!("{}+00000000+AAAA", "x"));
    let elsewhere = home.path().join("elsewhere");
    fs::rename(&head, &elsewhere).unwrap();
    let report =
        |args: &[&str]| maais(&[&["audit", "verify", text(restored.path()), "--json"], args].concat());
    assert!(out(&report(&[])).contains("there is no head"));
    let moved = report(&["--head", text(&elsewhere), "--vkey", &vkey(home.path())]);
    assert!(out(&moved).contains("as you were told"), "{}", out(&moved));
    let other = vkey(self::home(1).path());
    assert_eq!(code(&report(&["--head", text(&elsewhere), "--vkey", &other])), 2);
    assert_eq!(code(&report(&["--vkey", &wrong])), 2, "what is no key is refused by the command line");
    fs::write(&a, "quorum nobody\n").unwrap();
    let refused = report(&["--witness-policy", text(&a)]);
    assert_eq!(
        (code(&refused), out(&refused).contains("a:1: no line above")),
        (1, true),
        "{}",
        out(&refused)
    );
}
