//! Isolation Forest (Liu, Ting, Zhou: *Isolation Forest*, ICDM 2008): the batch model, for a history that is at hand.
//!
//! Who is unusual is isolated by few random cuts. Deterministic: the seed decides every sub-sample and every cut. It
//! does not learn afterwards; for that there are [Half-Space Trees](super::HalfSpaceTrees).

use super::arithmetic::{Stream, exp2, log2};
use super::codec::{Reader, StateError, Writer};

/// Trees that a forest may have.
const TREES_MAX: usize = 1_000;
/// Rows of a sub-sample.
const SUBSAMPLE_MAX: usize = 65_536;
/// Columns of a row.
const DIMENSIONS_MAX: usize = 65_535;
const MAGIC: [u8; 4] = *b"MAif";
const VERSION: u8 = 1;

/// What the paper leaves to its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// The number of trees, *t*.
    pub trees: u16,
    /// Rows of which each tree is made, *ψ*: at least 2.
    pub subsample: u32,
    /// Decides the sub-samples and the cuts.
    pub seed: u64,
}

impl Default for Parameters {
    /// The paper's: t = 100, ψ = 256.
    fn default() -> Self {
        Self { trees: 100, subsample: 256, seed: 0 }
    }
}

/// A node: a cut, or a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Node {
    /// Left is what is smaller; the right child's number, for the left one is the next node.
    Cut { dimension: u16, at: f64, right: u32 },
    /// Rows that ended here.
    Leaf { size: u32 },
}

/// A forest that was grown once.
#[derive(Debug, Clone, PartialEq)]
pub struct IsolationForest {
    dimensions: usize,
    subsample: u32,
    trees: Vec<Vec<Node>>,
}

impl IsolationForest {
    /// Grows a forest on rows of equal length, one after the other in `rows`. Nothing can be said without a row.
    pub fn grow(rows: &[f64], dimensions: usize, parameters: Parameters) -> Option<Self> {
        let fits = (1..=DIMENSIONS_MAX).contains(&dimensions);
        let count = u32::try_from(rows.len().checked_div(dimensions)?).ok()?;
        if !fits || count == 0 || parameters.trees == 0 {
            return None;
        }
        let subsample = parameters.subsample.clamp(2, SUBSAMPLE_MAX as u32).min(count);
        let mut stream = Stream::new(parameters.seed);
        let trees = usize::from(parameters.trees).min(TREES_MAX);
        let data = Rows { values: rows, dimensions };
        let grown = (0..trees).map(|_| {
            let mut sample = sample(count, subsample, &mut stream);
            let mut nodes = Vec::new();
            grow(&data, &mut sample, height_limit(subsample), &mut stream, &mut nodes);
            nodes
        });
        Some(Self { dimensions, subsample, trees: grown.collect() })
    }

    /// Numbers a row has.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The paper's anomaly score, 2^(−E(h(x))/c(ψ)): near 1 for what is isolated at once, below 0.5 for what is not.
    /// A missing column counts as 0.
    pub fn score(&self, row: &[f64]) -> f64 {
        let total: f64 = self.trees.iter().map(|tree| path_length(tree, row)).sum();
        let mean = total / self.trees.len().max(1) as f64;
        exp2(-mean / average_path(self.subsample).max(1.0))
    }

    /// The forest in its binary form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC, VERSION);
        writer.u16(u16::try_from(self.dimensions).unwrap_or(u16::MAX));
        writer.u32(self.subsample);
        writer.varint(self.trees.len() as u64);
        for tree in &self.trees {
            writer.varint(tree.len() as u64);
            for node in tree {
                match *node {
                    Node::Leaf { size } => {
                        writer.u8(0);
                        writer.varint(u64::from(size));
                    }
                    Node::Cut { dimension, at, right } => {
                        writer.u8(1);
                        writer.u16(dimension);
                        writer.f64(at);
                        writer.varint(u64::from(right));
                    }
                }
            }
        }
        writer.finish()
    }

    /// Reads what [`IsolationForest::to_bytes`] wrote.
    ///
    /// # Errors
    /// Says what no forest holds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut reader = Reader::new(bytes, MAGIC, VERSION, "isolation forest")?;
        let dimensions = usize::from(reader.u16()?);
        let subsample = reader.u32()?;
        let sound = dimensions > 0 && (1..=SUBSAMPLE_MAX as u32).contains(&subsample);
        let count = reader.length(TREES_MAX, "number of trees")?;
        if !sound || count == 0 {
            return Err(StateError::Invalid { what: "sub-sample" });
        }
        let mut trees = Vec::new();
        for _ in 0..count {
            trees.push(read_tree(&mut reader, dimensions, subsample)?);
        }
        reader.end()?;
        Ok(Self { dimensions, subsample, trees })
    }
}

/// A tree whose every cut leads further down the list, so that each walk ends.
fn read_tree(reader: &mut Reader<'_>, dimensions: usize, subsample: u32) -> Result<Vec<Node>, StateError> {
    let length = reader.length(2 * SUBSAMPLE_MAX, "number of nodes")?;
    let mut nodes = Vec::new();
    for number in 0..length {
        nodes.push(match reader.u8()? {
            0 => Node::Leaf { size: reader.varint(u64::from(subsample), "leaf")? as u32 },
            1 => {
                let dimension = reader.u16()?;
                let at = reader.f64(f64::MIN, f64::MAX, "cut")?;
                let right = reader.length(length.saturating_sub(1), "child")?;
                if usize::from(dimension) >= dimensions || right < number + 2 {
                    return Err(StateError::Invalid { what: "cut" });
                }
                Node::Cut { dimension, at, right: right as u32 }
            }
            _ => return Err(StateError::Invalid { what: "node" }),
        });
    }
    match nodes.last() {
        Some(Node::Leaf { .. }) => Ok(nodes),
        _ => Err(StateError::Invalid { what: "tree" }),
    }
}

struct Rows<'a> {
    values: &'a [f64],
    dimensions: usize,
}

impl Rows<'_> {
    fn value(&self, row: u32, dimension: usize) -> f64 {
        let at = (row as usize).saturating_mul(self.dimensions).saturating_add(dimension);
        self.values.get(at).copied().unwrap_or_default()
    }
}

/// `size` of the first `count` numbers, each at most once (Floyd 1987).
fn sample(count: u32, size: u32, stream: &mut Stream) -> Vec<u32> {
    let mut chosen = std::collections::BTreeSet::new();
    for last in count.saturating_sub(size)..count {
        let candidate = stream.below(last.saturating_add(1));
        if !chosen.insert(candidate) {
            chosen.insert(last);
        }
    }
    chosen.into_iter().collect()
}

/// ceil(log2 ψ): the average depth, beyond which nobody is unusual.
fn height_limit(subsample: u32) -> u32 {
    subsample.max(2).next_power_of_two().trailing_zeros()
}

fn grow(rows: &Rows<'_>, sample: &mut [u32], height: u32, stream: &mut Stream, nodes: &mut Vec<Node>) {
    let cut = if height == 0 || sample.len() <= 1 { None } else { choose_cut(rows, sample, stream) };
    let Some((dimension, at)) = cut else {
        nodes.push(Node::Leaf { size: sample.len() as u32 });
        return;
    };
    let mut smaller = 0;
    for place in 0..sample.len() {
        if sample.get(place).is_some_and(|row| rows.value(*row, dimension) < at) {
            sample.swap(place, smaller);
            smaller += 1;
        }
    }
    let here = nodes.len();
    nodes.push(Node::Leaf { size: 0 });
    let (left, right) = sample.split_at_mut(smaller);
    grow(rows, left, height - 1, stream, nodes);
    let second = nodes.len() as u32;
    grow(rows, right, height - 1, stream, nodes);
    if let Some(node) = nodes.get_mut(here) {
        *node = Node::Cut { dimension: dimension as u16, at, right: second };
    }
}

/// A random column in which the rows differ, and a value between them. Columns are tried in random order without
/// repeating one, as far as that is cheap.
fn choose_cut(rows: &Rows<'_>, sample: &[u32], stream: &mut Stream) -> Option<(usize, f64)> {
    let mut columns: Vec<u32> = (0..rows.dimensions as u32).collect();
    while !columns.is_empty() {
        let drawn = stream.below(columns.len() as u32) as usize;
        let dimension = columns.swap_remove(drawn) as usize;
        let values = sample.iter().map(|row| rows.value(*row, dimension)).filter(|value| value.is_finite());
        let (low, high) =
            values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        if low < high {
            let at = low + (high - low) * stream.unit();
            // Above the lowest, so that both sides have someone.
            return Some((dimension, if at > low { at } else { high }));
        }
    }
    None
}

/// h(x): cuts to the leaf, and what the leaf's rows would still have taken.
fn path_length(tree: &[Node], row: &[f64]) -> f64 {
    let mut at = 0;
    let mut depth = 0.0;
    loop {
        match tree.get(at) {
            Some(&Node::Cut { dimension, at: value, right }) => {
                let smaller = row.get(usize::from(dimension)).copied().unwrap_or_default() < value;
                at = if smaller { at + 1 } else { right as usize };
                depth += 1.0;
            }
            Some(&Node::Leaf { size }) => return depth + average_path(size),
            None => return depth,
        }
    }
}

/// c(n) = 2 H(n−1) − 2(n−1)/n: the average path of an unsuccessful search among n.
fn average_path(n: u32) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = f64::from(n);
            let harmonic = log2(n - 1.0) * std::f64::consts::LN_2 + EULER;
            2.0 * harmonic - 2.0 * (n - 1.0) / n
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cloud(count: usize, seed: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed);
        (0..count * 2).map(|_| stream.unit() + stream.unit() + stream.unit()).collect()
    }

    #[test]
    fn who_stands_apart_scores_higher_than_everyone_in_the_crowd() {
        let mut rows = cloud(500, 1);
        rows.extend([9.0, -7.0]);
        let forest = IsolationForest::grow(&rows, 2, Parameters::default()).unwrap();
        let apart = forest.score(&[9.0, -7.0]);
        let highest = rows.chunks(2).take(500).map(|row| forest.score(row)).fold(0.0, f64::max);
        assert!(apart > highest && apart > 0.7, "{apart} {highest}");
        assert!(forest.score(&[1.5, 1.5]) < 0.5);
    }

    #[test]
    fn a_seed_decides_everything_and_another_gives_another_forest() {
        let rows = cloud(300, 2);
        let grown = |seed| IsolationForest::grow(&rows, 2, Parameters { seed, ..Parameters::default() });
        assert_eq!(grown(3), grown(3));
        assert_ne!(grown(3), grown(4));
    }

    #[test]
    fn rows_that_are_all_alike_isolate_nobody() {
        let forest = IsolationForest::grow(&[1.0; 100], 2, Parameters::default()).unwrap();
        assert!(forest.score(&[1.0, 1.0]) <= 0.5);
    }

    #[test]
    fn without_a_row_there_is_no_forest() {
        assert!(IsolationForest::grow(&[], 2, Parameters::default()).is_none());
        assert!(IsolationForest::grow(&[1.0], 0, Parameters::default()).is_none());
    }

    #[test]
    fn the_average_path_is_that_of_the_paper() {
        assert_eq!(average_path(1), 0.0);
        assert!((average_path(256) - 10.244).abs() < 0.01, "{}", average_path(256));
    }

    #[test]
    fn a_cut_that_leads_back_is_refused() {
        let forest = IsolationForest::grow(&cloud(64, 5), 2, Parameters::default()).unwrap();
        let mut looped = forest.clone();
        if let Some(Node::Cut { right, .. }) = looped.trees[0].first_mut() {
            *right = 1;
        }
        assert_eq!(IsolationForest::from_bytes(&looped.to_bytes()), Err(StateError::Invalid { what: "cut" }));
    }

    proptest! {
        #[test]
        fn a_forest_is_read_as_it_was_written(seed: u64, values in prop::collection::vec(-1e6..1e6_f64, 2..200)) {
            let parameters = Parameters { trees: 5, subsample: 32, seed };
            if let Some(forest) = IsolationForest::grow(&values, 2, parameters) {
                prop_assert_eq!(IsolationForest::from_bytes(&forest.to_bytes()), Ok(forest.clone()));
                let score = forest.score(&values);
                prop_assert!((0.0..=1.0).contains(&score));
            }
        }

        #[test]
        fn bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let state = [MAGIC.to_vec(), vec![VERSION], bytes].concat();
            if let Ok(forest) = IsolationForest::from_bytes(&state) {
                prop_assert_eq!(forest.to_bytes(), state);
                prop_assert!(forest.score(&[]).is_finite());
            }
        }
    }
}
