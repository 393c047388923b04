package listing

import (
	"errors"
	"fmt"
	"hash/maphash"
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

	// Several lists are numbered as one: above are the lines of the lists before.
	lists []above

	repeats int // of entries, which Take has to find
}

// above is a list and how many lines there are in those before it.
type above struct {
	name  string
	lines int
}

func newNames(fold bool) *names { return &names{fold: fold, seed: maphash.MakeSeed()} }

// begin begins another list, after one that has lines up to last.
func (n *names) begin(name string, last int) {
	lines := 0
	if len(n.lists) > 0 {
		lines = n.lists[len(n.lists)-1].lines + last
	}
	n.lists = append(n.lists, above{name, lines})
}

// errRepeated says that an entry was there before, with the same facts.
var errRepeated = errors.New("repeated")

// add adds the path of a line, and says with which line before it is in conflict. Where
// repeats are allowed, one with the same facts is errRepeated.
func (n *names) add(path string, line int, facts uint32, repeats bool) error {
	line = n.number(line)
	folded := n.foldPath(path)
	err := n.addDirs(folded, line)
	hash, exact := n.hashes(path, folded)
	old, found := n.set.add(hash, exact, mark(line), facts)
	switch {
	case err != nil || !found:
		return err
	case old.mark.isDir():
		return fmt.Errorf("%s is a file here and a directory in %s", show(path), n.where(old.mark))
	case !old.same:
		return fmt.Errorf("%s differs only in case from the path in %s", show(path), n.where(old.mark))
	case old.facts == facts && (repeats || !n.here(old.mark)):
		n.repeats++
		return errRepeated
	case !n.here(old.mark):
		return fmt.Errorf("%s is a duplicate of %s, with another size, digest or URL", show(path), n.where(old.mark))
	}
	return fmt.Errorf("%s is a duplicate of %s", show(path), n.where(old.mark))
}

// hashes returns those of a path without and with regard to case.
func (n *names) hashes(path, folded string) (hash, exact uint64) {
	hash = maphash.String(n.seed, folded)
	if folded == path {
		return hash, hash
	}
	return hash, maphash.String(n.seed, path)
}

func (n *names) foldPath(path string) string {
	if n.fold {
		return foldCase(path)
	}
	return path
}

// number returns the line's number over all lists.
func (n *names) number(line int) int {
	if len(n.lists) == 0 {
		return line
	}
	return n.lists[len(n.lists)-1].lines + line
}

// here says that a mark is of the list that is being read.
func (n *names) here(m marked) bool {
	return len(n.lists) == 0 || m.line() > n.lists[len(n.lists)-1].lines
}

// where names the line of a mark, with its list if that is another one.
func (n *names) where(m marked) string {
	for i := len(n.lists) - 1; i >= 0; i-- {
		l := n.lists[i]
		switch {
		case m.line() <= l.lines:
		case i == len(n.lists)-1:
			return fmt.Sprintf("line %d", m.line()-l.lines)
		default:
			return fmt.Sprintf("%s:%d", l.name, m.line()-l.lines)
		}
	}
	return fmt.Sprintf("line %d", m.line())
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
		old, found := n.set.add(hash, hash, mark(line)|dirMark, 0)
		if !found {
			continue
		}
		if old.mark.isDir() {
			return nil
		}
		return fmt.Errorf("directory %s is a file in %s", show(dir), n.where(old.mark))
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

// marked is a line number, whether the name is a directory there, and whether Take has
// had it.
type marked uint32

const (
	dirMark   marked = 1 << 31
	takenMark marked = 1 << 30
	lineMask         = takenMark - 1
)

// mark bounds the number: a list of more lines than that only loses it in a message.
func mark(line int) marked { return marked(min(line, int(lineMask))) }

func (m marked) isDir() bool { return m&dirMark != 0 }
func (m marked) line() int   { return int(m & lineMask) }

// Paths are the paths of a list, or of several, that was checked: 64-bit hashes of them.
// Its methods may be called by one goroutine at a time.
type Paths struct{ n *names }

// Match says how a name is one of a list's.
type Match int

const (
	NoMatch   Match = iota
	CaseMatch       // but for its case; only where the list was checked without regard to it
	FullMatch
)

// File says whether a path is an entry's. One that is not is taken for one in 2⁶⁴ cases
// for each entry, and for a CaseMatch that is full in 4096.
func (p *Paths) File(path string) Match {
	m, same := p.n.set.get(p.n.hashes(path, p.n.foldPath(path)))
	switch {
	case m == nil || m.isDir():
		return NoMatch
	case !same:
		return CaseMatch
	}
	return FullMatch
}

// Dir says whether an entry lies below a path, perhaps but for its case.
func (p *Paths) Dir(path string) bool {
	folded := p.n.foldPath(path)
	m, _ := p.n.set.get(p.n.hashes(folded, folded))
	return m != nil && m.isDir()
}

// Take says, of an entry's path, whether this is the first time that it is asked for: what
// repeats an entry is so passed over.
func (p *Paths) Take(path string) bool {
	if p.n.repeats == 0 {
		return true
	}
	m, _ := p.n.set.get(p.n.hashes(path, p.n.foldPath(path)))
	if m == nil || m.isDir() || *m&takenMark != 0 {
		return false
	}
	*m |= takenMark
	return true
}
