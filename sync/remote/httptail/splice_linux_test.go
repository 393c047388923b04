package httptail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// splicing is a client whose bodies are spliced wherever they can be.
type splicing struct {
	*Client
	moved *atomic.Int64 // bytes that were
}

func newSplicing(c *Client) splicing { return splicing{c, new(atomic.Int64)} }

func (s splicing) Open(ctx context.Context, req remote.Request) (*remote.Tail, error) {
	tail, err := s.Client.Open(ctx, req)
	if err != nil {
		return nil, err
	}
	if _, ok := tail.Body.(remote.Splicer); ok {
		tail.Body = &spliced{ReadCloser: tail.Body, moved: s.moved, step: 1 << 20}
	}
	return tail, nil
}

// spliced reads what Splice moved into a pipe.
type spliced struct {
	io.ReadCloser
	moved *atomic.Int64
	step  int
	size  int // of the pipe, 0: as it comes
	pipe  [2]*os.File
	rest  int // in the pipe
	err   error
}

func (b *spliced) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if b.pipe[0] == nil {
		var fds [2]int
		if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
			return 0, err
		}
		if b.size > 0 {
			syscall.Syscall(syscall.SYS_FCNTL, uintptr(fds[1]), 1031 /* F_SETPIPE_SZ */, uintptr(b.size))
		}
		b.pipe = [2]*os.File{os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe")}
	}
	if b.rest == 0 && b.err == nil {
		b.rest, b.err = b.ReadCloser.(remote.Splicer).Splice(b.pipe[1], b.step)
		b.moved.Add(int64(b.rest))
	}
	switch {
	case b.rest > 0:
		n, err = b.pipe[0].Read(p[:min(len(p), b.rest)])
		b.rest -= n
		return n, err
	case errors.Is(b.err, errors.ErrUnsupported):
		return b.ReadCloser.Read(p)
	case b.err != nil:
		return 0, b.err
	}
	return b.ReadCloser.Read(p)
}

func (b *spliced) Close() error {
	if b.pipe[0] != nil {
		b.pipe[0].Close()
		b.pipe[1].Close()
	}
	b.err, b.rest = errors.ErrUnsupported, 0
	b.pipe[0] = nil
	return b.ReadCloser.Close()
}

// TestSplicedSource: what a spliced body does is what one that is read does.
func TestSplicedSource(t *testing.T) {
	var moved atomic.Int64
	remotetest.TestSource(t, func(t *testing.T, name string, content []byte, modTime time.Time) (remotetest.Source, *url.URL) {
		s := remotetest.NewServer(t)
		u := s.Put(name, remotetest.File{Content: content, ModTime: modTime, ETag: `"one"`})
		return splicing{newClient(t, Options{Stall: 10 * time.Second, Conns: 4}), &moved}, u
	})
	if moved.Load() == 0 {
		t.Error("nothing was spliced")
	}
}

func TestSplicedFaults(t *testing.T) {
	testFaults(t, func(c *Client) remotetest.Source { return newSplicing(c) })
}

func TestSplicedCuts(t *testing.T) {
	testCuts(t, newSplicing(newClient(t, Options{})))
}

// rawServer answers each request on a connection with the texts that one of the answers
// consists of, each sent by itself, and counts its connections.
func rawServer(t *testing.T, pause time.Duration, answers ...[]string) (*url.URL, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	conns, next := new(atomic.Int32), new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			go serveRaw(c, pause, next, answers)
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/f"}, conns
}

func serveRaw(c net.Conn, pause time.Duration, next *atomic.Int32, answers [][]string) {
	defer c.Close()
	buf := make([]byte, 64<<10)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
		i := int(next.Add(1)) - 1
		if i >= len(answers) {
			return
		}
		for _, text := range answers[i] {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
			time.Sleep(pause)
		}
	}
}

// TestSplicedAhead: bytes that came with the header are in the program already, and the
// socket has what follows them. Both bodies, and a small one between them, come over one
// connection.
func TestSplicedAhead(t *testing.T) {
	content := string(remotetest.Content(9, 900_000))
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(content))
	for _, ahead := range []int{0, 1, 4095, 30_000} {
		whole := []string{head + content[:ahead], content[ahead : ahead+1], content[ahead+1:]}
		u, conns := rawServer(t, 5*time.Millisecond, whole, []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"}, whole)
		c := newSplicing(newClient(t, Options{Conns: 1}))
		for _, want := range []string{content, "hi", content} {
			if got, _, err := fetch(t, c, remote.Request{URL: u}, []byte(want)); got != "ok" {
				t.Fatalf("%d bytes ahead: %s, %v", ahead, got, err)
			}
		}
		if n := conns.Load(); n != 1 {
			t.Errorf("%d bytes ahead: %d connections", ahead, n)
		}
		if n := c.moved.Load(); n == 0 {
			t.Errorf("%d bytes ahead: nothing was spliced", ahead)
		}
	}
}

// TestSpliceFullPipe: the kernel says of a full pipe what it says of an empty socket. The
// one is not waited for.
func TestSpliceFullPipe(t *testing.T) {
	content := string(remotetest.Content(10, 300_000))
	u, _ := rawServer(t, 0, []string{fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(content)), content})
	tail := must(t)(newClient(t, Options{Stall: 5 * time.Second}).Open(t.Context(), remote.Request{URL: u}))
	b := &spliced{ReadCloser: tail.Body, moved: new(atomic.Int64), step: 1 << 20, size: 4096}
	defer b.Close()
	if got, err := io.ReadAll(b); string(got) != content || err != nil {
		t.Errorf("%d of %d bytes, or others: %v", len(got), len(content), err)
	}
}

// TestSplicedStops: what came before a cancel or a stall is in the pipe, then comes the
// cause.
func TestSplicedStops(t *testing.T) {
	content := remotetest.Content(11, 300_000)
	for name, want := range map[string]error{"canceled": errStop, "stalled": remote.ErrStall} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 2*len(content))
			u, _ := rawServer(t, 100*time.Millisecond, []string{head, string(content)})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			const patience = 2500 * time.Millisecond // by then all has come
			stall := patience
			if want == errStop {
				stall = time.Minute
				time.AfterFunc(patience, func() { cancel(errStop) })
			}
			c := newSplicing(newClient(t, Options{Stall: stall}))
			tail := must(t)(c.Open(ctx, remote.Request{URL: u}))
			defer tail.Body.Close()
			got, err := io.ReadAll(tail.Body)
			if !bytes.Equal(got, content) || !errors.Is(err, want) {
				t.Errorf("%d of %d bytes, or others: %v", len(got), len(content), err)
			}
		})
	}
}

var errStop = errors.New("the test's cause")

// must fails the test with the error that comes with a Tail.
func must(t testing.TB) func(*remote.Tail, error) *remote.Tail {
	return func(tail *remote.Tail, err error) *remote.Tail {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return tail
	}
}
