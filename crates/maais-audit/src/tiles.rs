//! The tree as files, for tools that are not ours (C2SP `tlog-tiles`).

use std::fs;
use std::path::Path;

use crate::leaf::LeafHash;
use crate::note::Checkpoint;
use crate::proof::{Newest, ProveError, failed, for_each_line, newest, pruned_leaves, root};

/// Hashes in a tile, and entries in a bundle.
const TILE_WIDTH: usize = 256;

/// Writes the log up to its newest checkpoint as C2SP tiles: `checkpoint`, `tile/<level>/<n>` and
/// `tile/entries/<n>` below `out`. Full tiles that are there already stay. Of records that were pruned there are the
/// hashes and no entries.
pub fn export_tiles(log_dir: &Path, out: &Path) -> Result<Checkpoint, ProveError> {
    let Newest { layout, checkpoint, note } = newest(log_dir)?;
    let mut hashes = pruned_leaves(&layout, checkpoint.size)?;
    // A bundle of which the first records were pruned cannot be made.
    let whole = hashes.len().next_multiple_of(TILE_WIDTH);
    let mut bundle = Vec::new();
    for_each_line(&layout, checkpoint.size, |_, line| {
        let is_in_bundle = hashes.len() >= whole;
        hashes.push(*LeafHash::of(line).as_bytes());
        if !is_in_bundle {
            return Ok(());
        }
        bundle.extend_from_slice(&u16::try_from(line.len()).unwrap_or(u16::MAX).to_be_bytes());
        bundle.extend_from_slice(line);
        match hashes.len() % TILE_WIDTH {
            0 => write_tile(
                out,
                "entries",
                hashes.len() / TILE_WIDTH - 1,
                TILE_WIDTH,
                &std::mem::take(&mut bundle),
            ),
            _ => Ok(()),
        }
    })?;
    if !bundle.is_empty() {
        write_tile(out, "entries", hashes.len() / TILE_WIDTH, hashes.len() % TILE_WIDTH, &bundle)?;
    }
    let mut level = 0;
    while !hashes.is_empty() {
        for (number, tile) in hashes.chunks(TILE_WIDTH).enumerate() {
            write_tile(out, &level.to_string(), number, tile.len(), tile.as_flattened())?;
        }
        hashes = hashes.chunks_exact(TILE_WIDTH).map(root).collect();
        level += 1;
    }
    let path = out.join("checkpoint");
    fs::write(&path, &note).map_err(failed(&path))?;
    Ok(checkpoint)
}

fn write_tile(out: &Path, level: &str, number: usize, width: usize, bytes: &[u8]) -> Result<(), ProveError> {
    let path = out.join("tile").join(level).join(tile_name(number, width));
    if width == TILE_WIDTH && path.metadata().is_ok_and(|data| data.len() == bytes.len() as u64) {
        return Ok(());
    }
    let dir = path.parent().unwrap_or(out);
    fs::create_dir_all(dir).map_err(failed(dir))?;
    fs::write(&path, bytes).map_err(failed(&path))
}

/// `x001/x234/067`, and `.p/<width>` for a tile that is not full.
fn tile_name(number: usize, width: usize) -> String {
    let mut name = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        name = format!("x{:03}/{name}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH { format!("{name}.p/{width}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_named_as_c2sp_names_them() {
        assert_eq!(tile_name(0, 256), "000");
        assert_eq!(tile_name(1_234_067, 256), "x001/x234/067");
        assert_eq!(tile_name(1_234_067, 8), "x001/x234/067.p/8");
    }
}
