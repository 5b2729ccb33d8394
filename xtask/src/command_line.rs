//! What was typed, as a request. Knows the names of the suites, runs none of them.

use std::path::PathBuf;

use crate::suites::{SUITES, Suite};

pub(crate) const HELP: &str = "\
The front door for people who work on the project.

Usage: cargo xtask <command>

Commands:
  test         run every suite, report each, exit non-zero if one failed
  lint         the quick checks: fmt, tidy, licences, clippy, ruff, mypy
  fmt          format Rust and Python in place
  tidy         house rules that clippy does not know
  python-env   create or update the virtual environment of the Python suites
  schema       write schema/policy.json
  atlas        make the bundled table of MITRE ATLAS, ATT&CK and OWASP ids

Options of `test`:
  --list       name the suites and stop
  --only NAME  run one suite and what it needs (may be repeated)
  --fail-fast  stop after the first suite that fails

Options of `atlas`:
  --source DIR the folder with ATLAS.yaml, atlas_attack_map.json and owasp_ids.json

Examples:
  cargo xtask test
  cargo xtask test --only pytest
  cargo xtask lint
";

/// What one suite that failed means for those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    KeepGoing,
    Stop,
}

pub(crate) enum Request {
    Help,
    List,
    Run { suites: Vec<&'static Suite>, on_failure: OnFailure },
    Format,
    Schema,
    Atlas { source: PathBuf },
}

pub(crate) fn parse(arguments: &[String]) -> Result<Request, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if words.iter().any(|word| matches!(*word, "-h" | "--help")) {
        return Ok(Request::Help);
    }
    match words.as_slice() {
        [] | ["help"] => Ok(Request::Help),
        ["test", options @ ..] => parse_test(options),
        ["lint"] => run(&["fmt", "tidy", "licences", "clippy", "ruff", "mypy"]),
        ["tidy"] => run(&["tidy"]),
        ["python-env"] => run(&["python-env"]),
        ["fmt"] => Ok(Request::Format),
        ["schema"] => Ok(Request::Schema),
        ["atlas", "--source", folder] => Ok(Request::Atlas { source: folder.into() }),
        ["atlas", ..] => Err("`atlas` needs `--source DIR`; see `cargo xtask --help`".into()),
        [command @ ("lint" | "tidy" | "python-env" | "fmt" | "schema"), option, ..] => {
            Err(format!("`{command}` takes no option `{option}`; see `cargo xtask --help`"))
        }
        [command, ..] => Err(format!("unknown command `{command}`; see `cargo xtask --help`")),
    }
}

fn run(names: &[&str]) -> Result<Request, String> {
    Ok(Request::Run { suites: select(names)?, on_failure: OnFailure::KeepGoing })
}

fn parse_test(options: &[&str]) -> Result<Request, String> {
    let mut names = Vec::new();
    let mut on_failure = OnFailure::KeepGoing;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--list" => return Ok(Request::List),
            "--fail-fast" => on_failure = OnFailure::Stop,
            "--only" => names.push(*options.next().ok_or("`--only` needs the name of a suite")?),
            other => {
                return Err(format!("unknown option `{other}` of `test`; see `cargo xtask --help`"));
            }
        }
    }
    let suites = if names.is_empty() { SUITES.iter().collect() } else { select(&names)? };
    Ok(Request::Run { suites, on_failure })
}

/// The named suites and what they need, in the order of the table.
fn select(names: &[&str]) -> Result<Vec<&'static Suite>, String> {
    let mut wanted = Vec::new();
    for name in names {
        add(name, &mut wanted)?;
    }
    Ok(SUITES.iter().filter(|suite| wanted.contains(&suite.name)).collect())
}

fn add(name: &str, wanted: &mut Vec<&'static str>) -> Result<(), String> {
    let suite = SUITES
        .iter()
        .find(|suite| suite.name == name)
        .ok_or_else(|| format!("unknown suite `{name}`; `cargo xtask test --list` names them"))?;
    for needed in suite.needs {
        add(needed, wanted)?;
    }
    wanted.push(suite.name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<&'static str> {
        let words: Vec<String> = line.split_whitespace().map(String::from).collect();
        match parse(&words) {
            Ok(Request::Run { suites, .. }) => suites.iter().map(|suite| suite.name).collect(),
            _ => panic!("`{line}` does not run suites"),
        }
    }

    #[test]
    fn one_suite_brings_what_it_needs_and_nothing_else() {
        assert_eq!(names("test --only pytest"), ["python-env", "wheel", "pytest"]);
        assert_eq!(names("test --only fmt --only tidy"), ["fmt", "tidy"]);
    }

    #[test]
    fn test_alone_runs_the_whole_table() {
        assert_eq!(names("test").len(), SUITES.len());
    }

    #[test]
    fn what_a_suite_needs_stands_before_it_in_the_table() {
        for (place, suite) in SUITES.iter().enumerate() {
            for needed in suite.needs {
                assert!(SUITES[..place].iter().any(|earlier| earlier.name == *needed), "{}", suite.name);
            }
        }
    }

    #[test]
    fn typing_errors_are_named() {
        for line in ["tset", "test --onyl fmt", "test --only", "test --only fmtt", "tidy --fast", "atlas"] {
            let words: Vec<String> = line.split_whitespace().map(String::from).collect();
            assert!(parse(&words).is_err(), "{line}");
        }
    }
}
