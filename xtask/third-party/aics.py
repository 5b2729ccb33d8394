"""Checks a log with nothing of ours: `aics-tlog` from PyPI.

python aics.py VKEY TILES RECORDS
"""

import sys
from pathlib import Path

from aics_tlog import (
    FileSystemTileReader,
    MerkleTree,
    audit_tiles,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    verify_checkpoint,
    verify_consistency,
    verify_leaf_inclusion,
)


def main(vkey: str, tiles: str, records: str) -> None:
    """Exit with a message unless everything about the log checks."""
    key = parse_vkey(vkey)
    note = parse_note((Path(tiles) / "checkpoint").read_bytes())
    verified = verify_checkpoint(note, key, expected_origin=key.name)
    if not verified.ok:
        sys.exit(f"rejected: the checkpoint: {verified}")
    checkpoint = parse_checkpoint(note.text)
    lines = [line for line in Path(records).read_bytes().split(b"\n") if line][: checkpoint.size]
    tree = MerkleTree()
    for line in lines:
        tree.append(line)
    if tree.root() != checkpoint.root:
        sys.exit("rejected: the records lead to another root than the checkpoint's")
    report = audit_tiles(FileSystemTileReader(tiles), checkpoint.size, checkpoint.root)
    for index, line in enumerate(lines):
        path = tree.inclusion_proof(index, checkpoint.size)
        if not verify_leaf_inclusion(line, index, checkpoint.size, path, checkpoint.root):
            sys.exit(f"rejected: record {index} is not in the tree")
    half = checkpoint.size // 2
    path = tree.consistency_proof(half, checkpoint.size)
    if not verify_consistency(half, checkpoint.size, tree.root(half), checkpoint.root, path):
        sys.exit("rejected: the tree does not continue its first half")
    sys.stdout.write(f"{checkpoint.size} records: accepted; {report}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
