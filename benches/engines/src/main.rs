//! Compares policy engines: the same rules, the same requests, one process, one thread, the same run.
//!
//! It measures decisions only: no transport, no audit log, no parsing of requests.

mod cedar;
mod cel_rules;
mod engine;
mod generate;
mod linear;
mod load;
mod measure;
mod ours;
mod rego;
mod render;
mod report;
mod workload;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::engine::Kind;
use crate::workload::Workload;

/// Whatever stops a run: it is told to the person who started it, and nothing is retried.
type Failure = Box<dyn Error>;

/// Compare policy engines on one workload.
#[derive(Parser)]
struct Arguments {
    /// A folder of NAME.rules.yaml, NAME.rules.json, NAME.cedar, NAME.rego and NAME.requests.jsonl.
    #[arg(long, value_name = "DIR", conflicts_with = "generate", required_unless_present = "generate")]
    workload: Option<PathBuf>,
    /// Make a workload of the same shape instead, the same one each time.
    #[arg(long)]
    generate: bool,
    /// Which rule sets, by name.
    #[arg(long, value_delimiter = ',')]
    sizes: Option<Vec<String>>,
    /// Which engines, by name.
    #[arg(long, value_enum, value_delimiter = ',')]
    engines: Option<Vec<Kind>>,
    /// Rounds in which each engine has one slice.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds at most for each engine on each rule set, over all rounds.
    #[arg(long, default_value_t = 10.0)]
    cap: f64,
    /// Where to write the run as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Load one engine, say how long it took and how much memory, and stop (for the child processes).
    #[arg(long, value_enum, hide = true)]
    load_only: Option<Kind>,
}

impl Arguments {
    fn sizes(&self) -> Vec<String> {
        let default: &[&str] = if self.generate { &generate::SIZES } else { &workload::SIZES };
        self.sizes.clone().unwrap_or_else(|| default.iter().map(|size| (*size).to_owned()).collect())
    }

    fn read(&self, size: &str) -> Result<Workload, Failure> {
        match &self.workload {
            Some(folder) => workload::read(folder, size),
            None => generate::workload(size),
        }
    }

    /// The same workload, for a child.
    fn origin(&self) -> Vec<String> {
        match &self.workload {
            Some(folder) => vec!["--workload".into(), folder.display().to_string()],
            None => vec!["--generate".into()],
        }
    }
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    if let (Some(kind), Some(size)) = (arguments.load_only, arguments.sizes().first()) {
        println!("{}", serde_json::to_string(&load::here(kind, &arguments.read(size)?)?)?);
        return Ok(());
    }
    let kinds = arguments.engines.clone().unwrap_or_else(|| Kind::ALL.to_vec());
    let plan = measure::Plan { rounds: arguments.rounds, cap: Duration::from_secs_f64(arguments.cap) };
    let mut run = report::Run::new(arguments.generate, &plan);
    for size in arguments.sizes() {
        eprintln!("{size}: load times and memory");
        let loads = kinds.iter().map(|kind| load::in_child(*kind, &size, &arguments.origin()));
        let loads = loads.collect::<Result<Vec<_>, _>>()?;
        let table = measure::compare(&size, &arguments.read(&size)?, &kinds, loads, &plan);
        print!("{}", report::table(&table));
        run.tables.push(table);
    }
    print!("{}", report::ratios(&run));
    if let Some(file) = arguments.json {
        fs::write(file, serde_json::to_string_pretty(&run)? + "\n")?;
    }
    Ok(())
}
