package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/remote"
	"fsync/sync/remote/filetail"
	"fsync/sync/remote/remotetest"
)

// logSource serves a log under test: over HTTP with one kind of validators, or as a file.
type logSource struct {
	name string
	set  func(l *lab, content []byte, version int) // version tells the states apart
	list func(l *lab) listing.Entry
	tags bool // what is unchanged is known without a body
}

func logSources(t *testing.T) []logSource {
	served := func(l *lab) listing.Entry { return l.entry("f") }
	put := func(f func(version int) remotetest.File, faults ...remotetest.Fault) func(*lab, []byte, int) {
		return func(l *lab, content []byte, version int) {
			file := f(version)
			file.Content, file.Faults = content, faults
			l.server.Put("f", file)
		}
	}
	at := func(version int) time.Time { return then.Add(time.Duration(version) * time.Minute) }
	tag := func(version int) remotetest.File {
		return remotetest.File{ETag: fmt.Sprintf(`"v%d"`, version), ModTime: at(version)}
	}
	dir := t.TempDir()
	path := func(l *lab) string { return filepath.Join(dir, filepath.Base(l.dir)+".log") }
	return []logSource{
		{"ETag", put(tag), served, true},
		{"Last-Modified", put(func(v int) remotetest.File { return remotetest.File{ModTime: at(v)} }), served, true},
		{"nothing", put(tag, remotetest.NoValidators()), served, false},
		{"weak time", put(tag, remotetest.YoungTime()), served, false},
		{"weak ETag", put(func(v int) remotetest.File { return remotetest.File{ETag: fmt.Sprintf(`W/"v%d"`, v)} }), served, false},
		{"no ranges", put(tag, remotetest.IgnoreRange()), served, true},
		{"file", func(l *lab, content []byte, version int) {
			if err := os.WriteFile(path(l), content, 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path(l), time.Time{}, at(version)); err != nil {
				t.Fatal(err)
			}
		}, func(l *lab) listing.Entry {
			u := url.URL{Scheme: "file", Path: path(l)}
			return listing.Entry{Path: "f", URLs: []string{u.String()}, Size: -1}
		}, true},
	}
}

func appendLab(t *testing.T) *lab {
	l := newLab(t)
	l.Append, l.Sync = true, SyncRun
	l.sources["file"] = &filetail.Client{}
	return l
}

// TestAppendLogs: what happens to a log between two runs. After each the local file is all
// of the remote one, and a log that only grew costs its new bytes.
func TestAppendLogs(t *testing.T) {
	t.Parallel()
	long := remotetest.Content(31, 400_000)
	other := remotetest.Content(32, 400_000)
	for _, c := range []struct {
		name     string
		old, new []byte
		outcome  Outcome
	}{
		{"grown", long[:300_000], long, Resumed},
		{"grown by one", long[:399_999], long, Resumed},
		{"grown, small", long[:1000], long[:2000], Resumed},
		{"grown from the overlap", long[:overlap], long[:overlap+1], Resumed},
		{"shorter", long, other[:100_000], Replaced},
		{"much shorter", long, other[:10], Replaced},
		{"cut", long, long[:200_000], Replaced},
		{"same length", long, other, Replaced},
		{"longer", long[:200_000], other, Replaced},
		{"longer, same beginning", long[:200_000], slices.Concat(long[:1000], other[1000:]), Replaced},
		{"longer, last byte other", long[:200_000], slices.Concat(long[:199_999], []byte{long[199_999] ^ 1}, other[:1000]), Replaced},
		{"longer, first compared byte other", long[:200_000], flip(long, 200_000-overlap), Replaced},
		{"small, longer", long[:1000], other[:2000], Replaced},
		{"small, same beginning", long[:1000], slices.Concat(long[:500], other[:1000]), Replaced},
		{"small, shorter", long[:1000], long[:500], Replaced},
		{"emptied", long, nil, Replaced},
		{"begun", nil, long, Fetched},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range logSources(t) {
				l := appendLab(t)
				s.set(l, c.old, 1)
				e := s.list(l)
				l.want(Fetched, e)
				s.set(l, c.new, 2)
				r := l.pull(e)
				if r.Outcome != c.outcome {
					t.Errorf("%s: %v (%v), want %v", s.name, r.Outcome, r.Err, c.outcome)
				}
				grown := int64(len(c.new) - len(c.old))
				if c.outcome == Resumed && s.name != "no ranges" && (r.Fetched > grown+overlap || r.Requests != 1) {
					t.Errorf("%s: %d bytes in %d requests for %d new ones", s.name, r.Fetched, r.Requests, grown)
				}
				if got := l.read("f"); !bytes.Equal(got, c.new) {
					t.Errorf("%s: holds %s, want %s", s.name, show(got), show(c.new))
				}
				l.noSide("f")
			}
		})
	}
}

func flip(p []byte, at int) []byte {
	p = bytes.Clone(p)
	p[at] ^= 1
	return p
}

// TestAppendUnchanged: one request, and no body where there is something to ask by.
func TestAppendUnchanged(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{1000, 300_000} {
		for _, s := range logSources(t) {
			l := appendLab(t)
			s.set(l, remotetest.Content(31, size), 1)
			e := s.list(l)
			l.want(Fetched, e)
			r := l.want(UpToDate, e)
			if r.Requests != 1 || r.Fetched > min(size, overlap) || s.tags && r.Fetched > 0 {
				t.Errorf("%s: %d bytes in %d requests", s.name, r.Fetched, r.Requests)
			}
			if s.name != "ETag" && s.name != "Last-Modified" {
				continue
			}
			h := l.server.Requests("f")[1].Header
			if (h.Get("Range") != "") != (size > overlap) || h.Get("If-None-Match") == "" && h.Get("If-Modified-Since") == "" {
				t.Errorf("%s: asked %v", s.name, h)
			}
		}
	}
}

// TestAppendRewritten: another version of the same length has not grown, so an equal end
// proves nothing.
func TestAppendRewritten(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(31, 300_000)
	for _, s := range logSources(t) {
		if !s.tags {
			continue // nothing shows that it changed
		}
		l := appendLab(t)
		s.set(l, content, 1)
		e := s.list(l)
		l.want(Fetched, e)
		s.set(l, flip(content, 5), 2)
		l.want(Replaced, e)
		l.same("f", flip(content, 5))
		s.set(l, flip(content, 5), 3) // only touched
		l.want(UpToDate, e)
		if r := l.want(UpToDate, e); r.Fetched > 0 {
			t.Errorf("%s: %d bytes", s.name, r.Fetched)
		}
	}
}

// TestAppendGrowsMeanwhile: a log that grows while it is fetched is had up to where it was;
// the rest comes with the next run.
func TestAppendGrowsMeanwhile(t *testing.T) {
	t.Parallel()
	l := appendLab(t)
	content := remotetest.Content(31, 300_000)
	l.put("f", content)
	e := l.entry("f")
	l.want(Fetched, e)
	for range 2 {
		grow := func(f *remotetest.File) {
			f.Content = append(bytes.Clone(f.Content), remotetest.Content(uint64(len(f.Content)), 5000)...)
			f.ETag = fmt.Sprintf(`"%d"`, len(f.Content))
			f.Faults = append(f.Faults, remotetest.GrowAt(1000, 777).Times(1))
		}
		l.server.Change("f", grow)
		l.want(Resumed, e)
		if p := l.read("f"); !bytes.HasPrefix(l.server.File("f").Content, p) {
			t.Errorf("holds %s", show(p))
		}
	}
	l.server.Change("f", func(f *remotetest.File) { f.Faults = nil })
	l.pull(e)
	l.same("f", l.server.File("f").Content)
}

// TestAppendRotatedMeanwhile: an answer breaks off, and the log is another one by then. What
// is here stays until all of the new one is.
func TestAppendRotatedMeanwhile(t *testing.T) {
	t.Parallel()
	old, next := remotetest.Content(31, 400_000), remotetest.Content(32, 450_000)
	l := appendLab(t)
	l.Retries = 0
	l.put("f", old[:200_000])
	e := l.entry("f")
	l.want(Fetched, e)
	l.renew("f", old, remotetest.CutFIN(overlap+50_000).Times(1), remotetest.Status(404))
	l.want(Failed, e)
	l.same("f", old[:250_000])
	for cut := int64(100_000); cut < 450_000; cut += 170_000 {
		l.server.Put("f", remotetest.File{
			Content: next, ModTime: then.Add(time.Hour), ETag: `"three"`,
			Faults: []remotetest.Fault{remotetest.CloseIdle().Times(1), remotetest.CutFIN(cut).Times(1), remotetest.Status(404)},
		})
		l.pull(e)
		if p := l.read("f"); !bytes.Equal(p, old[:250_000]) && !bytes.Equal(p, next) {
			t.Errorf("cut at %d: holds %s", cut, show(p))
		}
	}
	l.server.Put("f", remotetest.File{Content: next, ModTime: then.Add(time.Hour), ETag: `"three"`})
	l.pull(e)
	l.same("f", next)
	l.noSide("f")
}

// TestAppendFileGrows follows a file that grows with each look at it: what came is the
// beginning of its only version, and the run ends.
func TestAppendFileGrows(t *testing.T) {
	t.Parallel()
	l := appendLab(t)
	content := remotetest.Content(31, 1<<20)
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, content[:300_000], 0o666); err != nil {
		t.Fatal(err)
	}
	have := 300_000
	client := &filetail.Client{}
	l.sources["file"] = fake(func(ctx context.Context, req remote.Request) (*remote.Tail, error) {
		tail, err := client.Open(ctx, req)
		if have < 700_000 {
			have += 100_000
			if err := os.WriteFile(path, content[:have], 0o666); err != nil {
				t.Error(err)
			}
		}
		return tail, err
	})
	u := url.URL{Scheme: "file", Path: path}
	e := listing.Entry{Path: "f", URLs: []string{u.String()}, Size: -1}
	if r := l.pull(e); !r.Outcome.OK() {
		t.Errorf("%v (%v)", r.Outcome, r.Err)
	}
	if r := l.pull(e); !r.Outcome.OK() {
		t.Errorf("%v (%v)", r.Outcome, r.Err)
	}
	l.same("f", content[:700_000])
}

// TestAppendTornByTruncation: what came from a file that was emptied and written anew
// meanwhile is of two versions, and taken back.
func TestAppendTornByTruncation(t *testing.T) {
	t.Parallel()
	old, next := remotetest.Content(31, 400_000), remotetest.Content(32, 300_000)
	for _, size := range []int{210_000, 250_000, 300_000} { // where what came ends, before it and behind
		asked := 0
		src := fake(func(_ context.Context, req remote.Request) (*remote.Tail, error) {
			asked++
			now := next[:size]
			switch asked {
			case 1:
				now = old[:200_000]
			case 2: // grown, and in the middle of the answer cut and written anew
				tail := fakeTail(req, old)
				mixed := slices.Concat(old[tail.Start:205_000], next[205_000:min(size, 290_000)])
				tail.Body = broken(mixed, remote.Errorf(remote.Temporary, "%w", remote.ErrChanged))
				return tail, nil
			}
			tail := fakeTail(req, now)
			tail.ETag = fmt.Sprintf(`"%d"`, asked)
			return tail, nil
		})
		inBubble(t, src, func(t *testing.T, l *lab) {
			l.Append = true
			l.want(Fetched, fakeEntry())
			if r := l.pull(fakeEntry()); r.Err != nil && !errors.Is(r.Err, ErrConflict) {
				t.Errorf("%v", r.Err)
			}
			l.same("f", next[:size])
		})
	}
}
