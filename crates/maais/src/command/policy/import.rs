//! `maais policy import`: policies of other engines, and tools of MCP servers, as policies of ours.
//!
//! All or nothing: whatever has no exact equivalent is refused with its place, and then nothing is printed.

mod agt;
mod draft;
mod mcp;
mod regex;
mod rego;

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;

use maais_runtime::core::diagnostic::{Diagnostics, Source};
use maais_runtime::core::policy;

use crate::cli::{Import, Origin};
use crate::command::{Done, verdict};
use crate::term::{BAD, DIAGNOSTICS, paint, printable, say_raw};

/// Refusals that are shown.
const SHOWN_MAX: usize = 200;
/// Characters of a file's name in a comment.
const NAME_MAX: usize = 200;

/// Prints a policy file.
pub(super) fn run(args: &Import) -> Done {
    let cannot = |error: io::Error| format!("cannot read `{}`: {error}", args.file.display());
    let bytes = if args.file == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map_err(cannot)?;
        bytes
    } else {
        fs::read(&args.file).map_err(cannot)?
    };
    let name = args.file.display().to_string();
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            return Err(format!("`{name}` is not UTF-8: byte {at}").into());
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let Some(origin) = args.from.or_else(|| detect(&args.file, text)) else {
        return Err(
            format!("cannot tell what `{name}` is: say `--from mcp`, `--from rego` or `--from agt`").into()
        );
    };
    for (flag, given, of) in
        [("--field", !args.fields.is_empty(), Origin::Agt), ("--plain-names", args.plain_names, Origin::Rego)]
    {
        if given && origin != of {
            return Err(format!("`{flag}` says nothing about `{name}`").into());
        }
    }
    let source = Source::new(name, text);
    let made = |what: &str| {
        format!("Made by `maais policy import` from {} ({what}).", printable(&source.name, NAME_MAX))
    };
    let file = match origin {
        Origin::Mcp => {
            let made = made("an answer to MCP's tools/list");
            return Ok(match mcp::import(text, &made) {
                Ok(yaml) => {
                    say_raw!("{yaml}");
                    ExitCode::SUCCESS
                }
                Err(error) => {
                    anstream::eprintln!(
                        "{} nothing was imported: `{}`: {error}",
                        paint(BAD, "refused"),
                        source.name
                    );
                    verdict(false)
                }
            });
        }
        Origin::Rego => rego::import(&source, args.plain_names).map(|file| file.from(made("Rego"))),
        Origin::Agt => agt::import(&source, &args.fields)
            .map(|file| file.from(made("a policy of the Agent Governance Toolkit"))),
    };
    Ok(match file.and_then(|file| loads(&file.to_yaml())) {
        Ok(yaml) => {
            say_raw!("{yaml}");
            ExitCode::SUCCESS
        }
        Err(problems) => {
            say_refused(problems);
            verdict(false)
        }
    })
}

/// Every refusal, as long as they can be read.
fn say_refused(mut problems: Diagnostics) {
    let count = problems.0.len();
    problems.0.truncate(SHOWN_MAX);
    anstream::eprintln!("{}\n", problems.render(DIAGNOSTICS));
    let hidden = match count - problems.0.len() {
        0 => String::new(),
        more => format!(", {more} of them not shown"),
    };
    anstream::eprintln!("{} nothing was imported: {count} refused{hidden}", paint(BAD, "refused"));
}

/// What was written must be a policy file, whatever it was made from.
fn loads(yaml: &str) -> Result<String, Diagnostics> {
    policy::load(&[Source::new("imported", yaml)]).map(|_| yaml.to_owned())
}

/// What a file is, by its name, else by what is in it.
fn detect(file: &Path, text: &str) -> Option<Origin> {
    if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("rego")) {
        return Some(Origin::Rego);
    }
    if mcp::is(text) {
        return Some(Origin::Mcp);
    }
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    if text.lines().find(code).is_some_and(|line| line.trim_start().starts_with("package ")) {
        return Some(Origin::Rego);
    }
    agt::is(text).then_some(Origin::Agt)
}
