package remotetest

import (
	"io"
	"time"
)

// Delay waits before the answer.
func Delay(d time.Duration) Fault {
	return fileFault("late", func(c *call) { c.wait(d) })
}

// StallHeader never answers.
func StallHeader() Fault {
	return Fault{Name: "no header", serve: func(c *call) {
		if conn := c.hijack(); conn != nil {
			hang(conn)
		}
	}}
}

// Stall sends n bytes of the body and then nothing more.
func Stall(n int64) Fault {
	return Fault{Name: "stalls", serve: func(c *call) {
		hang(c.raw(http11, c.status(), c.sized(), c.section(c.first, min(n, c.length()))))
	}}
}

// Trickle sends a byte of the body each d.
func Trickle(d time.Duration) Fault {
	return Fault{Name: "trickles", serve: func(c *call) {
		conn := c.raw(http11, c.status(), c.sized(), nil)
		defer conn.Close()
		r := c.section(c.first, c.length())
		for {
			n, err := io.CopyN(conn, r, 1)
			c.e.bytes.Add(n)
			if err != nil {
				return
			}
			c.wait(d)
		}
	}}
}
