//! The arithmetic of behaviour on labelled data: areas, costs, memory, and a slow walk. Prints ratios first, and writes the
//! raw run if asked to. Judges nothing.

mod area;
mod cloudtrail;
mod cost;
mod models;
mod npz;
mod report;
mod sessions;
mod walk;

use std::path::PathBuf;

use clap::Parser;
use serde_json::{Map, Value};

use sessions::Learning;

/// Measures anomaly detection.
#[derive(Parser)]
struct Arguments {
    /// A folder with the tables of ADBench (`*.npz`), `adbench_reference.json` and `cloudtrail_stratus.jsonl`.
    #[arg(long)]
    tables: Option<PathBuf>,
    /// A folder with sessions of agents (`*.jsonl`).
    #[arg(long)]
    sessions: Option<PathBuf>,
    /// A Python that has river and scikit-learn.
    #[arg(long)]
    python: Option<PathBuf>,
    /// Rows of a table that are streamed.
    #[arg(long, default_value_t = 12_000)]
    rows: usize,
    /// Leaves out the walk.
    #[arg(long)]
    no_walk: bool,
    /// Where the raw run goes.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() {
    let arguments = Arguments::parse();
    let mut run = Map::new();
    if let Some(dir) = &arguments.sessions {
        for (name, learning) in
            [("sessions_reviewed", Learning::Reviewed), ("sessions_unattended", Learning::Clean)]
        {
            println!("{name}\n");
            run.insert(name.into(), report::sessions(&sessions::run(dir, learning)));
        }
        run.insert("cost".into(), told("cost", cost::run(dir)));
    }
    if !arguments.no_walk {
        run.insert("walk".into(), told("walk", walk::run()));
    }
    if let Some(dir) = &arguments.tables {
        run.insert("cloudtrail".into(), told("cloudtrail", cloudtrail::run(dir)));
        let measured = models::run(dir, arguments.python.as_deref(), arguments.rows);
        run.insert("models".into(), report::models(&measured));
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    run.insert("load_at_the_end".into(), load.trim().into());
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&Value::Object(run)).expect("JSON");
        std::fs::write(path, text + "\n").expect("a file to write");
    }
}

fn told(what: &str, value: Value) -> Value {
    println!("{what}: {value:#}\n");
    value
}
