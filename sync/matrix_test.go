package sync

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/remote/remotetest"
)

const (
	matrixSize = 200_000
	matrixHalf = 180_000
)

var (
	matrixContent = remotetest.Content(1, matrixSize)
	matrixForeign = remotetest.Content(2, matrixSize+5000)
)

// matrixState is one state of the local file. own is how many bytes are pulled first, so
// that they carry fsync's stamp; bytes is what is written instead.
type matrixState struct {
	name    string
	own     int
	bytes   []byte
	modTime time.Time
	damage  func(path string) error
	// foreign says that nothing proves that the bytes are fsync's: a conflict is right.
	foreign bool
	// damaged says that a repair may make the file shorter.
	damaged bool
	// staged is how many bytes of a staged copy were pulled first.
	staged int
}

func matrixStates() []matrixState {
	newer, older := then.Add(time.Hour), then.Add(-time.Hour)
	zeros := slices.Concat(matrixContent[:matrixHalf-100<<10], make([]byte, 100<<10))
	write := func(p []byte) func(string) error {
		return func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt(p, 0)
			return err
		}
	}
	return []matrixState{
		{name: "absent"},
		{name: "empty", bytes: []byte{}, modTime: newer},
		{name: "half newer", bytes: matrixContent[:matrixHalf], modTime: newer, foreign: true},
		{name: "half older", bytes: matrixContent[:matrixHalf], modTime: older, foreign: true},
		{name: "half marked", bytes: matrixContent[:matrixHalf], modTime: then, foreign: true},
		{name: "half own", own: matrixHalf},
		{name: "little own", own: 5000},
		{name: "one missing", own: matrixSize - 1},
		{name: "complete newer", bytes: matrixContent, modTime: newer, foreign: true},
		{name: "complete alike", bytes: matrixContent, modTime: then, foreign: true},
		{name: "done", own: matrixSize},
		{name: "done touched", own: matrixSize, damage: func(p string) error { return os.Chtimes(p, time.Time{}, newer) }},
		{name: "done changed", own: matrixSize, damage: write([]byte("changed"))},
		{name: "longer", bytes: slices.Concat(matrixContent, matrixForeign[:5000]), modTime: newer, foreign: true},
		{name: "foreign", bytes: matrixForeign[:matrixSize], modTime: newer, foreign: true},
		{name: "foreign shorter", bytes: matrixForeign[:matrixHalf], modTime: newer, foreign: true},
		{name: "foreign staged", bytes: matrixForeign[:matrixHalf], modTime: older, foreign: true, staged: 100_000},
		{name: "zero tail", own: matrixHalf, damage: write(zeros), damaged: true},
		{name: "zero tail foreign", bytes: zeros, modTime: newer, foreign: true, damaged: true},
		{name: "hole", own: matrixHalf, damaged: true, damage: func(path string) error {
			return punch(path, 81_920, 98_304)
		}},
	}
}

// punch makes a hole as a power cut does, keeping the stamp and what is behind it.
func punch(path string, from, to int64) error {
	p, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(from); err != nil {
		return err
	}
	_, err = f.WriteAt(p[to:], to)
	return err
}

var matrixLists = map[string][]fact{
	"nothing":     nil,
	"size time":   {withSize(matrixSize), withTime(then)},
	"size digest": {withSize(matrixSize), withDigest(matrixContent)},
	"digest":      {withDigest(matrixContent)},
	"pieces":      {withTorrent(matrixContent, pieceLength, 0, -1)},
}

// matrixCase is one entry under test.
type matrixCase struct {
	matrixState
	path     string
	list     []fact
	before   []byte
	versions [][]byte
}

// misdeed is what the matrix knows of a fault, whichever protocol it is of.
type misdeed struct {
	name     string
	silent   bool // nothing but a comparison or a digest can notice
	legal    bool // it keeps nobody from its files
	hopeless bool // asking again is only waiting
	stalling bool
}

// matrixServer is what the matrix does with a server, whichever protocol it speaks.
type matrixServer interface {
	patience(d time.Duration)
	entry(path string, facts ...fact) listing.Entry
	// put serves matrixContent; to the first requests so many bytes each, if any are
	// given, and to those after them nothing.
	put(path string, cuts ...int)
	// spoil serves it with the fault, mend without.
	spoil(path string)
	mend(path string)
	content(path string) []byte
	// versions returns what the fault makes the file look like.
	versions(l *lab, c *matrixCase) [][]byte
}

// TestMatrix puts every local state before every fault. Whatever happens, the file is
// afterwards one version that the server had, or what it was before, or after a failure
// a prefix of one version; and a run against an honest server ends right.
func TestMatrix(t *testing.T) {
	for i, f := range remotetest.Faults() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			testFault(l, httpMatrix{l, f}, misdeed{
				name: f.Name, silent: f.Silent, legal: legal[f.Name], stalling: stalling[f.Name],
				hopeless: hopeless[f.Name] || strings.HasPrefix(f.Name, "status "),
			}, i)
		})
	}
}

// httpMatrix has the lab's own server in the matrix.
type httpMatrix struct {
	*lab
	fault remotetest.Fault
}

func (m httpMatrix) put(path string, cuts ...int) {
	var faults []remotetest.Fault
	for _, n := range cuts {
		f := remotetest.CutFIN(int64(n))
		if n == matrixSize {
			f = remotetest.CloseIdle()
		}
		faults = append(faults, f.Times(1))
	}
	if len(cuts) > 0 {
		faults = append(faults, remotetest.Status(404))
	}
	m.lab.put(path, matrixContent, faults...)
}

func (m httpMatrix) spoil(path string) { m.lab.put(path, matrixContent, m.fault) }

func (m httpMatrix) mend(path string) {
	m.server.Change(path, func(f *remotetest.File) { f.Faults = nil })
}

func (m httpMatrix) content(path string) []byte { return m.server.File(path).Content }

func (m httpMatrix) versions(l *lab, c *matrixCase) [][]byte {
	if m.fault.Name != "login page" {
		return nil
	}
	return [][]byte{loginBytes(l, c)}
}

func testFault(l *lab, m matrixServer, fault misdeed, turn int) {
	l.Jobs = 20
	cases := prepareMatrix(l, m, turn)
	var es []listing.Entry
	for _, c := range cases {
		m.spoil(c.path)
		es = append(es, m.entry(c.path, c.list...))
	}
	l.Retries = 1
	if fault.hopeless {
		l.Retries = 0
	}
	l.Atomic = turn%2 == 1
	m.patience(20 * time.Second) // a new client, whose connections meet the fault
	if fault.stalling {
		m.patience(300 * time.Millisecond)
	}
	results := l.pullAll(l.t.Context(), es...)
	m.patience(20 * time.Second)
	for _, c := range cases {
		c.versions = [][]byte{matrixContent, m.content(c.path), remotetest.NextVersion(remotetest.File{Content: matrixContent}).Content}
		c.versions = append(c.versions, m.versions(l, c)...)
		r := results[c.path]
		if problem := c.judge(l, r, fault); problem != "" {
			l.t.Errorf("%s: %v (%v, note %q, %d requests): %s", c.path, r.Outcome, r.Err, r.Note, r.Requests, problem)
		}
		c.before = l.read(c.path)
	}
	// Again, with a server that is honest by now.
	for _, c := range cases {
		m.mend(c.path)
	}
	again := l.pullAll(l.t.Context(), es...)
	for _, c := range cases {
		r := again[c.path]
		if problem := c.judgeAgain(l, r, results[c.path], fault, m.content(c.path)); problem != "" {
			l.t.Errorf("%s, second run after %v (%v): %v (%v): %s", c.path, results[c.path].Outcome, results[c.path].Err, r.Outcome, r.Err, problem)
		}
	}
}

// prepareMatrix makes every state for every kind of list. With the race detector, which
// takes its time, each state meets one kind, by turns.
func prepareMatrix(l *lab, m matrixServer, turn int) []*matrixCase {
	var cases []*matrixCase
	var es []listing.Entry
	l.Retries = 0
	for k, listName := range slices.Sorted(maps.Keys(matrixLists)) {
		for i, s := range matrixStates() {
			if raceDetector && (k+i+turn)%len(matrixLists) != 0 {
				continue
			}
			c := &matrixCase{matrixState: s, path: fmt.Sprintf("%s/%s", s.name, listName), list: matrixLists[listName]}
			cases = append(cases, c)
			if s.bytes != nil {
				l.write(c.path, s.bytes, s.modTime)
			}
			switch {
			case s.own == matrixSize:
				m.put(c.path)
			case s.own > 0:
				m.put(c.path, s.own)
			case s.staged > 0:
				m.put(c.path, matrixSize, s.staged)
			default:
				continue
			}
			e := m.entry(c.path)
			if s.staged > 0 {
				e.Size = matrixSize
			}
			es = append(es, e)
		}
	}
	l.pullAll(l.t.Context(), es...)
	for _, c := range cases {
		if c.damage != nil {
			if err := c.damage(l.path(c.path)); err != nil {
				l.t.Fatal(err)
			}
		}
		c.before = l.read(c.path)
		if c.own > 0 && len(c.before) != c.own {
			l.t.Fatalf("%s: prepared %d bytes, want %d", c.path, len(c.before), c.own)
		}
		if c.staged > 0 && len(l.side(c.path)) == 0 {
			l.t.Fatalf("%s: nothing was staged", c.path)
		}
	}
	return cases
}

// loginBytes returns what a login page holds.
func loginBytes(l *lab, c *matrixCase) []byte {
	p := l.read(c.path)
	if bytes.HasPrefix(p, []byte("<!DOCTYPE html>")) && bytes.HasSuffix(p, []byte("</html>\n")) {
		return p
	}
	return nil
}

// digest says that the list proves each byte.
func (c *matrixCase) digest() bool { return want{Entry: c.entry()}.provable() }

func (c *matrixCase) entry() (e listing.Entry) {
	for _, f := range c.list {
		f(&e)
	}
	return e
}

// legal holds the faults that a server may have without keeping anybody from its files.
var legal = map[string]bool{
	"200 to a range": true, "206 starts low": true, "206 unknown total": true, "206 unit items": true,
	"206 multipart": true, "206 length is not the range's": true, "206 two Content-Ranges": true,
	"206 without Content-Range": true, "206 shifted bytes": true, "416 with the size": true, "416 without the size": true,
	"keep-alive broken": true, "chunked": true, "HTTP/1.0": true, "longer than Content-Length": true,
	"ETag changes": true, "weak ETag": true, "no validators": true, "modified now": true, "no Date": true, "unquoted ETag": true,
	"Repr-Digest": true, "Repr-Digest trailer": true, "Digest": true, "late": true,
	"206 gzip": true, "transcoded": true,
	"redirect to another origin": true, "signed URL": true, "expired signed URL": true,
}

var (
	hopeless = map[string]bool{"no answer": true, "no header": true, "garbage status line": true, "huge header": true}
	stalling = map[string]bool{"no header": true, "stalls": true, "trickles": true}
)

// isVersion says whether p is all of one version.
func (c *matrixCase) isVersion(p []byte) bool {
	return slices.ContainsFunc(c.versions, func(v []byte) bool { return v != nil && bytes.Equal(v, p) })
}

// isPrefix says whether p is the beginning of one version.
func (c *matrixCase) isPrefix(p []byte) bool {
	return slices.ContainsFunc(c.versions, func(v []byte) bool { return v != nil && bytes.HasPrefix(v, p) })
}

// judge is the oracle of the run against the fault. It returns what is wrong.
func (c *matrixCase) judge(l *lab, r Result, fault misdeed) string {
	after := l.read(c.path)
	untouched := bytes.Equal(after, c.before) && (after == nil) == (c.before == nil)
	// Bytes that change in the middle of one answer can be noticed by a digest only.
	mixed := fault.silent && strings.HasPrefix(fault.name, "overwritten") && (!c.digest() || !r.Outcome.OK())
	switch {
	case r.Outcome == Conflict && !untouched:
		return "a conflict, and touched"
	case r.Outcome == Conflict && !c.foreign && c.bytes == nil && fault.name != "login page":
		return "a conflict about fsync's own file"
	case r.Outcome == Stopped:
		return "stopped by nobody"
	case !r.Outcome.OK() && !c.foreign && fault.legal:
		return "not ok, although what the server does is legal or passes"
	case r.Outcome.OK() && c.digest() && !bytes.Equal(after, matrixContent):
		return "ok, and not what the digest says: " + show(after)
	case r.Outcome.OK() && c.entry().Size > 0 && int64(len(after)) != c.entry().Size:
		return "ok, and not of the list's size"
	case r.Outcome.OK() && !c.isVersion(after) && !mixed:
		return "ok, and no version of the remote: " + show(after)
	case r.Outcome.OK() && len(l.side(c.path)) > 0:
		return fmt.Sprintf("ok, and left beside it: %q", l.side(c.path))
	case r.Outcome.OK() && r.Size != int64(len(after)):
		return fmt.Sprintf("ok, and the Result says %d bytes, not %d", r.Size, len(after))
	case r.Outcome == UpToDate && !untouched:
		return "up to date, and written to"
	case !r.Outcome.OK() && !untouched && c.foreign && !c.isPrefix(c.before) && !c.damaged:
		return "failed, and somebody's file was touched"
	case !untouched && !c.isPrefix(after) && !mixed:
		return "a mixture: " + show(after)
	case !r.Outcome.OK() && c.isPrefix(c.before) && len(after) < len(c.before):
		return fmt.Sprintf("failed, and %d good bytes became %d", len(c.before), len(after))
	}
	return ""
}

// judgeAgain is the oracle of the run against the honest server.
func (c *matrixCase) judgeAgain(l *lab, r, first Result, fault misdeed, now []byte) string {
	after := l.read(c.path)
	same := bytes.Equal(now, matrixContent)
	untouched := bytes.Equal(after, c.before) && (after == nil) == (c.before == nil)
	listed := c.entry()
	listRight := (listed.Size <= 0 || listed.Size == int64(len(now))) && (!c.digest() || same)
	switch {
	case fault.silent && first.Outcome.OK() && r.Outcome == UpToDate && untouched:
		return "" // the validators say that it is complete
	case fault.silent && errors.Is(r.Err, errBadBefore):
		return "" // the validators say that it is as wrong as before
	case r.Outcome == Conflict && !untouched:
		return "a conflict, and touched"
	case r.Outcome == Conflict && !c.foreign && !first.Outcome.OK():
		return "a conflict about fsync's own file"
	case r.Outcome == Failed && listRight:
		return "failed"
	case r.Outcome.OK() && !bytes.Equal(after, now) && !bytes.Equal(after, matrixContent):
		return "ok, and not what the server has: " + show(after)
	case r.Outcome.OK() && !bytes.Equal(after, now) && len(c.list) == 0:
		return "ok, and an old version"
	case r.Outcome.OK() && len(l.side(c.path)) > 0:
		return fmt.Sprintf("ok, and left beside it: %q", l.side(c.path))
	}
	return ""
}
