//! `maais audit cosign`: asks witnesses to cosign each log, and keeps what they signed beside it.
//!
//! What a witness answers is checked before it is kept, if its key is known. A witness that has seen more of a log
//! than there is, or another log, is what all this is for: the command says so, loudly, and fails.

mod ask;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use maais_runtime::audit::{
    NewestCheckpoint, Submissions, WitnessPolicy, keep_cosigned, kept_cosigned, newest_checkpoints,
};

use self::ask::{Answer, Client};
use super::verify::policy;
use crate::cli::{Cosign, Target};
use crate::command::{Done, verdict};
use crate::term::{BAD, GOOD, WARN, paint, printable, say};

/// When an unchanged log is cosigned again: `verify --cosigned-within` asks for cosignatures that are young.
const AGAIN_AFTER: Duration = Duration::from_secs(15 * 60);

/// How bad a round was; the worst counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Cosigned,
    NotAsked,
    OtherHistory,
}

/// Runs the command.
pub(crate) fn run(args: &Cosign) -> Done {
    let policy = args.policy.as_deref().map(policy).transpose()?;
    let targets = targets(args, policy.as_ref())?;
    let client = Client::new(targets.iter().any(|target| target.url.starts_with("https://")))?;
    let mut done: BTreeMap<PathBuf, (String, Instant)> = BTreeMap::new();
    loop {
        let mut worst = Outcome::Cosigned;
        let logs = newest_checkpoints(&args.home, args.head.as_deref())?;
        if logs.is_empty() && args.every.is_none() {
            return Err(format!("there is no log with a checkpoint in `{}`", args.home.display()).into());
        }
        // A log that has not changed since all cosigned it is left alone for a while.
        for log in &logs {
            let is_done = |(note, at): &(String, Instant)| *note == log.note && at.elapsed() < AGAIN_AFTER;
            if done.get(&log.dir).is_some_and(is_done) {
                continue;
            }
            let (outcome, note) = cosign(&client, &targets, policy.as_ref(), log, args.head.as_deref())?;
            worst = worst.max(outcome);
            if outcome == Outcome::Cosigned {
                done.insert(log.dir.clone(), (note, Instant::now()));
            }
        }
        match (worst, args.every) {
            (Outcome::OtherHistory, _) => return Ok(verdict(false)),
            (Outcome::NotAsked, None) => return Ok(ExitCode::from(1)),
            (Outcome::Cosigned, None) => return Ok(ExitCode::SUCCESS),
            (_, Some(every)) => std::thread::sleep(every),
        }
    }
}

/// The witnesses named on the command line and in the policy.
fn targets(args: &Cosign, policy: Option<&WitnessPolicy>) -> Result<Vec<Target>, Box<dyn Error>> {
    let mut targets = args.witnesses.clone();
    for witness in policy.map_or(&[][..], |policy| &policy.witnesses) {
        if let Some(url) = &witness.url {
            targets
                .push(Target { url: url.trim_end_matches('/').to_owned(), vkey: Some(witness.vkey.clone()) });
        }
    }
    match targets.is_empty() {
        true => Err("no witness of the policy has a URL: write it behind its key".into()),
        false => Ok(targets),
    }
}

/// Asks all witnesses about one log; how it went, and the checkpoint that they were asked about.
fn cosign(
    client: &Client,
    targets: &[Target],
    policy: Option<&WitnessPolicy>,
    log: &NewestCheckpoint,
    head: Option<&Path>,
) -> Result<(Outcome, String), Box<dyn Error>> {
    let submissions = Submissions::read(&log.dir, head)?;
    let kept = kept_cosigned(&log.dir).map_err(|e| format!("cannot read `{}`: {e}", log.dir.display()))?;
    let (mut note, mut worst) = (submissions.note().to_owned(), Outcome::Cosigned);
    for target in targets {
        let answer = client.ask(target, &submissions, &kept);
        report(target, &submissions, &answer);
        worst = worst.max(match &answer {
            Answer::Cosigned { lines, .. } => {
                note.push_str(lines);
                Outcome::Cosigned
            }
            Answer::NotAsked { .. } => Outcome::NotAsked,
            Answer::OtherHistory { .. } => Outcome::OtherHistory,
        });
    }
    if note != submissions.note() {
        keep_cosigned(&log.dir, &note)
            .map_err(|e| format!("cannot write in `{}`: {e}", log.dir.display()))?;
    }
    if let Some(policy) = policy {
        let by = policy.cosigned(&note)?;
        let is_met = policy.is_met(by.keys().map(String::as_str));
        let (style, word) = if is_met { (GOOD, "enough") } else { (BAD, "NOT ENOUGH") };
        say!("{} {} of {} witnesses cosigned", paint(style, word), by.len(), policy.witnesses.len());
        worst = match worst {
            Outcome::OtherHistory => Outcome::OtherHistory,
            _ if is_met => Outcome::Cosigned,
            _ => Outcome::NotAsked,
        };
    }
    Ok((worst, submissions.note().to_owned()))
}

/// What one witness said, for a person.
fn report(target: &Target, submissions: &Submissions, answer: &Answer) {
    let newest = submissions.newest();
    let who = match &target.vkey {
        Some(vkey) => format!("{} ({})", printable(&target.url, 200), printable(vkey.name(), 100)),
        None => printable(&target.url, 200),
    };
    let what = format!("{} at {} records", printable(&newest.origin, 200), newest.size);
    match answer {
        Answer::Cosigned { time: Some(time), .. } => {
            say!("{} {who}: {what}, {time}", paint(GOOD, "cosigned"));
        }
        Answer::Cosigned { time: None, .. } => {
            say!("{} {who}: {what}; its key is not known, so nobody checked it", paint(WARN, "cosigned"));
        }
        Answer::NotAsked { why } => {
            say!("{} {who}: {what}: {}", paint(WARN, "no answer"), printable(why, 400));
        }
        Answer::OtherHistory { why } => {
            say!("{} {who}: {what}: {}", paint(BAD, "ANOTHER HISTORY"), printable(why, 400));
            say!(
                "  the log, or the witness, is not what it was: keep both as they are, run `maais audit verify` and \
                 compare with copies kept elsewhere"
            );
        }
    }
}
