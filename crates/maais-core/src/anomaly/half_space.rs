//! Streaming Half-Space Trees (Tan, Ting, Liu: *Fast Anomaly Detection for Streaming Data*, IJCAI 2011): the online model.
//!
//! Trees of random cuts through the unit cube are made once, from a seed, without data; what is learned is how many rows
//! fall into each node, for the window that is being filled and for the last full one, which scores. Memory and time
//! for a row do not depend on how many came before.
//!
//! Two things differ from the paper. The first windows are short and each is twice the one before, up to ψ, so a model
//! says something after sixteen rows instead of 250. And a cut stands at a random place in the middle of its node's
//! range rather than in the middle of a range that reaches outside of the cube, so that no cut is wasted; so does the
//! implementation in `river`. Which rows are learned is not decided here.

use super::arithmetic::{Stream, log2};
use super::codec::{Reader, StateError, Writer};

/// Trees of a model.
const TREES_MAX: u16 = 256;
/// Levels of cuts of a tree.
const DEPTH_MAX: u8 = 16;
/// Columns of a row.
const DIMENSIONS_MAX: u16 = 4_096;
/// Nodes of a model: what a state read from bytes may make us allocate.
const NODES_MAX: usize = 1 << 22;
/// Rows of the first window.
const FIRST_WINDOW: u16 = 16;
/// A node with less than this share of a window is not looked into: the paper's `SizeLimit` of 0.1 ψ.
const SIZE_LIMIT: f64 = 0.1;
/// The part of a range, at each end, where no cut stands.
const PADDING: f64 = 0.15;
const MAGIC: [u8; 4] = *b"MAhs";
const VERSION: u8 = 1;

/// What the paper leaves to its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// The number of trees, *t*.
    pub trees: u16,
    /// Levels of cuts, `maxDepth` or *h*.
    pub depth: u8,
    /// Rows of a window, *ψ*.
    pub window: u16,
    /// Decides the cuts.
    pub seed: u64,
}

impl Default for Parameters {
    /// The paper's trees and window, t = 25 and ψ = 250; h = 8 instead of 15, which keeps a model within a cache.
    fn default() -> Self {
        Self { trees: 25, depth: 8, window: 250, seed: 0 }
    }
}

/// Where a node is cut. The children of node n are 2n+1 and 2n+2.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Cut {
    at: f32,
    dimension: u16,
}

/// A model that learns with each row.
///
/// The same node of all trees stands together: the walks down the trees do not wait for each other, and their first
/// steps share a cache line.
#[derive(Debug, Clone, PartialEq)]
pub struct HalfSpaceTrees {
    parameters: Parameters,
    dimensions: u16,
    /// Rows of the last full window; 0 before there is one.
    reference_rows: u16,
    /// Rows of the window that is being filled.
    latest_rows: u16,
    cuts: Vec<Cut>,
    /// For each node, rows of the last full window: the paper's `r`.
    reference: Vec<u16>,
    /// Rows of the window that is being filled: the paper's `l`.
    latest: Vec<u16>,
}

impl HalfSpaceTrees {
    /// A model that has seen nothing, for rows of that many columns, each from 0 to 1. Parameters beyond what is
    /// possible are brought to it; a model has at most four million nodes.
    pub fn new(parameters: Parameters, dimensions: u16) -> Self {
        let trees = parameters.trees.clamp(1, TREES_MAX);
        let room = (NODES_MAX / stride(trees)).ilog2().saturating_sub(1) as u8;
        let parameters = Parameters {
            trees,
            depth: parameters.depth.clamp(1, DEPTH_MAX.min(room)),
            window: parameters.window.max(FIRST_WINDOW),
            seed: parameters.seed,
        };
        let dimensions = dimensions.clamp(1, DIMENSIONS_MAX);
        let mut stream = Stream::new(parameters.seed);
        let stride = stride(trees);
        let nodes = ((2 << parameters.depth) - 1) * stride;
        let mut cuts = vec![Cut::default(); nodes];
        for tree in 0..usize::from(trees) {
            let mut ranges = vec![(0.0, 1.0); usize::from(dimensions)];
            Growing { cuts: &mut cuts, tree, stride }.cut(0, &mut ranges, &mut stream);
        }
        let (reference, latest) = (vec![0; nodes], vec![0; nodes]);
        Self { parameters, dimensions, reference_rows: 0, latest_rows: 0, cuts, reference, latest }
    }

    /// The parameters, as they were brought to what is possible.
    pub fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// Columns of a row.
    pub fn dimensions(&self) -> u16 {
        self.dimensions
    }

    /// How rare the place of a row is, in bits: 0 where it is as crowded as if rows were spread evenly, one more for
    /// each halving. Nothing before the first window is full. A missing column counts as 0.
    pub fn score(&self, row: &[f32]) -> Option<f64> {
        if self.reference_rows == 0 {
            return None;
        }
        let limit = (f64::from(self.reference_rows) * SIZE_LIMIT) as u16;
        let trees = usize::from(self.parameters.trees);
        let mut mass = 0;
        for block in (0..trees).step_by(BLOCK) {
            let mut walks = Walks::new(block, trees);
            for level in 0..=self.parameters.depth {
                mass += walks.end_below(limit, level, level == self.parameters.depth, &self.reference);
                if walks.count == 0 {
                    break;
                }
                walks.descend(&self.cuts, row);
            }
        }
        let even = f64::from(self.reference_rows) * f64::from(self.parameters.trees);
        // A place where nobody was counts as half a row in one tree.
        Some(log2(even) - log2((mass as f64).max(0.5)))
    }

    /// Counts a row.
    pub fn learn(&mut self, row: &[f32]) {
        let trees = usize::from(self.parameters.trees);
        for block in (0..trees).step_by(BLOCK) {
            let mut walks = Walks::new(block, trees);
            for _ in 0..self.parameters.depth {
                walks.count_here(&mut self.latest);
                walks.descend(&self.cuts, row);
            }
            walks.count_here(&mut self.latest);
        }
        self.latest_rows = self.latest_rows.saturating_add(1);
        if self.latest_rows >= self.window() {
            self.reference_rows = self.latest_rows;
            self.latest_rows = 0;
            std::mem::swap(&mut self.reference, &mut self.latest);
            self.latest.fill(0);
        }
    }

    /// Rows of the window that is being filled, when it is full.
    fn window(&self) -> u16 {
        match self.reference_rows {
            0 => FIRST_WINDOW,
            full => full.saturating_mul(2).min(self.parameters.window),
        }
    }

    /// The model in its binary form: the cuts follow from the seed, so only the counts are written.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC, VERSION);
        writer.u16(self.parameters.trees);
        writer.u8(self.parameters.depth);
        writer.u16(self.parameters.window);
        writer.u64(self.parameters.seed);
        writer.u16(self.dimensions);
        writer.u16(self.reference_rows);
        writer.u16(self.latest_rows);
        let trees = usize::from(self.parameters.trees);
        for counts in [&self.reference, &self.latest] {
            let counts =
                counts.chunks(stride(self.parameters.trees)).flat_map(|node| node.iter().take(trees));
            counts.for_each(|count| writer.varint(u64::from(*count)));
        }
        writer.finish()
    }

    /// Reads what [`HalfSpaceTrees::to_bytes`] wrote.
    ///
    /// # Errors
    /// Says what no model holds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut reader = Reader::new(bytes, MAGIC, VERSION, "half-space trees")?;
        let parameters = Parameters {
            trees: reader.u16()?,
            depth: reader.u8()?,
            window: reader.u16()?,
            seed: reader.u64()?,
        };
        let dimensions = reader.u16()?;
        let (reference, latest) = (reader.u16()?, reader.u16()?);
        // Before anything is allocated: each node takes two bytes at least.
        let nodes = 1_usize.checked_shl(u32::from(parameters.depth) + 1).unwrap_or(usize::MAX);
        if nodes.saturating_mul(usize::from(parameters.trees)).saturating_mul(2) > reader.left() + 512 {
            return Err(StateError::Truncated);
        }
        let mut model = Self::new(parameters, dimensions);
        if model.parameters != parameters || model.dimensions != dimensions {
            return Err(StateError::Invalid { what: "parameter" });
        }
        model.reference_rows = reference;
        if reference > parameters.window || latest >= model.window() {
            return Err(StateError::Invalid { what: "window" });
        }
        model.latest_rows = latest;
        let (trees, stride) = (usize::from(parameters.trees), stride(parameters.trees));
        for (counts, most) in [(&mut model.reference, reference), (&mut model.latest, latest)] {
            for count in counts.chunks_mut(stride).flat_map(|node| node.iter_mut().take(trees)) {
                *count = reader.varint(u64::from(most), "count")? as u16;
            }
        }
        reader.end()?;
        Ok(model)
    }
}

/// Places from a node of a tree to the next node of it: a power of two, so that a place tells its tree at once.
fn stride(trees: u16) -> usize {
    usize::from(trees).next_power_of_two()
}

/// A tree whose cuts are being drawn.
struct Growing<'a> {
    cuts: &'a mut [Cut],
    tree: usize,
    stride: usize,
}

impl Growing<'_> {
    /// Cuts a node's part of the cube, then its children's. At most [`DEPTH_MAX`] deep.
    fn cut(&mut self, node: usize, ranges: &mut [(f32, f32)], stream: &mut Stream) {
        let dimension = stream.below(ranges.len() as u32) as usize;
        let share = PADDING + (1.0 - 2.0 * PADDING) * stream.unit();
        let Some(&(low, high)) = ranges.get(dimension) else { return };
        let at = low + (high - low) * share as f32;
        let Some(cut) = self.cuts.get_mut(node * self.stride + self.tree) else { return };
        *cut = Cut { at, dimension: dimension as u16 };
        for (child, range) in [(2 * node + 1, (low, at)), (2 * node + 2, (at, high))] {
            if child * self.stride < self.cuts.len() {
                if let Some(own) = ranges.get_mut(dimension) {
                    *own = range;
                }
                self.cut(child, ranges, stream);
            }
        }
        if let Some(own) = ranges.get_mut(dimension) {
            *own = (low, high);
        }
    }
}

/// Trees that are walked side by side.
const BLOCK: usize = 32;

/// Walks down some trees: where each is, as the place of a node of a tree.
struct Walks {
    places: [u32; BLOCK],
    /// The walks that have not ended stand first.
    count: usize,
    stride: u32,
}

impl Walks {
    /// At the roots of the trees from `first` on.
    fn new(first: usize, trees: usize) -> Self {
        let stride = trees.next_power_of_two() as u32;
        let places = std::array::from_fn(|number| (first + number) as u32);
        Self { places, count: BLOCK.min(trees.saturating_sub(first)), stride }
    }

    fn count_here(&self, latest: &mut [u16]) {
        for place in self.places.iter().take(self.count) {
            if let Some(count) = latest.get_mut(*place as usize) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// Ends the walks that came to a node with few rows, or all: the sum of r · 2^k over those, k levels down.
    fn end_below(&mut self, limit: u16, level: u8, all: bool, reference: &[u16]) -> u64 {
        let (mut mass, mut kept) = (0, 0);
        for number in 0..self.count {
            let Some(&place) = self.places.get(number) else { break };
            let rows = reference.get(place as usize).copied().unwrap_or_default();
            let ends = all || rows <= limit;
            mass += if ends { u64::from(rows) } else { 0 };
            if let Some(slot) = self.places.get_mut(kept) {
                *slot = place;
            }
            kept += usize::from(!ends);
        }
        self.count = kept;
        mass << level
    }

    /// Each to the child on the row's side of the cut: from n to 2n+1 or 2n+2, in all trees' numbering.
    fn descend(&mut self, cuts: &[Cut], row: &[f32]) {
        for place in self.places.iter_mut().take(self.count) {
            let cut = cuts.get(*place as usize).copied().unwrap_or_default();
            let value = row.get(usize::from(cut.dimension)).copied().unwrap_or_default();
            let (tree, side) = (*place & (self.stride - 1), u32::from(value >= cut.at));
            *place = 2 * *place - tree + self.stride * (1 + side);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: Parameters = Parameters { trees: 5, depth: 4, window: 32, seed: 7 };

    /// A crowd around the middle of the square.
    fn crowd(count: usize, seed: u64) -> Vec<[f32; 2]> {
        let mut stream = Stream::new(seed);
        let mut one = move || 0.4 + 0.2 * stream.unit() as f32;
        (0..count).map(|_| [one(), one()]).collect()
    }

    #[test]
    fn before_a_window_is_full_nothing_is_said() {
        let mut model = HalfSpaceTrees::new(Parameters::default(), 2);
        for row in crowd(usize::from(FIRST_WINDOW), 1) {
            assert_eq!(model.score(&row), None);
            model.learn(&row);
        }
        assert!(model.score(&[0.5, 0.5]).is_some());
    }

    #[test]
    fn who_stands_apart_scores_higher_than_the_crowd() {
        let mut model = HalfSpaceTrees::new(Parameters::default(), 2);
        crowd(1_000, 1).iter().for_each(|row| model.learn(row));
        let highest = crowd(100, 2).iter().filter_map(|row| model.score(row)).fold(f64::MIN, f64::max);
        let apart = model.score(&[0.95, 0.05]).unwrap();
        assert!(apart > 3.0 && highest < 0.0, "{apart} {highest}");
    }

    #[test]
    fn a_crowd_that_moves_is_followed_within_two_windows() {
        let mut model = HalfSpaceTrees::new(Parameters::default(), 2);
        crowd(500, 1).iter().for_each(|row| model.learn(row));
        let moved = [0.9, 0.9];
        let before = model.score(&moved).unwrap();
        (0..500).for_each(|_| model.learn(&moved));
        let after = model.score(&moved).unwrap();
        assert!(before > 0.0 && after < 0.0, "{before} {after}");
    }

    #[test]
    fn windows_double_up_to_the_one_asked_for() {
        let mut model = HalfSpaceTrees::new(Parameters { window: 100, ..SMALL }, 2);
        let mut windows = Vec::new();
        for row in crowd(500, 1) {
            model.learn(&row);
            if model.latest_rows == 0 {
                windows.push(model.reference_rows);
            }
        }
        assert_eq!(windows, [16, 32, 64, 100, 100, 100]);
    }

    #[test]
    fn parameters_beyond_what_is_possible_are_brought_to_it() {
        let endless = Parameters { trees: u16::MAX, depth: u8::MAX, window: 0, seed: 0 };
        let model = HalfSpaceTrees::new(endless, 0);
        assert!(model.cuts.len() <= NODES_MAX);
        assert_eq!((model.parameters.trees, model.dimensions), (TREES_MAX, 1));
    }

    #[test]
    fn a_state_that_asks_for_more_than_it_holds_is_refused_before_anything_is_made() {
        let mut bytes = HalfSpaceTrees::new(SMALL, 2).to_bytes();
        bytes.truncate(40);
        let depth = bytes.get_mut(7).unwrap();
        *depth = 16;
        assert_eq!(HalfSpaceTrees::from_bytes(&bytes), Err(StateError::Truncated));
    }

    proptest! {
        #[test]
        fn a_model_is_read_as_it_was_written_and_goes_on_alike(
            seed: u64,
            rows in prop::collection::vec([0.0..1.0_f32, 0.0..1.0_f32], 0..120),
            after in prop::collection::vec([0.0..1.0_f32, 0.0..1.0_f32], 1..60),
        ) {
            let mut model = HalfSpaceTrees::new(Parameters { seed, ..SMALL }, 2);
            rows.iter().for_each(|row| model.learn(row));
            let mut read = HalfSpaceTrees::from_bytes(&model.to_bytes()).unwrap();
            prop_assert_eq!(&read, &model);
            for row in &after {
                prop_assert_eq!(read.score(row), model.score(row));
                read.learn(row);
                model.learn(row);
            }
            prop_assert_eq!(read.to_bytes(), model.to_bytes());
        }

        #[test]
        fn bytes_are_read_or_refused(head: [u8; 22], tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let state = [MAGIC.to_vec(), vec![VERSION], head.to_vec(), tail].concat();
            if let Ok(model) = HalfSpaceTrees::from_bytes(&state) {
                prop_assert_eq!(model.to_bytes(), state);
            }
        }

        #[test]
        fn scores_are_finite_whatever_the_row(row in prop::collection::vec(any::<f32>(), 0..4)) {
            let mut model = HalfSpaceTrees::new(SMALL, 2);
            crowd(40, 1).iter().for_each(|row| model.learn(row));
            model.learn(&row);
            prop_assert!(model.score(&row).unwrap().is_finite());
        }
    }
}
