package remotetest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// call is one request under way, with the file as it was when it came.
type call struct {
	s    *Server
	e    *entry
	r    *http.Request
	w    *countingWriter
	file File
	name string
	n    int // which request for the file this is, from 1 on

	ranged      bool
	first, last int64 // what a right answer would hold
}

// reader returns the file's bytes.
func (f File) reader() *io.SectionReader {
	if f.Large != nil {
		return f.Large
	}
	return io.NewSectionReader(bytes.NewReader(f.Content), 0, int64(len(f.Content)))
}

// Size returns the file's size.
func (f File) Size() int64 { return f.reader().Size() }

// parseRange reads "bytes=A-" and "bytes=A-B". Others, and those beyond the end, are
// left to honest.
func (c *call) parseRange() {
	size := c.file.Size()
	c.last = size - 1
	span, ok := strings.CutPrefix(c.r.Header.Get("Range"), "bytes=")
	a, b, ok2 := strings.Cut(span, "-")
	first, err := strconv.ParseInt(a, 10, 64)
	if !ok || !ok2 || err != nil || first < 0 || first >= size {
		return
	}
	c.ranged, c.first = true, first
	if last, err := strconv.ParseInt(b, 10, 64); err == nil {
		c.last = min(last, c.last)
	}
}

// length is how many bytes a right answer would hold.
func (c *call) length() int64 { return c.last - c.first + 1 }

// section returns bytes of the file, cut to what it has.
func (c *call) section(first, n int64) io.Reader {
	return io.NewSectionReader(c.file.reader(), first, max(n, 0))
}

// headers sets what every answer about the file has.
func (c *call) headers() http.Header {
	h := c.w.Header()
	if c.file.ETag != "" {
		h.Set("ETag", c.file.ETag)
	}
	if !c.file.ModTime.IsZero() {
		h.Set("Last-Modified", c.file.ModTime.UTC().Format(http.TimeFormat))
	}
	h.Set("Content-Type", "application/octet-stream")
	if c.file.Type != "" {
		h.Set("Content-Type", c.file.Type)
	}
	return h
}

// honest serves the file as a good server does.
func (c *call) honest() {
	c.headers()
	http.ServeContent(c.w, c.r, c.name, c.file.ModTime, c.file.reader())
}

// contentRange is the value that a right 206 has.
func (c *call) contentRange() string {
	return fmt.Sprintf("bytes %d-%d/%d", c.first, c.last, c.file.Size())
}

// status is that of a right answer.
func (c *call) status() int {
	if c.ranged {
		return http.StatusPartialContent
	}
	return http.StatusOK
}

// raw takes the connection over and writes an answer as it is: the headers of the file,
// the fields in the order given (those of an honest answer are replaced, "" drops one),
// then the body. It returns the connection for more; the caller closes it.
func (c *call) raw(proto string, status int, fields map[string]string, body io.Reader) net.Conn {
	h := c.headers()
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if c.ranged && status == http.StatusPartialContent {
		h.Set("Content-Range", c.contentRange())
	}
	for name, value := range fields {
		h.Set(name, value)
		if value == "" {
			h.Del(name)
		}
	}
	conn := c.hijack()
	if conn == nil {
		return gone{}
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %d %s\r\n", proto, status, http.StatusText(status))
	h.Write(&head)
	head.WriteString("\r\n")
	conn.Write(head.Bytes())
	c.copy(conn, body)
	return conn
}

// hijack takes the connection over. It lives no longer than the server does.
func (c *call) hijack() net.Conn {
	conn, _, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		return nil
	}
	conn.SetDeadline(time.Now().Add(longest))
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	select {
	case <-c.s.done:
		conn.Close()
	default:
		c.s.conns[conn] = true
	}
	return tracked{conn, c.s}
}

// tracked forgets a hijacked connection when it is closed.
type tracked struct {
	net.Conn
	s *Server
}

func (t tracked) Close() error {
	t.s.mu.Lock()
	delete(t.s.conns, t.Conn)
	t.s.mu.Unlock()
	return t.Conn.Close()
}

// gone stands for a connection that could not be had any more.
type gone struct{ net.Conn }

func (gone) Write(p []byte) (int, error) { return 0, net.ErrClosed }
func (gone) Read(p []byte) (int, error)  { return 0, net.ErrClosed }
func (gone) Close() error                { return nil }

// copy writes bytes of a body and counts them.
func (c *call) copy(w io.Writer, body io.Reader) {
	if body == nil {
		return
	}
	n, _ := io.Copy(struct{ io.Writer }{w}, body)
	if w != io.Writer(c.w) { // which counts by itself
		c.e.bytes.Add(n)
	}
}

// reset closes a connection so that the peer sees RST, what was sent and not yet read
// being lost.
func reset(conn net.Conn) {
	if t, ok := conn.(tracked); ok {
		if tcp, ok := t.Conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
	}
	conn.Close()
}

// hang waits until the peer has gone or the server ends.
func hang(conn net.Conn) {
	io.Copy(io.Discard, conn)
	conn.Close()
}

// wait waits that long, less if the client or the server goes away.
func (c *call) wait(d time.Duration) {
	t := time.NewTimer(min(d, longest))
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.r.Context().Done():
	case <-c.s.done:
	}
}

const (
	http10 = "HTTP/1.0"
	http11 = "HTTP/1.1"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
