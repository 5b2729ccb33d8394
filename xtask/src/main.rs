//! The front door for people who work on the project: `cargo xtask test`, `lint`, `fmt`, `tidy`, `atlas`.
//!
//! It runs tools and reports; it decides nothing about the product and is never shipped.

mod apt;
mod atlas;
mod command_line;
mod licences;
mod program;
mod python;
mod report;
mod suites;
mod third_parties;
mod tidy;
mod workspace;

use std::process::ExitCode;

use command_line::{Request, parse};
use suites::SUITES;
use workspace::Workspace;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse(&arguments).and_then(carry_out) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(request: Request) -> Result<ExitCode, String> {
    match request {
        Request::Help => {
            print!("{}", command_line::HELP);
            Ok(ExitCode::SUCCESS)
        }
        Request::List => {
            for suite in SUITES {
                println!("{:<12} {}", suite.name, suite.about);
            }
            Ok(ExitCode::SUCCESS)
        }
        Request::Run { suites, on_failure } => {
            let workspace = Workspace::open()?;
            Ok(report::run(&workspace, &suites, on_failure))
        }
        Request::Format => {
            suites::format(&Workspace::open()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Request::Schema => {
            program::schema(&Workspace::open()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Request::Atlas { source } => {
            atlas::run(&Workspace::open()?, &source)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
