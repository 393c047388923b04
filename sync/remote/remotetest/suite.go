package remotetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"

	"fsync/sync/remote"
)

// Source is what a transport is for the suite.
type Source interface {
	Open(ctx context.Context, req remote.Request) (*remote.Tail, error)
}

// Setup makes a file available under a name that may have slashes, and returns the
// source and the URL to open it by. It is called several times for one test; what it
// starts ends with t.
type Setup func(t *testing.T, name string, content []byte, modTime time.Time) (Source, *url.URL)

// suiteTime is long enough ago to be a strong validator, and a whole second.
var suiteTime = time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)

// TestSource checks that a transport keeps the contract of package remote.
func TestSource(t *testing.T, setup func(t *testing.T, name string, content []byte, modTime time.Time) (Source, *url.URL)) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Setup)
	}{
		{"Offsets", testOffsets},
		{"Length", testLength},
		{"Beyond", testBeyond},
		{"Empty", testEmpty},
		{"Buffers", testBuffers},
		{"CloseEarly", testCloseEarly},
		{"Canceled", testCanceled},
		{"CanceledUnderWay", testCanceledUnderWay},
		{"Version", testVersion},
		{"Unless", testUnless},
		{"Missing", testMissing},
		{"BadRequest", testBadRequest},
		{"Names", testNames},
		{"Concurrent", testConcurrent},
		{"Leaks", testLeaks},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, setup) })
	}
}

// open opens a tail that must come, and checks what holds for every one.
func open(t *testing.T, s Source, req remote.Request) *remote.Tail {
	t.Helper()
	tail, err := s.Open(t.Context(), req)
	if err != nil {
		t.Fatalf("Open(offset %d, length %d): %v", req.Offset, req.Length, err)
	}
	t.Cleanup(func() { tail.Body.Close() })
	CheckTail(t, req, tail)
	return tail
}

// CheckTail checks the fields of a Tail against each other and the request.
func CheckTail(t testing.TB, req remote.Request, tail *remote.Tail) {
	t.Helper()
	switch {
	case tail.Body == nil:
		t.Fatal("Body is nil")
	case tail.NotModified && req.Unless == nil:
		t.Fatal("NotModified, which was not asked")
	case tail.NotModified:
		return
	case tail.Start < 0 || tail.Start > req.Offset:
		t.Fatalf("Start = %d, asked for %d", tail.Start, req.Offset)
	case tail.End != -1 && tail.End < tail.Start:
		t.Fatalf("End = %d is before Start = %d", tail.End, tail.Start)
	case tail.Size < -1 || tail.Size >= 0 && tail.End > tail.Size:
		t.Fatalf("Size = %d, End = %d", tail.Size, tail.End)
	case tail.Place == "":
		t.Fatal("Place is empty")
	}
}

// checkBytes reads a tail by r and compares all of it.
func checkBytes(t testing.TB, tail *remote.Tail, r io.Reader, content []byte) {
	t.Helper()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("Body from byte %d: %v after %d bytes", tail.Start, err, len(got))
	}
	want := content[tail.Start:]
	if tail.End >= 0 {
		want = content[tail.Start:tail.End]
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("Body from byte %d: %d bytes that are not the file's, want %d", tail.Start, len(got), len(want))
	}
	if n, err := r.Read(make([]byte, 10)); n != 0 || err != io.EOF {
		t.Fatalf("Read after the end = %d, %v", n, err)
	}
}

func testOffsets(t *testing.T, setup Setup) {
	for _, size := range []int64{1, 2, 4096, 100_003, 1<<20 + 1} {
		content := Content(uint64(size), size)
		s, u := setup(t, fmt.Sprintf("f%d", size), content, suiteTime)
		for _, off := range []int64{0, 1, size / 2, size - 2, size - 1} {
			if off < 0 || off >= size {
				continue
			}
			tail := open(t, s, remote.Request{URL: u, Offset: off})
			if tail.Size != size || tail.End != size {
				t.Errorf("offset %d: Size = %d, End = %d, want %d", off, tail.Size, tail.End, size)
			}
			checkBytes(t, tail, tail.Body, content)
			if err := tail.Body.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	}
}

func testLength(t *testing.T, setup Setup) {
	const size = 70_001
	content := Content(2, size)
	s, u := setup(t, "file", content, suiteTime)
	for _, c := range []struct{ off, n int64 }{
		{0, 1}, {0, size}, {0, size + 5}, {1, 1}, {5000, 10_000}, {size - 1, 1}, {size - 1, 100}, {7, 1<<63 - 1},
	} {
		tail := open(t, s, remote.Request{URL: u, Offset: c.off, Length: c.n})
		if want := c.off + min(c.n, size-c.off); tail.End != -1 && tail.End < want {
			t.Errorf("offset %d, length %d: End = %d, want %d", c.off, c.n, tail.End, want)
		}
		if tail.Size != size {
			t.Errorf("offset %d, length %d: Size = %d, want %d", c.off, c.n, tail.Size, size)
		}
		checkBytes(t, tail, tail.Body, content)
	}
}

// testBeyond: a source that knows the size gives an empty body, one that does not know
// what to believe says BadRange; it may also start earlier.
func testBeyond(t *testing.T, setup Setup) {
	content := Content(3, 5000)
	s, u := setup(t, "file", content, suiteTime)
	for _, off := range []int64{5000, 5001, 1 << 40} {
		req := remote.Request{URL: u, Offset: off}
		tail, err := s.Open(t.Context(), req)
		if err != nil {
			if remote.KindOf(err) != remote.BadRange {
				t.Errorf("offset %d: %v", off, err)
			}
			continue
		}
		CheckTail(t, req, tail)
		if tail.Size != 5000 {
			t.Errorf("offset %d: Size = %d", off, tail.Size)
		}
		checkBytes(t, tail, tail.Body, content)
		tail.Body.Close()
	}
}

func testEmpty(t *testing.T, setup Setup) {
	s, u := setup(t, "empty", nil, suiteTime)
	tail := open(t, s, remote.Request{URL: u})
	if tail.Size != 0 || tail.Start != 0 || tail.End != 0 {
		t.Errorf("Size = %d, Start = %d, End = %d", tail.Size, tail.Start, tail.End)
	}
	checkBytes(t, tail, tail.Body, nil)
}

func testVersion(t *testing.T, setup Setup) {
	s, u := setup(t, "file", Content(8, 9000), suiteTime)
	first := open(t, s, remote.Request{URL: u})
	second := open(t, s, remote.Request{URL: u, Offset: 5000})
	if first.Version != second.Version {
		t.Errorf("two versions of one file:\n%+v\n%+v", first.Version, second.Version)
	}
	if !first.ModTime.Equal(suiteTime) || first.WeakTime {
		t.Errorf("ModTime = %s, weak %t; want %s", first.ModTime, first.WeakTime, suiteTime)
	}
	young, u := setup(t, "young", Content(8, 9000), time.Now())
	if tail := open(t, young, remote.Request{URL: u}); !tail.StrongTime().IsZero() {
		t.Errorf("a file modified now has the strong time %s", tail.ModTime)
	}
}

func testUnless(t *testing.T, setup Setup) {
	content := Content(9, 9000)
	s, u := setup(t, "file", content, suiteTime)
	first := open(t, s, remote.Request{URL: u})
	again := open(t, s, remote.Request{URL: u, Unless: &first.Version})
	if !again.NotModified {
		checkBytes(t, again, again.Body, content)
	} else if n, err := again.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("body of NotModified: %d, %v", n, err)
	}
	if again.Version != first.Version {
		t.Errorf("two versions of one file:\n%+v\n%+v", again.Version, first.Version)
	}
	other := first.Version
	other.ETag, other.ModTime, other.Size = `"other"`, suiteTime.Add(-time.Hour), 8999
	for _, offset := range []int64{0, 7000} {
		if tail := open(t, s, remote.Request{URL: u, Offset: offset, Unless: &other}); tail.NotModified {
			t.Error("NotModified to another version")
		} else {
			checkBytes(t, tail, tail.Body, content)
		}
		if tail := open(t, s, remote.Request{URL: u, Offset: offset, Unless: &first.Version}); tail.NotModified != again.NotModified {
			t.Errorf("NotModified from byte %d: %t", offset, tail.NotModified)
		}
	}
	none := remote.Version{Size: -1}
	if tail := open(t, s, remote.Request{URL: u, Unless: &none}); tail.NotModified {
		t.Error("NotModified to no version")
	}
}

func testMissing(t *testing.T, setup Setup) {
	s, u := setup(t, "file", Content(10, 10), suiteTime)
	u = u.JoinPath("..", "missing")
	if tail, err := s.Open(t.Context(), remote.Request{URL: u}); err == nil || remote.KindOf(err) != remote.Final {
		t.Errorf("Open = %v, %v", tail, err)
	}
}

func testBadRequest(t *testing.T, setup Setup) {
	s, u := setup(t, "file", Content(10, 10), suiteTime)
	other := *u
	other.Scheme = "gopher"
	for _, req := range []remote.Request{{}, {URL: &other}, {URL: u, Offset: -1}, {URL: u, Length: -1}} {
		if tail, err := s.Open(t.Context(), req); err == nil || remote.KindOf(err) != remote.Final {
			t.Errorf("Open(%v) = %v, %v", req, tail, err)
		}
	}
}

func testNames(t *testing.T, setup Setup) {
	for i, name := range []string{"a b", "100%", "ü/ö", "a?b", "a#b", "a;b=c&d+e", "dir/sub/file"} {
		content := Content(uint64(20+i), 1000)
		s, u := setup(t, name, content, suiteTime)
		tail := open(t, s, remote.Request{URL: u, Offset: 1})
		checkBytes(t, tail, tail.Body, content)
	}
}

func testConcurrent(t *testing.T, setup Setup) {
	const size = 500_009
	content := Content(11, size)
	s, u := setup(t, "file", content, suiteTime)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 4 {
				req := remote.Request{URL: u, Offset: rand.Int64N(size), Length: rand.Int64N(100_000)}
				tail, err := s.Open(t.Context(), req)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(tail.Body)
				tail.Body.Close()
				if err != nil || tail.Start > req.Offset || !bytes.Equal(got, content[tail.Start:tail.End]) {
					t.Errorf("%d bytes from %d on: %d bytes, %v", req.Length, req.Offset, len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

// testLeaks ends tails in every way and looks for what stays behind each of them.
func testLeaks(t *testing.T, setup Setup) {
	const rounds = 40
	s, u := setup(t, "file", Content(12, 1<<20), suiteTime)
	warm := open(t, s, remote.Request{URL: u}) // the first one may leave a connection
	warm.Body.Close()
	before := runtime.NumGoroutine()
	for range rounds {
		for _, n := range []int64{0, 1000, 1 << 20} {
			tail, err := s.Open(t.Context(), remote.Request{URL: u})
			if err != nil {
				t.Fatal(err)
			}
			io.CopyN(io.Discard, tail.Body, n)
			tail.Body.Close()
		}
		ctx, cancel := context.WithCancel(t.Context())
		tail, err := s.Open(ctx, remote.Request{URL: u, Offset: 1})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		tail.Body.Close()
	}
	// What is kept open for the next file does not grow with the files.
	var after int
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if after = runtime.NumGoroutine(); after < before+rounds/2 {
			return
		}
	}
	t.Errorf("%d goroutines before %d tails, %d after", before, 4*rounds, after)
}
