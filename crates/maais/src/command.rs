//! One module a command, each with a `run` that returns the exit code.

mod atlas;
mod audit;
mod bench;
mod check;
mod demo;
mod explain;
mod init;
mod policy;
mod registry;
mod verify_spec;
mod witness;

use std::error::Error;
use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::{Cli, Command};
use crate::term::say_raw;

/// What a command ends with.
pub(crate) type Done = Result<ExitCode, Box<dyn Error>>;

/// Denied, or found wrong.
const DENIED: u8 = 2;

/// Runs the command that was typed.
pub(crate) fn run(cli: Cli) -> Done {
    match cli.command {
        Command::Check(args) => check::run(&args),
        Command::Policy(command) => policy::run(&command),
        Command::Explain(args) => explain::run(&args),
        Command::Audit(command) => audit::run(&command),
        Command::Witness(args) => witness::run(&args),
        Command::Tenant(command) => registry::tenant(&command),
        Command::Agent(command) => registry::agent(&command),
        Command::Contain(args) => registry::contain(&args, false),
        Command::Release(args) => registry::contain(&args, true),
        Command::Approvals(command) => registry::approvals(&command),
        Command::Permit(command) => registry::permit(&command),
        Command::Bench(args) => bench::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::VerifySpec(args) => verify_spec::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Atlas(command) => atlas::run(&command),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "maais", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// 0 if everything is fine, else 2.
fn verdict(fine: bool) -> ExitCode {
    if fine { ExitCode::SUCCESS } else { ExitCode::from(DENIED) }
}

/// Prints JSON, indented, with a line's end.
fn print_json(value: &serde_json::Value) -> Result<(), Box<dyn Error>> {
    say_raw!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
