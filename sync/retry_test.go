package sync

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fsync/listing"
	"fsync/sync/remote"
)

// fake is a Source whose answers a test makes.
type fake func(ctx context.Context, req remote.Request) (*remote.Tail, error)

func (f fake) Open(ctx context.Context, req remote.Request) (*remote.Tail, error) { return f(ctx, req) }

// fakeTail answers a request honestly from content.
func fakeTail(req remote.Request, content []byte) *remote.Tail {
	start := min(req.Offset, int64(len(content)))
	size := int64(len(content))
	return &remote.Tail{
		Version: remote.Version{ETag: `"one"`, ModTime: then, Size: size, Place: remote.PlaceOf(req.URL)},
		Start:   start, End: size, Framed: true,
		Body: io.NopCloser(bytes.NewReader(content[start:])),
	}
}

// broken is a body that fails after its bytes.
func broken(p []byte, err error) io.ReadCloser {
	return io.NopCloser(io.MultiReader(bytes.NewReader(p), errReader{err}))
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func fakeEntry(urls ...string) listing.Entry {
	if len(urls) == 0 {
		urls = []string{"fake://host/f"}
	}
	return listing.Entry{Path: "f", URLs: urls, Size: -1}
}

// inBubble runs a test whose time is not real.
func inBubble(t *testing.T, src fake, run func(t *testing.T, l *lab)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		run(t, &lab{t: t, dir: dir, sources: map[string]Source{"fake": src}, Options: Options{Retries: 3}})
	})
}

func TestRetryAfter(t *testing.T) {
	asked := 0
	src := fake(func(_ context.Context, req remote.Request) (*remote.Tail, error) {
		if asked++; asked == 1 {
			return nil, &remote.Error{Kind: remote.Temporary, Status: 503, After: 2 * time.Minute, Err: errors.New("busy")}
		}
		return fakeTail(req, costContent), nil
	})
	inBubble(t, src, func(t *testing.T, l *lab) {
		began := time.Now()
		l.want(Fetched, fakeEntry())
		if d := time.Since(began); d < 2*time.Minute || d > 3*time.Minute {
			t.Errorf("came back after %v", d)
		}
		l.same("f", costContent)
	})
}

// TestRetryAfterTooLong: an entry is not held for hours; the next run asks again.
func TestRetryAfterTooLong(t *testing.T) {
	asked := 0
	src := fake(func(context.Context, remote.Request) (*remote.Tail, error) {
		asked++
		return nil, &remote.Error{Kind: remote.Temporary, Status: 429, After: 100 * time.Hour, Err: errors.New("too many")}
	})
	inBubble(t, src, func(t *testing.T, l *lab) {
		began := time.Now()
		r := l.want(Failed, fakeEntry())
		if asked != 1 || time.Since(began) > time.Minute || !strings.Contains(r.Err.Error(), "come back") {
			t.Errorf("asked %d times in %v: %v", asked, time.Since(began), r.Err)
		}
	})
}

// TestRetriesSpent: attempts that bring nothing end, with growing delays between them.
func TestRetriesSpent(t *testing.T) {
	var at []time.Time
	src := fake(func(context.Context, remote.Request) (*remote.Tail, error) {
		at = append(at, time.Now())
		return nil, remote.Errorf(remote.Temporary, "down")
	})
	inBubble(t, src, func(t *testing.T, l *lab) {
		l.want(Failed, fakeEntry())
		if len(at) != 4 {
			t.Fatalf("asked %d times, want 1 + 3 retries", len(at))
		}
		for i := 1; i < len(at); i++ {
			least := 250 * time.Millisecond << (i - 1)
			if d := at[i].Sub(at[i-1]); d < least || d > 3*least {
				t.Errorf("delay %d is %v, want %v to %v", i, d, least, 3*least)
			}
		}
	})
}

// TestRetriesRenewed: a connection that breaks often but brings something each time gets
// there.
func TestRetriesRenewed(t *testing.T) {
	const step = 20_000
	asked := 0
	src := fake(func(_ context.Context, req remote.Request) (*remote.Tail, error) {
		asked++
		tail := fakeTail(req, costContent)
		end := min(tail.Start+overlap+step, costSize)
		tail.Body = broken(costContent[tail.Start:end], remote.Errorf(remote.Temporary, "reset"))
		if end == costSize {
			tail.Body = io.NopCloser(bytes.NewReader(costContent[tail.Start:]))
		}
		return tail, nil
	})
	inBubble(t, src, func(t *testing.T, l *lab) {
		l.Retries = 1
		if r := l.pull(fakeEntry()); !r.Outcome.OK() {
			t.Errorf("%v (%v) after %d requests", r.Outcome, r.Err, asked)
		}
		l.same("f", costContent)
	})
}

// TestFinalAtOnce: what cannot get better is not asked again.
func TestFinalAtOnce(t *testing.T) {
	asked := 0
	src := fake(func(context.Context, remote.Request) (*remote.Tail, error) {
		asked++
		return nil, &remote.Error{Kind: remote.Final, Status: 404, Err: errors.New("not found")}
	})
	inBubble(t, src, func(t *testing.T, l *lab) {
		began := time.Now()
		l.want(Failed, fakeEntry())
		if asked != 1 || time.Since(began) > 0 {
			t.Errorf("asked %d times in %v", asked, time.Since(began))
		}
	})
}

// TestMirrorsWithoutDelay: while another mirror is left, none is waited for.
func TestMirrorsWithoutDelay(t *testing.T) {
	src := fake(func(_ context.Context, req remote.Request) (*remote.Tail, error) {
		if req.URL.Host != "c" {
			return nil, remote.Errorf(remote.Temporary, "down")
		}
		return fakeTail(req, costContent), nil
	})
	inBubble(t, src, func(t *testing.T, l *lab) {
		began := time.Now()
		l.want(Fetched, fakeEntry("fake://a/f", "fake://b/f", "fake://c/f"))
		if d := time.Since(began); d > 0 {
			t.Errorf("waited %v", d)
		}
	})
}

// TestContradictingAnswers: no sequence of answers keeps an entry going for ever.
func TestContradictingAnswers(t *testing.T) {
	asked := 0
	src := fake(func(_ context.Context, req remote.Request) (*remote.Tail, error) {
		asked++
		content := bytes.Clone(costContent)
		for i := range content {
			content[i] ^= byte(asked)
		}
		tail := fakeTail(req, content)
		tail.ETag, tail.End = "", tail.Size
		tail.ModTime = then.Add(time.Duration(asked) * time.Hour)
		if req.Offset == 0 {
			tail.Body = broken(content[:overlap+asked], remote.Errorf(remote.Temporary, "reset"))
		}
		return tail, nil
	})
	inBubble(t, src, func(t *testing.T, l *lab) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		e := fakeEntry()
		r := l.pullAll(ctx, e)[e.Path]
		if r.Outcome != Failed || asked > 100 {
			t.Errorf("%v (%v) after %d requests", r.Outcome, r.Err, asked)
		}
	})
}

func TestBadURL(t *testing.T) {
	l := newLab(t)
	for _, u := range []*url.URL{{Scheme: "gopher", Host: "x"}, {Path: "f"}} {
		e := l.entry("f", withURLs(u))
		l.want(Failed, e)
	}
	l.want(Failed, listing.Entry{Path: "g", Size: -1})
}
