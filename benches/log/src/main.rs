//! The audit log beside a bare loop of write and fdatasync, SQLite, redb and fjall: the same record, the same disk, the
//! same run, in turn. Prints ratios, and writes the raw run if asked to. Judges nothing.

mod load;
mod report;
mod stores;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;

use load::{Measured, closed, open};
use stores::{Bare, Fjall, Ours, Redb, Sqlite, Store};

/// Measures durable appends.
#[derive(Parser)]
struct Arguments {
    /// A folder on the disk that is measured.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Seconds for each store, number of callers and round.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How often everything is measured; the best round by rate counts.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Only stores whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
    /// Only this many callers.
    #[arg(long)]
    callers: Option<usize>,
    /// Where the raw run goes.
    #[arg(long)]
    json: Option<PathBuf>,
}

type Open = fn(&Path) -> Box<dyn Store>;

/// Durable before the answer, all of them; the last two of ours excepted.
const STORES: [(&str, Open); 7] = [
    ("bare write+fdatasync", |dir| Box::new(Bare::open(dir, false))),
    ("bare, pre-written file", |dir| Box::new(Bare::open(dir, true))),
    ("ours, durable", |dir| Box::new(Ours::durable(dir))),
    ("SQLite WAL FULL", |dir| Box::new(Sqlite::open(dir))),
    ("redb", |dir| Box::new(Redb::open(dir))),
    ("fjall", |dir| Box::new(Fjall::open(dir))),
    ("ours, buffered", |dir| Box::new(Ours::buffered(dir))),
];

const CALLERS: [usize; 3] = [1, 8, 64];

/// Records a second, from 64 callers, counted from when each should have begun.
const RATES: [u32; 4] = [1_000, 2_000, 5_000, 10_000];

fn main() {
    let arguments = Arguments::parse();
    let time = Duration::from_secs_f64(arguments.seconds);
    let home = tempfile::tempdir_in(&arguments.dir).expect("a folder to write to");
    let mut measured: Vec<Measured> = Vec::new();
    for round in 0..arguments.rounds {
        for callers in CALLERS.into_iter().filter(|count| arguments.callers.is_none_or(|only| only == *count)) {
            for (name, make) in STORES.into_iter().filter(|(name, _)| name.contains(&arguments.only)) {
                let dir = home.path().join(format!("{round}-{callers}-{}", name.replace([' ', ','], "-")));
                std::fs::create_dir(&dir).expect("a folder");
                eprintln!("round {round}: {name}, {callers} callers");
                let store = make(&dir);
                measured.push(closed(name, &*store, callers, time, round));
                drop(store);
                drop(std::fs::remove_dir_all(&dir));
            }
        }
        for rate in RATES.into_iter().filter(|_| arguments.callers.is_none() && arguments.only.is_empty()) {
            let dir = home.path().join(format!("{round}-open-{rate}"));
            std::fs::create_dir(&dir).expect("a folder");
            eprintln!("round {round}: ours, open loop, {rate}/s");
            measured.push(open("ours, durable", &Ours::durable(&dir), rate, time, round));
            drop(std::fs::remove_dir_all(&dir));
        }
    }
    let extra = report::extra(home.path());
    report::print(&measured, &extra);
    if let Some(path) = arguments.json {
        std::fs::write(path, report::json(&measured, &extra)).expect("the raw run is written");
    }
}
