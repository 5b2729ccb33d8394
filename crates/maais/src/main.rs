//! The program `maais`: the engine's edges on the command line.
//!
//! Exit codes: 0 allowed or fine, 1 an error (nothing was decided), 2 denied or found wrong.

mod cli;
mod command;
mod term;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    cli.color.apply();
    init_tracing();
    match command::run(cli) {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("{}error{}: {error}", term::BAD.render(), term::BAD.render_reset());
            ExitCode::from(1)
        }
    }
}

/// Logs of the program itself go to standard error; `MAAIS_LOG` sets how many.
fn init_tracing() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MAAIS_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
