package listing

import (
	"fmt"
	"hash/maphash"
	"math"
	"strings"
	"unicode/utf8"
)

// names finds paths that cannot lie in one directory together, without keeping them.
//
// It keeps a 64-bit hash of each path and of each directory above one. Two different names
// with the same hash would be reported as a duplicate: among a million the chance is 3 in
// a hundred million. The seed is random, so nobody can make such names, and another run
// would not find them again.
type names struct {
	fold    bool
	seed    maphash.Seed
	lastDir string // the last path's directory, folded: most paths share it
	set     hashSet
}

func newNames(fold bool) *names { return &names{fold: fold, seed: maphash.MakeSeed()} }

// add adds the path of a line, and says with which line before it is in conflict.
func (n *names) add(path string, line int) error {
	folded := path
	if n.fold {
		folded = foldCase(path)
	}
	err := n.addDirs(folded, line)
	hash := maphash.String(n.seed, folded)
	exact := hash
	if folded != path {
		exact = maphash.String(n.seed, path)
	}
	old, found := n.set.add(hash, exact, mark(line))
	switch {
	case err != nil || !found:
		return err
	case old.mark.isDir():
		return fmt.Errorf("%s is a file here and a directory in line %d", show(path), old.mark.line())
	case !old.same:
		return fmt.Errorf("%s differs only in case from the path in line %d", show(path), old.mark.line())
	}
	return fmt.Errorf("%s is a duplicate of line %d", show(path), old.mark.line())
}

// addDirs adds the directories above a folded path, from the deepest on. Above one that is
// known already all are.
func (n *names) addDirs(folded string, line int) error {
	dir, ok := parent(folded)
	if dir == n.lastDir {
		return nil
	}
	n.lastDir = dir
	for ; ok; dir, ok = parent(dir) {
		hash := maphash.String(n.seed, dir)
		old, found := n.set.add(hash, hash, mark(line)|dirMark)
		if !found {
			continue
		}
		if old.mark.isDir() {
			return nil
		}
		return fmt.Errorf("directory %s is a file in line %d", show(dir), old.mark.line())
	}
	return nil
}

// parent returns the directory that a path lies in; false if that is the top.
func parent(path string) (string, bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", false
	}
	return path[:i], true
}

// foldCase makes names that differ only in case equal. strings.ToLower would also make
// names equal that are not UTF-8, as it replaces what it cannot read.
func foldCase(s string) string {
	if utf8.ValidString(s) {
		return strings.ToLower(s)
	}
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// marked is a line number, and whether the name is a directory there.
type marked uint32

const dirMark marked = 1 << 31

// mark bounds the number: a list of more lines than that only loses it in a message.
func mark(line int) marked { return marked(min(line, math.MaxInt32)) }

func (m marked) isDir() bool { return m&dirMark != 0 }
func (m marked) line() int   { return int(m &^ dirMark) }
