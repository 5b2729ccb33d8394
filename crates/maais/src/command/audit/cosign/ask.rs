//! One witness asked over HTTP (C2SP `tlog-witness`), and what its answer means for the log.
//!
//! The witness is not trusted: its answer is short, comes in time, leads nowhere else, and is checked against its
//! key. Whether the log is what it was, is what it is asked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use maais_runtime::audit::{Checkpoint, Submission, Submissions};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::cli::Target;

/// For one request, from the name's look-up to the answer's last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// How often a witness may say that it is elsewhere: others may submit the same log at the same time.
const ATTEMPTS: usize = 4;

/// How far a witness's clock may be ahead.
const AHEAD_MAX_SECONDS: u64 = 600;

/// What a witness says of a log.
#[derive(Debug)]
pub(super) enum Answer {
    /// Its signature lines, and the time in them, if its key is known.
    Cosigned { lines: String, time: Option<Timestamp> },
    /// Nothing, or nothing that can be used.
    NotAsked { why: String },
    /// It has seen what this log is not, or no longer.
    OtherHistory { why: String },
}

/// What the witness answered to one request.
enum Reply {
    Cosigned(String),
    /// It was last at another size.
    Seen(u64),
    Ended(Answer),
}

/// Whoever asks.
pub(super) struct Client {
    agent: Agent,
}

impl Client {
    /// With the system's certificates, if any witness is asked over TLS.
    pub(super) fn new(with_tls: bool) -> Result<Self, String> {
        let mut config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent("maais");
        if with_tls {
            let found = rustls_native_certs::load_native_certs().certs;
            if found.is_empty() {
                return Err("the system has no certificates to check a witness's against; install \
                            `ca-certificates`, or set SSL_CERT_FILE"
                    .to_owned());
            }
            let certs: Vec<_> = found.iter().map(|cert| Certificate::from_der(cert).to_owned()).collect();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            config = config.tls_config(
                TlsConfig::builder()
                    .root_certs(RootCerts::new_with_certs(&certs))
                    .unversioned_rustls_crypto_provider(provider)
                    .build(),
            );
        }
        Ok(Self { agent: config.build().into() })
    }

    /// Asks a witness to cosign the newest checkpoint; `kept` are the checkpoints cosigned before.
    pub(super) fn ask(&self, target: &Target, submissions: &Submissions, kept: &[String]) -> Answer {
        let mut seen = last_seen(target, submissions, kept);
        for _ in 0..ATTEMPTS {
            let steps = match submissions.after(seen) {
                Ok(steps) => steps,
                Err(back) => return Answer::OtherHistory { why: back.to_string() },
            };
            match self.submit_all(target, steps) {
                Ok(answer) => return answer,
                Err(size) => seen = size,
            }
        }
        Answer::NotAsked { why: format!("it was elsewhere {ATTEMPTS} times, last at {seen} records") }
    }

    /// Submits one checkpoint after the other; the last answer, or the size at which the witness was instead.
    fn submit_all(&self, target: &Target, steps: VecDeque<Submission>) -> Result<Answer, u64> {
        let mut answer = Answer::NotAsked { why: "there was nothing to submit".to_owned() };
        for step in steps {
            answer = match self.submit(target, &step) {
                Reply::Cosigned(lines) => cosigned(target, &step.note, &lines),
                Reply::Ended(answer) => return Ok(answer),
                Reply::Seen(size) => return Err(size),
            };
            if matches!(answer, Answer::NotAsked { .. }) {
                break;
            }
        }
        Ok(answer)
    }

    fn submit(&self, target: &Target, step: &Submission) -> Reply {
        let ended = |why: String| Reply::Ended(Answer::NotAsked { why });
        let other = |why: String| Reply::Ended(Answer::OtherHistory { why });
        let url = format!("{}/add-checkpoint", target.url);
        let mut response = match self.agent.post(&url).content_type("text/plain").send(step.to_string()) {
            Ok(response) => response,
            Err(error) => return ended(error.to_string()),
        };
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let body = match body {
            Ok(body) => body,
            Err(error) => return ended(error.to_string()),
        };
        let size: Option<u64> = body.strip_suffix('\n').and_then(|text| text.parse().ok());
        match (status, size) {
            (200, _) => Reply::Cosigned(body),
            (409, Some(size)) if size != step.old => Reply::Seen(size),
            // What it was asked about is as long as what it has.
            (409, _) if Checkpoint::parse(&step.note).is_ok_and(|new| new.size == step.old) => {
                other(format!("at {} records it cosigned another history of this log", step.old))
            }
            (422, _) => other(format!(
                "these records do not continue the first {} of this log that it cosigned",
                step.old
            )),
            (403, _) => other(
                "it trusts no key that signed this: another log has this name, or it was told another first key, or \
                 it is a program that does not follow this log's changes of key"
                    .to_owned(),
            ),
            (404, _) => ended("it does not know the log: give its operator the log's first key".to_owned()),
            _ => ended(format!("status {status}: {}", body.trim_end())),
        }
    }
}

/// The largest size that the witness is known to have cosigned, or 0.
fn last_seen(target: &Target, submissions: &Submissions, kept: &[String]) -> u64 {
    let Some(vkey) = &target.vkey else { return 0 };
    let by_it = kept.iter().filter(|note| vkey.cosigned(note).is_ok_and(|time| time.is_some()));
    let sizes = by_it.filter_map(|note| Checkpoint::parse(note).ok());
    let newest = submissions.newest();
    sizes.filter(|known| known.origin == newest.origin).map(|known| known.size).max().unwrap_or(0)
}

/// The lines of an answer that the witness's key made, or all, if the key is not known.
fn cosigned(target: &Target, note: &str, lines: &str) -> Answer {
    let Some(vkey) = &target.vkey else {
        return match Checkpoint::parse(&format!("{note}{lines}")) {
            Ok(_) if !lines.is_empty() => Answer::Cosigned { lines: lines.to_owned(), time: None },
            _ => Answer::NotAsked { why: "its answer is no cosignature".to_owned() },
        };
    };
    let time_of = |line: &str| vkey.cosigned(&format!("{note}{line}\n")).ok().flatten();
    let good = lines.lines().filter_map(|line| Some((time_of(line)?, line)));
    let Some((time, line)) = good.max_by_key(|(time, _)| *time) else {
        return Answer::NotAsked { why: "its answer holds no cosignature of its key".to_owned() };
    };
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
    match i64::try_from(time).ok().and_then(|time| Timestamp::from_second(time).ok()) {
        Some(at) if time <= now.saturating_add(AHEAD_MAX_SECONDS) => {
            Answer::Cosigned { lines: format!("{line}\n"), time: Some(at) }
        }
        _ => Answer::NotAsked { why: "its cosignature is from the future: look at its clock".to_owned() },
    }
}
