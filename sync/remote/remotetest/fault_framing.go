package remotetest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
)

// sized is the field of a right length.
func (c *call) sized() map[string]string {
	return map[string]string{"Content-Length": itoa(c.length())}
}

// CutFIN closes the connection after n bytes of a longer body.
func CutFIN(n int64) Fault {
	return Fault{Name: "cut by FIN", serve: func(c *call) {
		c.raw(http11, c.status(), c.sized(), c.section(c.first, min(n, c.length()))).Close()
	}}
}

// CutRST resets the connection after n bytes of a longer body. The client may lose some
// of them.
func CutRST(n int64) Fault {
	return Fault{Name: "cut by RST", serve: func(c *call) {
		reset(c.raw(http11, c.status(), c.sized(), c.section(c.first, min(n, c.length()))))
	}}
}

// LongBody writes n bytes more than Content-Length says.
func LongBody(n int64) Fault {
	return Fault{Name: "longer than Content-Length", serve: func(c *call) {
		conn := c.raw(http11, c.status(), c.sized(), c.section(c.first, c.length()))
		c.copy(conn, Reader(99, n))
		conn.Close()
	}}
}

// chunked writes the first n bytes of an answer in chunks, and returns the connection
// and the writer.
func (c *call) chunked(n int64) (net.Conn, io.WriteCloser) {
	conn := c.raw(http11, c.status(), map[string]string{"Transfer-Encoding": "chunked"}, nil)
	w := httputil.NewChunkedWriter(conn)
	buf := make([]byte, 3000)
	r := c.section(c.first, min(n, c.length()))
	for {
		k, err := r.Read(buf)
		w.Write(buf[:k])
		c.e.bytes.Add(int64(k))
		if err != nil {
			return conn, w
		}
	}
}

// Chunked does not say how long the answer is, which is legal.
func Chunked() Fault {
	return Fault{Name: "chunked", serve: func(c *call) {
		conn, w := c.chunked(c.length())
		w.Close()
		io.WriteString(conn, "\r\n")
		conn.Close()
	}}
}

// ChunkedCut closes the connection after n bytes in chunks, without the last chunk.
func ChunkedCut(n int64) Fault {
	return Fault{Name: "chunked and cut", serve: func(c *call) {
		conn, _ := c.chunked(n)
		conn.Close()
	}}
}

// ChunkedLong sends n more bytes in chunks than the Content-Range says. It leaves
// requests without a range alone, for which there is nothing to exceed.
func ChunkedLong(n int64) Fault {
	return rangeFault("206 chunked and longer", func(c *call) {
		conn, w := c.chunked(c.length())
		w.Write(Content(99, n))
		w.Close()
		io.WriteString(conn, "\r\n")
		conn.Close()
	})
}

// CloseDelimited ends the body by closing the connection, which is legal.
func CloseDelimited() Fault {
	return Fault{Name: "ended by close", serve: func(c *call) {
		c.raw(http11, c.status(), map[string]string{"Connection": "close"}, c.section(c.first, c.length())).Close()
	}}
}

// CloseDelimitedCut does so n bytes after the start. Without a range nothing shows it.
func CloseDelimitedCut(n int64) Fault {
	return Fault{Name: "ended by close and cut", serve: func(c *call) {
		c.raw(http11, c.status(), map[string]string{"Connection": "close"}, c.section(c.first, min(n, c.length()))).Close()
	}}
}

// ClosedEarly closes the connection without an answer.
func ClosedEarly() Fault {
	return Fault{Name: "no answer", serve: func(c *call) {
		if conn := c.hijack(); conn != nil {
			conn.Close()
		}
	}}
}

// CloseIdle answers well, promises to keep the connection and closes it.
func CloseIdle() Fault {
	return Fault{Name: "keep-alive broken", serve: func(c *call) {
		fields := c.sized()
		fields["Connection"] = "keep-alive"
		c.raw(http11, c.status(), fields, c.section(c.first, c.length())).Close()
	}}
}

// HTTP10 is a server of the old protocol: no ranges, no connection kept.
func HTTP10() Fault {
	return Fault{Name: "HTTP/1.0", serve: func(c *call) {
		c.ranged, c.first, c.last = false, 0, c.file.Size()-1
		c.raw(http10, http.StatusOK, c.sized(), c.section(0, c.length())).Close()
	}}
}

// HugeHeader has a header of a mebibyte.
func HugeHeader() Fault {
	return Fault{Name: "huge header", serve: func(c *call) {
		fields := c.sized()
		fields["X-Filler"] = string(bytes.Repeat([]byte{'x'}, 1<<20))
		c.raw(http11, c.status(), fields, c.section(c.first, c.length())).Close()
	}}
}

// GarbageStatus is no HTTP at all, with what a terminal would obey.
func GarbageStatus() Fault {
	return Fault{Name: "garbage status line", serve: func(c *call) {
		if conn := c.hijack(); conn != nil {
			fmt.Fprintf(conn, "\x1b[31mEHLO\x07 who is there\r\n\r\n")
			conn.Close()
		}
	}}
}
