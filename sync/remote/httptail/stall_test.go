package httptail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

func TestReuse(t *testing.T) {
	s := remotetest.NewServer(t)
	c := newClient(t, Options{Conns: 1})
	peers := make(map[string]bool)
	for _, row := range []struct {
		fault  []remotetest.Fault
		size   int64
		read   int64
		reused bool
	}{
		{nil, 1000, 1000, true},
		{nil, 1000, 0, true},
		{nil, 60_000, 1, true},
		{[]remotetest.Fault{remotetest.Status(404)}, 10, 0, true},
		{[]remotetest.Fault{remotetest.Status(503)}, 10, 0, true},
		{nil, 0, 0, true},
		{nil, 10 << 20, 10 << 20, true},
		{nil, 10 << 20, 10<<20 - 60_000, true},
		{nil, 10 << 20, 1, false}, // its connection is closed: the last row's is new
		{nil, 1, 1, true},
	} {
		f := remotetest.File{Content: remotetest.Content(1, row.size), Faults: row.fault}
		tail, err := c.Open(t.Context(), remote.Request{URL: s.Put("file", f)})
		if err == nil {
			if _, err := io.CopyN(io.Discard, tail.Body, row.read); err != nil {
				t.Fatal(err)
			}
			tail.Body.Close()
		}
		peers[s.Requests("file")[0].Peer] = true
	}
	if len(peers) != 2 {
		t.Errorf("%d connections", len(peers))
	}
}

// TestStall: a peer that brings nothing is given up, with the time and the place.
func TestStall(t *testing.T) {
	const limit = 2 * time.Second // a busy machine that stands still for less is no stall
	for _, row := range []struct {
		fault remotetest.Fault
		text  string
	}{
		{remotetest.StallHeader(), "no data for 2s, waiting for the answer"},
		{remotetest.Stall(0), "cut after 0 of 100003 bytes at byte 0: no data for 2s"},
		{remotetest.Stall(5000), "cut after 5000 of 100003 bytes at byte 5000: no data"},
		{remotetest.Stall(100_002), "at byte 100002: no data"},
		{remotetest.Trickle(5 * time.Millisecond), "no data to speak of"},
	} {
		t.Run(row.text, func(t *testing.T) {
			t.Parallel()
			s := remotetest.NewServer(t)
			f := sample()
			f.Faults = []remotetest.Fault{row.fault}
			begin := time.Now()
			got, _, err := fetch(t, newClient(t, Options{Stall: limit}), remote.Request{URL: s.Put("file", f)}, f.Content)
			if got != "temporary" || !errors.Is(err, remote.ErrStall) || !strings.Contains(err.Error(), row.text) {
				t.Errorf("%s: %s, %v", row.fault.Name, got, err)
			}
			if d := time.Since(begin); d < limit || d > 20*limit {
				t.Errorf("%s: given up after %s", row.fault.Name, d)
			}
		})
	}
}

// TestNoStall: neither a slow reader nor a slow but steady server is a stall.
func TestNoStall(t *testing.T) {
	t.Parallel()
	const limit = 3 * time.Second
	s := remotetest.NewServer(t)
	f := remotetest.File{Content: remotetest.Content(1, 3<<20)}
	c := newClient(t, Options{Stall: limit})
	tail, err := c.Open(t.Context(), remote.Request{URL: s.Put("file", f)})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Body.Close()
	var got bytes.Buffer
	buf := make([]byte, 1<<20)
	for err == nil {
		if got.Len() == 1<<20 { // in the middle of the body
			time.Sleep(limit * 3 / 2)
		}
		var n int
		n, err = io.ReadFull(tail.Body, buf)
		got.Write(buf[:n])
	}
	if err != io.EOF || !bytes.Equal(got.Bytes(), f.Content) {
		t.Errorf("a slow reader: %d bytes, %v", got.Len(), err)
	}

	small := remotetest.File{Content: []byte("abcdef"), Faults: []remotetest.Fault{remotetest.Trickle(limit / 60)}}
	if got, _, err := fetch(t, c, remote.Request{URL: s.Put("file", small)}, small.Content); got != "ok" {
		t.Errorf("a rest below the least: %s, %v", got, err)
	}
}

// TestCloseOfStalled: a rest that is small enough to be read does not come.
func TestCloseOfStalled(t *testing.T) {
	s := remotetest.NewServer(t)
	f := sample()
	f.Faults = []remotetest.Fault{remotetest.Stall(90_000)}
	tail, err := newClient(t, Options{}).Open(t.Context(), remote.Request{URL: s.Put("file", f)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, tail.Body, 80_000); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	tail.Body.Close()
	if d := time.Since(begin); d > 20*time.Second { // the server waits for a minute
		t.Errorf("Close took %s", d)
	}
}

// TestCanceled: the caller's cause comes back from every wait.
func TestCanceled(t *testing.T) {
	cause := errors.New("enough")
	for _, fault := range []remotetest.Fault{remotetest.StallHeader(), remotetest.Stall(10)} {
		s := remotetest.NewServer(t)
		f := sample()
		f.Faults = []remotetest.Fault{fault}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
		tail, err := newClient(t, Options{}).Open(ctx, remote.Request{URL: s.Put("file", f)})
		if err == nil {
			_, err = io.Copy(io.Discard, tail.Body)
			tail.Body.Close()
		}
		if !errors.Is(err, cause) {
			t.Errorf("%s: %v", fault.Name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	s := remotetest.NewServer(t)
	u := s.Put("file", remotetest.File{Faults: []remotetest.Fault{remotetest.StallHeader()}})
	if _, err := newClient(t, Options{}).Open(ctx, remote.Request{URL: u}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
}

// BenchmarkBody reads a large file in blocks of 1 MiB.
func BenchmarkBody(b *testing.B) {
	const size = 256 << 20
	block := remotetest.Content(1, 1<<20)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		for range size / len(block) {
			w.Write(block)
		}
	}))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	for name, stall := range map[string]time.Duration{"watched": time.Minute, "unwatched": 0} {
		b.Run(name, func(b *testing.B) {
			c := newClient(b, Options{Stall: stall})
			buf := make([]byte, 1<<20)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				tail, err := c.Open(b.Context(), remote.Request{URL: u})
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{tail.Body}, buf); n != size || err != nil {
					b.Fatal(n, err)
				}
				tail.Body.Close()
			}
		})
	}
}
