package listing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"net/url"
	"slices"
	"strings"
)

// Totals is what a list comes to.
type Totals struct {
	Entries int64
	Bytes   int64 // the sum of the sizes that the list gives
	Unsized int64 // entries without a size

	// Origins are the distinct scheme://host:port of the list's http and https URLs, in
	// lower case and with the port written out, SSHOrigins those of its sftp URLs. No more
	// than two of each are kept: they tell whether there is only one.
	Origins, SSHOrigins []string
}

// Check reads a list to its end and returns its totals, and all that is wrong with it as
// *Errors: see Checker.
func Check(name string, r io.Reader, o Options) (Totals, error) {
	c := NewChecker(o.CaseSensitive)
	err := c.Check(name, r, o)
	return c.Totals(), err
}

// Checker checks lists that are to be pulled into one directory. It needs 20 to 25 bytes of
// memory for each entry and each directory that has entries.
type Checker struct {
	totals  Totals
	names   *names
	origins origins
	last    int // the last line of the list before
}

// NewChecker returns a Checker of no list yet. Unless caseSensitive, names that differ
// only in case are errors.
func NewChecker(caseSensitive bool) *Checker { return &Checker{names: newNames(!caseSensitive)} }

// Check reads a list to its end and returns all that is wrong with it as *Errors: what Read
// finds, a list without entries, and paths that cannot lie in one directory together. Those
// are the same path twice, a path that is also a directory of another, and, unless the
// Checker is case-sensitive, either of them without regard to case (by strings.ToLower;
// names that differ in Unicode normalisation are not compared). The error lies at the later
// of the two lines.
//
// A path that was in a list before, with the same size, digests and, if it has none, the
// same first URL, counts once and is no error. Some formats repeat files within a list:
// there that holds, too.
func (c *Checker) Check(name string, r io.Reader, o Options) error {
	var found Errors
	c.names.begin(name, c.last)
	entries := 0
	c.last = 0
	p := newParser(name, r, o)
	p.readAhead(func(e Entry, err error) {
		if err == nil {
			c.last = max(c.last, e.Line)
			entries++
			err = c.names.add(e.Path, e.Line, c.facts(e), p.repeats)
			if err == nil {
				c.totals.add(e)
				c.origins.add(e.URLs)
			}
		}
		if err == nil || err == errRepeated {
			return
		}
		bad, ok := errors.AsType[*Error](err)
		if !ok {
			bad = &Error{File: name, Line: e.Line, Msg: err.Error(), Err: err}
		}
		found.add(bad)
	})
	switch {
	case found.Count > 0:
		return &found
	case p.dropped > 0 && entries == 0:
		found.add(&Error{File: name, Msg: fmt.Sprintf("--include and --exclude leave none of its %d entries", p.dropped), Err: ErrEmpty})
	case entries == 0:
		found.add(&Error{File: name, Msg: "the list is empty", Err: ErrEmpty})
	default:
		return nil
	}
	return &found
}

// Totals returns what the lists come to so far.
func (c *Checker) Totals() Totals {
	t := c.totals
	t.Origins, t.SSHOrigins = c.origins.web, c.origins.ssh
	return t
}

// Paths returns the paths of all lists.
func (c *Checker) Paths() *Paths { return &Paths{c.names} }

// facts returns a hash of what makes two entries of one path the same file. The path is in it as
// it is written: names keeps too little of that to tell it from one that differs in case.
func (c *Checker) facts(e Entry) uint32 {
	seed := c.names.seed
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(e.Size))
	sum := maphash.Bytes(seed, size[:]) + 3*maphash.String(seed, e.Path)
	if len(e.Digests) == 0 {
		sum += 5 * maphash.String(seed, e.URLs[0])
	}
	for _, d := range e.Digests { // in any order: that of columns differs between lists
		sum += 7 * (maphash.String(seed, d.Sum) ^ 3*maphash.String(seed, d.Algorithm))
	}
	return uint32(sum >> 32)
}

func (t *Totals) add(e Entry) {
	t.Entries++
	switch {
	case e.Size < 0:
		t.Unsized++
	case e.Size > math.MaxInt64-t.Bytes:
		t.Bytes = math.MaxInt64 // more than any disk has: good enough to refuse
	default:
		t.Bytes += e.Size
	}
}

// origins collects the first two origins of a list, of the web and of SSH each.
type origins struct {
	web, ssh []string
	last     string // the last URL up to its path, which most others share
}

func (o *origins) add(urls []string) {
	for _, s := range urls {
		if o.last != "" && strings.HasPrefix(s, o.last) {
			continue
		}
		o.last = ""
		scheme := strings.Index(s, "://") + len("://")
		if slash := strings.IndexByte(s[scheme:], '/'); slash >= 0 {
			o.last = s[:scheme+slash+1]
		}
		found := o.of(s[:scheme])
		if found == nil || len(*found) == 2 {
			continue
		}
		u, err := url.Parse(s)
		if err != nil {
			continue
		}
		if origin := originOf(u); !slices.Contains(*found, origin) {
			*found = append(*found, origin)
		}
	}
}

// of returns where origins of a scheme belong, nil if they are not kept.
func (o *origins) of(scheme string) *[]string {
	switch scheme {
	case "http://", "https://":
		return &o.web
	case "sftp://":
		return &o.ssh
	}
	return nil
}
