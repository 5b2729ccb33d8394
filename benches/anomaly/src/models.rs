//! Isolation Forest and Half-Space Trees on the tables of ADBench, beside scikit-learn and river in the same run.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use maais_core::anomaly::HalfSpaceTrees;
use maais_core::anomaly::half_space;
use maais_core::anomaly::isolation::{self, IsolationForest};
use serde_json::{Value, json};

use crate::area::area;
use crate::npz::Table;

/// Levels of the trees: those that fit a cache, and those of the paper.
pub(crate) const DEPTHS: [u8; 2] = [8, 15];
const SEEDS: u64 = 3;

/// One table.
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) rows: usize,
    pub(crate) forest: f64,
    /// Of scikit-learn, from the file beside the tables.
    pub(crate) forest_reference: Option<f64>,
    /// Area and microseconds a row, scaling included, at each depth.
    pub(crate) streaming: [(f64, f64); 2],
    /// What the other program said of the same rows in the same order.
    pub(crate) theirs: Option<Value>,
}

impl Measured {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "name": self.name, "rows": self.rows, "isolation_forest": self.forest,
            "isolation_forest_reference": self.forest_reference,
            "half_space_8": self.streaming[0].0, "half_space_8_us": self.streaming[0].1,
            "half_space_15": self.streaming[1].0, "half_space_15_us": self.streaming[1].1,
            "in_the_same_run": self.theirs,
        })
    }

    pub(crate) fn their(&self, key: &str) -> Option<f64> {
        self.theirs.as_ref()?.get(key)?.as_f64()
    }
}

/// `python` has river and scikit-learn; `most` rows of a table are streamed.
pub(crate) fn run(dir: &Path, python: Option<&Path>, most: usize) -> Vec<Measured> {
    let text = std::fs::read_to_string(dir.join("adbench_reference.json")).expect("the references");
    let references: Vec<Value> = serde_json::from_str(&text).expect("references");
    let mut files: Vec<_> =
        std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "npz"));
    files.sort();
    let ours = files.iter().map(|path| {
        let table = Table::read(path).shuffled();
        eprintln!("{}", table.name);
        let reference = references.iter().find(|reference| reference["name"] == table.name.as_str());
        Measured {
            forest: forest(&table),
            forest_reference: reference.and_then(|reference| reference["iforest_auc"].as_f64()),
            streaming: DEPTHS.map(|depth| streaming(&table, depth, most)),
            rows: table.unusual.len(),
            name: table.name,
            theirs: None,
        }
    });
    let mut measured: Vec<Measured> = ours.collect();
    let mut theirs = python.map(|python| in_python(python, dir, most)).unwrap_or_default();
    for one in &mut measured {
        one.theirs = theirs.remove(&one.name);
    }
    measured
}

/// The mean of some seeds, as the reference is.
fn forest(table: &Table) -> f64 {
    let areas = (0..SEEDS).map(|seed| {
        let parameters = isolation::Parameters { seed, ..isolation::Parameters::default() };
        let forest = IsolationForest::grow(&table.values, table.dimensions, parameters).expect("rows");
        let scores: Vec<f64> = table.rows().map(|row| forest.score(row)).collect();
        area(&scores, &table.unusual).expect("both labels")
    });
    areas.sum::<f64>() / SEEDS as f64
}

/// Scores, then learns each row; columns are brought to [0, 1] by what was seen so far, as river's documentation does.
fn streaming(table: &Table, depth: u8, most: usize) -> (f64, f64) {
    let columns = u16::try_from(table.dimensions).expect("columns");
    let mut model =
        HalfSpaceTrees::new(half_space::Parameters { depth, ..half_space::Parameters::default() }, columns);
    let mut ranges = vec![(f64::MAX, f64::MIN); table.dimensions];
    let mut scaled = vec![0.0_f32; table.dimensions];
    let mut scores = Vec::with_capacity(most);
    let begin = Instant::now();
    for row in table.rows().take(most) {
        for ((scaled, range), value) in scaled.iter_mut().zip(&mut ranges).zip(row) {
            *range = (range.0.min(*value), range.1.max(*value));
            let width = range.1 - range.0;
            *scaled = if width > 0.0 { ((value - range.0) / width) as f32 } else { 0.0 };
        }
        scores.push(model.score(&scaled).unwrap_or(f64::MIN));
        model.learn(black_box(&scaled));
    }
    let cost = begin.elapsed().as_secs_f64() * 1e6 / scores.len() as f64;
    (area(&scores, &table.unusual[..scores.len()]).expect("both labels"), cost)
}

/// The same rows in the same order, by `reference.py`.
fn in_python(python: &Path, dir: &Path, most: usize) -> BTreeMap<String, Value> {
    eprintln!("river and scikit-learn …");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference.py");
    let output =
        Command::new(python).arg(script).arg(dir).arg(most.to_string()).output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line"));
    lines.map(|line| (line["name"].as_str().expect("a name").to_owned(), line)).collect()
}
