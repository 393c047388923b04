package httptail

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// pipeServer serves one file, and sees which requests come before the answer to the one
// before them is sent.
type pipeServer struct {
	content []byte
	head    string // what an answer begins with, up to its status
	fields  string
	closes  bool          // closes after each part, without a word
	patient time.Duration // how long the first parts are held back for the next request
	// toAhead answers a request that was sent ahead, in place of the server: with a status,
	// fields and a body, or not at all: "".
	toAhead func(first, last int64) (status string, body []byte)

	parts, ahead, conns, idle atomic.Int64
}

func (s *pipeServer) start(t *testing.T) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			go s.serve(c)
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/f"}
}

func (s *pipeServer) part(first, last int64) (string, []byte) {
	return fmt.Sprintf("206 Partial Content\r\nContent-Range: bytes %d-%d/%d", first, last, len(s.content)), s.content[first : last+1]
}

func (s *pipeServer) serve(c net.Conn) {
	defer c.Close()
	br := bufio.NewReader(c)
	for n, ahead := 0, false; ; n++ {
		r, err := http.ReadRequest(br)
		if err != nil {
			if n == 0 {
				s.idle.Add(1)
			}
			return
		}
		status, body := "200 OK", s.content
		first, last, err := parseRange(r)
		part := err == nil
		if part {
			s.parts.Add(1)
			status, body = s.part(first, last)
			if ahead && s.toAhead != nil {
				status, body = s.toAhead(first, last)
			}
		}
		if status == "" {
			continue
		}
		head := fmt.Sprintf("%s %s\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\n%sContent-Length: %d\r\n\r\n", s.head, status, s.fields, len(body))
		half := len(body) / 2
		if _, err := io.WriteString(c, head+string(body[:half])); err != nil {
			return
		}
		if part && s.parts.Load() <= 4 && s.ahead.Load() == 0 {
			c.SetReadDeadline(time.Now().Add(s.patient))
			br.Peek(1)
			c.SetReadDeadline(time.Time{})
		}
		if _, err := c.Write(body[half:]); err != nil || part && s.closes {
			return
		}
		if ahead = br.Buffered() > 0; ahead {
			s.ahead.Add(1)
		}
	}
}

// TestFollow: requests are sent ahead where that works and only there, and whatever comes
// of it, the bytes are those of the file.
func TestFollow(t *testing.T) {
	content := remotetest.Content(21, 40<<20+123)
	part := (&pipeServer{content: content}).part
	const long, short = 10 * time.Second, 50 * time.Millisecond
	for name, row := range map[string]struct {
		server *pipeServer
		ahead  bool // are there requests that are sent ahead?
		pipes  bool // may there be more, at the end?
		single bool // is it one stream from then on?
	}{
		"works":                    {server: &pipeServer{head: "HTTP/1.1", patient: long}, ahead: true, pipes: true},
		"HTTP/1.0":                 {server: &pipeServer{head: "HTTP/1.0", patient: short}, pipes: true},
		"HTTP/1.0 kept alive":      {server: &pipeServer{head: "HTTP/1.0", fields: "Connection: keep-alive\r\n", patient: short}, pipes: true},
		"says that it closes":      {server: &pipeServer{head: "HTTP/1.1", fields: "Connection: close\r\n", closes: true, patient: short}, pipes: true},
		"closes after each answer": {server: &pipeServer{head: "HTTP/1.1", closes: true, patient: long}},
		"drops it":                 {server: &pipeServer{head: "HTTP/1.1", patient: long, toAhead: func(int64, int64) (string, []byte) { return "", nil }}, ahead: true},
		"answers for another part": {server: &pipeServer{head: "HTTP/1.1", patient: long, toAhead: func(first, last int64) (string, []byte) {
			return part(first-1<<20, last-1<<20)
		}}, ahead: true},
		"ignores the range": {server: &pipeServer{head: "HTTP/1.1", patient: long, toAhead: func(int64, int64) (string, []byte) { return "200 OK", content }}, ahead: true},
		"gives less": {server: &pipeServer{head: "HTTP/1.1", patient: long, toAhead: func(first, last int64) (string, []byte) {
			return part(first, last-100_000)
		}}, ahead: true, pipes: true},
		"answers with garbage": {server: &pipeServer{head: "HTTP/1.1", patient: long, toAhead: func(int64, int64) (string, []byte) { return "what?", nil }}, ahead: true},
		"says 503":             {server: &pipeServer{head: "HTTP/1.1", patient: long, toAhead: func(int64, int64) (string, []byte) { return "503 Busy", nil }}, ahead: true, pipes: true, single: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := row.server
			s.content = content
			u := s.start(t)
			c := newClient(t, Options{Conns: 4, Stall: time.Minute})
			tail, err := c.Open(t.Context(), remote.Request{URL: u, Streams: 4})
			if err != nil {
				t.Fatal(err)
			}
			defer tail.Body.Close()
			got, err := readBlocks(tail.Body)
			if !bytes.HasPrefix(content, got) {
				t.Fatal("other bytes than the file's")
			}
			if len(got) < len(content) && (!row.single || remote.KindOf(err) != remote.Temporary) || err != nil && !row.single {
				t.Errorf("%d of %d bytes, %v", len(got), len(content), err)
			}
			if seen := s.ahead.Load() > 0; seen != row.ahead {
				t.Errorf("%d requests were sent ahead", s.ahead.Load())
			}
			if c.load.pipes(u.Host) != row.pipes || c.load.single(u.Host) != row.single {
				t.Errorf("requests may be sent ahead: %t, and one stream only: %t", c.load.pipes(u.Host), c.load.single(u.Host))
			}
			if s.parts.Load() == 0 {
				t.Error("there was one stream")
			}
		})
	}
}

// TestWarmUp: the connections for several streams come after the first request, no more of
// them than are allowed, and those that no file needs are closed.
func TestWarmUp(t *testing.T) {
	for name, row := range map[string]struct {
		size    int
		streams int
		conns   int64
		idle    bool // some are not used
	}{
		"large":      {size: 20 << 20, streams: 4, conns: 5}, // one is for the lead's successor
		"small":      {size: 1 << 20, streams: 4, conns: 4, idle: true},
		"one stream": {size: 20 << 20, streams: 1, conns: 1},
		"default":    {size: 1 << 20, conns: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &pipeServer{content: remotetest.Content(22, int64(row.size)), head: "HTTP/1.1"}
			u := s.start(t)
			c := newClient(t, Options{Conns: 4, Stall: time.Minute})
			tail, err := c.Open(t.Context(), remote.Request{URL: u, Streams: row.streams})
			if err != nil {
				t.Fatal(err)
			}
			got, err := readBlocks(tail.Body)
			tail.Body.Close()
			if !bytes.Equal(got, s.content) || err != nil {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			for end := time.Now().Add(10 * time.Second); s.conns.Load()-s.idle.Load() > 1 && row.idle && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			if n := s.conns.Load(); n > row.conns {
				t.Errorf("%d connections", n)
			}
			if open := c.direct.opened(u.Host).Load(); int64(open) > 4 || row.idle && s.conns.Load()-s.idle.Load() > 1 {
				t.Errorf("%d connections are open, %d of %d were not used", open, s.idle.Load(), s.conns.Load())
			}
		})
	}
}

// TestWindowAwaited: a stream that is far ahead does not wait for the reader while what the
// reader waits for is nobody's.
func TestWindowAwaited(t *testing.T) {
	w := &window{most: 1, active: 1, end: 100 << 20, next: 50 << 20}
	w.changed = sync.NewCond(&w.mu)
	k := &chunk{at: 40 << 20, end: 41 << 20, owned: true}
	w.chunks = []*chunk{{at: 0, end: 1 << 20}, k}
	if left, ok := w.room(k); left != 1<<20 || !ok {
		t.Errorf("%d, %t", left, ok)
	}
}
