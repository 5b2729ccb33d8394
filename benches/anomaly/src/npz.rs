//! Reads the tables of ADBench: arrays `X` (rows of numbers) and `y` (1: unusual) of a NumPy archive. Nothing else of
//! that format.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Labelled rows.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) dimensions: usize,
    /// One row after the other.
    pub(crate) values: Vec<f64>,
    pub(crate) unusual: Vec<bool>,
}

impl Table {
    pub(crate) fn read(path: &Path) -> Self {
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        let mut archive = zip::ZipArchive::new(File::open(path).expect("a data set")).expect("an archive");
        let x = Array::read(&mut archive, "X.npy");
        let y = Array::read(&mut archive, "y.npy");
        let dimensions = x.shape[1];
        let rows = x.shape[0];
        let values = match x.by_column {
            true => {
                let at = |place: usize| x.values[place % dimensions * rows + place / dimensions];
                (0..rows * dimensions).map(at).collect()
            }
            false => x.values,
        };
        Self { name, dimensions, values, unusual: y.values.iter().map(|label| *label > 0.5).collect() }
    }

    /// In the order of SplitMix64's numbers for 0, 1, 2: the same as in `reference.py`. Many tables are sorted by label.
    pub(crate) fn shuffled(self) -> Self {
        let mut order: Vec<(u64, usize)> =
            (0..self.unusual.len()).map(|row| (mixed(row as u64), row)).collect();
        order.sort_unstable();
        let unusual = order.iter().map(|(_, row)| self.unusual[*row]).collect();
        let start = |row: usize| row * self.dimensions;
        let values =
            order.iter().flat_map(|(_, row)| &self.values[start(*row)..start(row + 1)]).copied().collect();
        Self { values, unusual, ..self }
    }

    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.dimensions)
    }
}

fn mixed(number: u64) -> u64 {
    let z = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

struct Array {
    shape: Vec<usize>,
    by_column: bool,
    values: Vec<f64>,
}

impl Array {
    fn read(archive: &mut zip::ZipArchive<File>, name: &str) -> Self {
        let mut bytes = Vec::new();
        archive.by_name(name).expect("an array").read_to_end(&mut bytes).expect("bytes");
        assert_eq!(&bytes[..6], b"\x93NUMPY");
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!(bytes[6], 1, "the first version of the format");
        let header = String::from_utf8(bytes[10..10 + length].to_vec()).expect("text");
        let after = |key: &str| header.split(key).nth(1).expect(key).to_owned();
        let kind = after("'descr': '")[..3].to_owned();
        let shape = after("'shape': (").split(')').next().expect("a shape").to_owned();
        let shape = shape.split(',').filter_map(|part| part.trim().parse().ok()).collect();
        let body = &bytes[10 + length..];
        let values = match kind.as_str() {
            "<f8" => body.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("8"))).collect(),
            "<i8" => {
                body.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().expect("8")) as f64).collect()
            }
            "<i4" => {
                body.chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().expect("4")).into()).collect()
            }
            other => panic!("numbers of type {other}"),
        };
        Self { shape, by_column: header.contains("'fortran_order': True"), values }
    }
}
