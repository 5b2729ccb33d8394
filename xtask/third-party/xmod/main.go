// Checks a log with nothing of ours: Go's golang.org/x/mod/sumdb, as Debian ships it.
//
//	xmod VKEY TILES RECORDS [PROOF INDEX]...
//
// Opens TILES/checkpoint with VKEY, rebuilds the tree from RECORDS (one JSON a line), compares every hash tile,
// proves and checks inclusion of every record and consistency with every smaller tree, and checks our proofs.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) < 4 {
		fail("usage: xmod VKEY TILES RECORDS [PROOF INDEX]...")
	}
	verifier, err := note.NewVerifier(os.Args[1])
	check(err)
	size, root := checkpoint(read(filepath.Join(os.Args[2], "checkpoint")), verifier)
	lines := records(os.Args[3])
	if int64(len(lines)) < size {
		fail("the checkpoint is of %d records, there are %d", size, len(lines))
	}
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, index := range indexes {
			out = append(out, hashes[index])
		}
		return out, nil
	})
	for n := int64(0); n < size; n++ {
		stored, err := tlog.StoredHashes(n, lines[n], reader)
		check(err)
		hashes = append(hashes, stored...)
	}
	ours, err := tlog.TreeHash(size, reader)
	check(err)
	if ours != root {
		fail("the records lead to the root %s, the checkpoint says %s", ours, root)
	}
	tiles := compareTiles(os.Args[2], size, reader)
	for n := int64(0); n < size; n++ {
		proof, err := tlog.ProveRecord(size, n, reader)
		check(err)
		check(tlog.CheckRecord(proof, size, root, n, tlog.RecordHash(lines[n])))
	}
	for old := int64(1); old < size; old++ {
		proof, err := tlog.ProveTree(size, old, reader)
		check(err)
		before, err := tlog.TreeHash(old, reader)
		check(err)
		check(tlog.CheckTree(proof, size, root, old, before))
	}
	proofs := os.Args[4:]
	for i := 0; i+1 < len(proofs); i += 2 {
		index, err := strconv.ParseInt(proofs[i+1], 10, 64)
		check(err)
		checkOurProof(string(read(proofs[i])), index, lines[index], verifier)
	}
	fmt.Printf("%d records, %d tiles, %d proofs of ours: accepted\n", size, tiles, len(proofs)/2)
}

func checkpoint(text []byte, verifier note.Verifier) (int64, tlog.Hash) {
	opened, err := note.Open(text, note.VerifierList(verifier))
	check(err)
	parts := strings.SplitN(opened.Text, "\n", 4)
	if len(parts) < 4 || parts[0] != verifier.Name() {
		fail("this is no checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(parts[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(parts[2])
	check(err)
	return size, root
}

func compareTiles(dir string, size int64, reader tlog.HashReader) int {
	// NewTiles lists every width of a partial tile; only the widest is published.
	widest := map[[2]int64]tlog.Tile{}
	for _, tile := range tlog.NewTiles(8, 0, size) {
		place := [2]int64{int64(tile.L), tile.N}
		if tile.W > widest[place].W {
			widest[place] = tile
		}
	}
	count := 0
	for _, tile := range widest {
		expected, err := tlog.ReadTileData(tile, reader)
		check(err)
		name := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		if !bytes.Equal(read(filepath.Join(dir, name)), expected) {
			fail("the tile %s is another", name)
		}
		count++
	}
	return count
}

func checkOurProof(text string, index int64, line []byte, verifier note.Verifier) {
	parts := strings.SplitN(text, "\n\n", 2)
	head := strings.Split(parts[0], "\n")
	if len(parts) != 2 || head[0] != "c2sp.org/tlog-proof@v1" || head[1] != fmt.Sprintf("index %d", index) {
		fail("this is no proof of record %d", index)
	}
	var proof tlog.RecordProof
	for _, one := range head[2:] {
		hash, err := base64.StdEncoding.DecodeString(one)
		check(err)
		var fixed tlog.Hash
		copy(fixed[:], hash)
		proof = append(proof, fixed)
	}
	size, root := checkpoint([]byte(parts[1]), verifier)
	check(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(line)))
}

func records(path string) [][]byte {
	var lines [][]byte
	scanner := bufio.NewScanner(bytes.NewReader(read(path)))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if len(scanner.Bytes()) > 0 {
			lines = append(lines, append([]byte(nil), scanner.Bytes()...))
		}
	}
	check(scanner.Err())
	return lines
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	check(err)
	return data
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "rejected: "+format+"\n", arguments...)
	os.Exit(2)
}
