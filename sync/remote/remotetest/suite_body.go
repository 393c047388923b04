package remotetest

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"fsync/sync/remote"
)

func testBuffers(t *testing.T, setup Setup) {
	content := Content(4, 300_007)
	s, u := setup(t, "file", content, suiteTime)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader,
		"half":     iotest.HalfReader,
		"7":        func(r io.Reader) io.Reader { return sized{r, 7} },
		"4097":     func(r io.Reader) io.Reader { return sized{r, 4097} },
		"65537":    func(r io.Reader) io.Reader { return sized{r, 65537} },
		"1 MiB":    func(r io.Reader) io.Reader { return sized{r, 1 << 20} },
	} {
		t.Run(name, func(t *testing.T) {
			tail := open(t, s, remote.Request{URL: u, Offset: 11})
			checkBytes(t, tail, wrap(tail.Body), content)
		})
	}
	if tail := open(t, s, remote.Request{URL: u, Offset: 13}); tail.Body != nil {
		if b, ok := tail.Body.(remote.Blocks); ok {
			checkBytes(t, tail, &lender{Blocks: b, Reader: tail.Body}, content)
		}
	}
	tail := open(t, s, remote.Request{URL: u, Offset: 280_000})
	if err := iotest.TestReader(struct{ io.Reader }{tail.Body}, content[tail.Start:]); err != nil {
		t.Error(err)
	}
}

// lender reads by turns from the blocks that a body lends and by Read.
type lender struct {
	remote.Blocks
	io.Reader
	block []byte
	turn  int
}

func (l *lender) Read(p []byte) (n int, err error) {
	if l.turn++; len(l.block) == 0 && l.turn%3 == 0 {
		return l.Reader.Read(p)
	}
	if len(l.block) == 0 {
		if l.block, err = l.Next(); err != nil {
			return 0, err
		}
	}
	n = copy(p, l.block)
	l.block = l.block[n:]
	return n, nil
}

// sized reads by blocks of its own size, whatever the caller's are.
type sized struct {
	r io.Reader
	n int
}

func (s sized) Read(p []byte) (int, error) {
	q := make([]byte, min(s.n, len(p)))
	n, err := s.r.Read(q)
	copy(p, q[:n])
	return n, err
}

func testCloseEarly(t *testing.T, setup Setup) {
	content := Content(5, 4<<20)
	s, u := setup(t, "file", content, suiteTime)
	for _, n := range []int64{0, 1, 70_000, 4<<20 - 100} {
		tail := open(t, s, remote.Request{URL: u})
		if _, err := io.CopyN(io.Discard, tail.Body, n); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := tail.Body.Close(); err != nil {
			t.Errorf("Close after %d bytes: %v", n, err)
		}
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("Close after %d bytes took %s", n, d)
		}
		if n, err := tail.Body.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("Read after Close = %d, %v", n, err)
		}
	}
	tail := open(t, s, remote.Request{URL: u, Offset: 4<<20 - 1000})
	checkBytes(t, tail, tail.Body, content)
}

var errSuite = errors.New("the suite's cause")

func testCanceled(t *testing.T, setup Setup) {
	s, u := setup(t, "file", Content(6, 1000), suiteTime)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errSuite)
	if tail, err := s.Open(ctx, remote.Request{URL: u}); !errors.Is(err, errSuite) {
		t.Errorf("Open = %v, %v", tail, err)
	}
}

func testCanceledUnderWay(t *testing.T, setup Setup) {
	s, u := setup(t, "file", Content(7, 32<<20), suiteTime) // more than sockets hold
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	tail, err := s.Open(ctx, remote.Request{URL: u})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Body.Close()
	if _, err := io.CopyN(io.Discard, tail.Body, 100_000); err != nil {
		t.Fatal(err)
	}
	cancel(errSuite)
	if _, err := io.Copy(io.Discard, tail.Body); !errors.Is(err, errSuite) {
		t.Errorf("Body after the cancel: %v", err)
	}
}
