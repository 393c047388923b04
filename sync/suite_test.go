package sync

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote/httptail"
	"fsync/sync/remote/remotetest"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // where net/http complains of servers that say too much
	remotetest.Main(m)
}

// lacks ends a test that needs what this system does not have. Where the tests count, that
// is a failure.
func lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// then is long enough ago to be a strong validator, and a whole second.
var then = time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)

// lab is a server and a directory to pull into.
type lab struct {
	t       testing.TB
	dir     string
	server  *remotetest.Server
	sources map[string]Source
	Options
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{t: t, dir: t.TempDir(), server: remotetest.NewServer(t), Options: Options{Retries: 1, Sync: SyncNone}}
	l.patience(20 * time.Second)
	return l
}

// patience sets how long the client waits for a server that says nothing.
func (l *lab) patience(d time.Duration) {
	l.t.Helper()
	client, err := httptail.New(httptail.Options{Stall: d, Conns: 16})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(client.Close)
	l.sources = map[string]Source{"http": client}
}

// put has the server serve a file with both validators.
func (l *lab) put(name string, content []byte, faults ...remotetest.Fault) *url.URL {
	return l.server.Put(name, remotetest.File{Content: content, ModTime: then, ETag: `"one"`, Faults: faults})
}

// renew has the server serve another version from now on.
func (l *lab) renew(name string, content []byte, faults ...remotetest.Fault) {
	l.server.Put(name, remotetest.File{Content: content, ModTime: then.Add(time.Minute), ETag: `"two"`, Faults: faults})
}

type fact func(*listing.Entry)

func withSize(n int64) fact     { return func(e *listing.Entry) { e.Size = n } }
func withTime(t time.Time) fact { return func(e *listing.Entry) { e.ModTime = t } }
func withDigest(p []byte) fact {
	return func(e *listing.Entry) { e.Digests = []listing.Digest{sha(p)} }
}
func withURLs(us ...*url.URL) fact { return func(e *listing.Entry) { e.URLs = texts(us) } }

func texts(us []*url.URL) []string {
	var s []string
	for _, u := range us {
		s = append(s, u.String())
	}
	return s
}

func sha(p []byte) listing.Digest {
	sum := sha256.Sum256(p)
	return listing.Digest{Algorithm: "sha256", Sum: string(sum[:])}
}

// entry names a file of the server, with what the list says of it.
func (l *lab) entry(name string, facts ...fact) listing.Entry {
	e := listing.Entry{Path: name, URLs: []string{l.server.URL(name).String()}, Size: -1}
	for _, f := range facts {
		f(&e)
	}
	return e
}

func entries(es []listing.Entry) iter.Seq2[listing.Entry, error] {
	return func(yield func(listing.Entry, error) bool) {
		for _, e := range es {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// handle serves an entry's file by what remotetest has no fault for.
func (l *lab) handle(h http.HandlerFunc) fact {
	l.t.Helper()
	s := httptest.NewServer(h)
	l.t.Cleanup(s.Close)
	return func(e *listing.Entry) { e.URLs = []string{s.URL + "/" + e.Path} }
}

// puller returns one run's Puller.
func (l *lab) puller() *Puller {
	l.t.Helper()
	dir, err := local.Open(l.dir, true, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { dir.Close() })
	return &Puller{Dir: dir, Sources: l.sources, Options: l.Options}
}

// pullAll runs once and returns the Results by path, having checked that each entry got
// exactly one, and what holds for every Result.
func (l *lab) pullAll(ctx context.Context, es ...listing.Entry) map[string]Result {
	l.t.Helper()
	p := l.puller()
	defer p.Dir.Close()
	results := make(map[string]Result)
	for r := range p.Pull(ctx, entries(es)) {
		if _, twice := results[r.Entry.Path]; twice {
			l.t.Errorf("%s: two Results", r.Entry.Path)
		}
		results[r.Entry.Path] = r
		l.checkResult(r)
	}
	if ctx.Err() == nil && len(results) != len(es) {
		l.t.Errorf("%d Results for %d entries", len(results), len(es))
	}
	if n := len(p.Stats().Active()); n != 0 {
		l.t.Errorf("%d entries are active after the run", n)
	}
	return results
}

// checkResult checks a Result's fields against each other.
func (l *lab) checkResult(r Result) {
	l.t.Helper()
	switch {
	case r.Outcome.OK() != (r.Err == nil):
		l.t.Errorf("%s: %v with error %v", r.Entry.Path, r.Outcome, r.Err)
	case (r.Outcome == Conflict) != errors.Is(r.Err, ErrConflict):
		l.t.Errorf("%s: %v with error %v", r.Entry.Path, r.Outcome, r.Err)
	case r.Refetched > r.Fetched || r.Fetched < 0 || r.Refetched < 0:
		l.t.Errorf("%s: fetched %d, of that again %d", r.Entry.Path, r.Fetched, r.Refetched)
	case r.Err != nil && strings.ContainsAny(r.Err.Error(), "\x1b\x07\n"):
		l.t.Errorf("%s: the error would reach a terminal raw: %q", r.Entry.Path, r.Err)
	}
}

func (l *lab) pull(e listing.Entry) Result {
	l.t.Helper()
	return l.pullAll(l.t.Context(), e)[e.Path]
}

// want pulls an entry and checks how that ends.
func (l *lab) want(o Outcome, e listing.Entry) Result {
	l.t.Helper()
	r := l.pull(e)
	if r.Outcome != o {
		l.t.Errorf("%s: %v (%v), want %v", e.Path, r.Outcome, r.Err, o)
	}
	return r
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, filepath.FromSlash(name)) }

// write puts a file there that fsync did not write.
func (l *lab) write(name string, p []byte, modTime time.Time) {
	l.t.Helper()
	os.MkdirAll(filepath.Dir(l.path(name)), 0o777)
	if err := os.WriteFile(l.path(name), p, 0o644); err != nil {
		l.t.Fatal(err)
	}
	l.touch(name, modTime)
}

func (l *lab) touch(name string, modTime time.Time) {
	l.t.Helper()
	if err := os.Chtimes(l.path(name), time.Time{}, modTime); err != nil {
		l.t.Fatal(err)
	}
}

// read returns a file's bytes, nil if there is none.
func (l *lab) read(name string) []byte {
	l.t.Helper()
	p, err := os.ReadFile(l.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.t.Fatal(err)
	}
	return p
}

// same checks a file's bytes.
func (l *lab) same(name string, want []byte) {
	l.t.Helper()
	if got := l.read(name); !bytes.Equal(got, want) {
		l.t.Errorf("%s holds %s, want %s", name, show(got), show(want))
	}
}

// show tells bytes by their number and a hash.
func show(p []byte) string { return fmt.Sprintf("%d bytes (%.6x)", len(p), sha(p).Sum) }

// partial pulls the first n bytes of a file that the server serves, so that they carry
// fsync's stamp, and has it serve what it served before.
func (l *lab) partial(name string, n int) {
	l.t.Helper()
	f := l.server.File(name)
	cut := f
	cut.Faults = []remotetest.Fault{remotetest.CutFIN(int64(n)).Times(1), remotetest.Status(404)}
	l.server.Put(name, cut)
	was := l.Options
	l.Options.Retries = 0
	l.want(Failed, l.entry(name))
	l.Options = was
	l.server.Put(name, f)
	if got := len(l.read(name)); got != n {
		l.t.Fatalf("%s: pulled %d bytes, want %d", name, got, n)
	}
}

// side returns the names beside the file that fsync may have left.
func (l *lab) side(name string) []string {
	l.t.Helper()
	dir, base := filepath.Split(l.path(name))
	var found []string
	for _, n := range []string{local.StageName(base), base + "~"} {
		if _, err := os.Lstat(filepath.Join(dir, n)); err == nil {
			found = append(found, n)
		}
	}
	return found
}

// noSide checks that nothing was left beside a file.
func (l *lab) noSide(name string) {
	l.t.Helper()
	if s := l.side(name); len(s) > 0 {
		l.t.Errorf("left beside %s: %q", name, s)
	}
}

// asked returns how many requests the server got for a file.
func (l *lab) asked(name string) int { return len(l.server.Requests(name)) }

// look looks at a file. done closes it, and gives up the lock that it may have.
func (l *lab) look(name string) (f *local.File, done func()) {
	l.t.Helper()
	dir, err := local.Open(l.dir, false, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	f, err = dir.Look(name)
	if err != nil {
		l.t.Fatal(err)
	}
	return f, func() {
		f.Close()
		dir.Close()
	}
}

// stamp returns the stamp that a file carries, nil if none.
func (l *lab) stamp(name string) *local.Stamp {
	l.t.Helper()
	f, done := l.look(name)
	defer done()
	return f.Stamp
}

// overwrite changes bytes of a file in place, so that its stamp stays.
func (l *lab) overwrite(name string, p []byte) {
	l.t.Helper()
	l.overwriteAt(name, p, 0)
}

func (l *lab) overwriteAt(name string, p []byte, off int64) {
	l.t.Helper()
	f, err := os.OpenFile(l.path(name), os.O_WRONLY, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(p, off); err != nil {
		l.t.Fatal(err)
	}
}
