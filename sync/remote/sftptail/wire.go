package sftptail

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// began is what the moments of this package are counted from: monotonic, and small
// enough to be kept in an atomic integer.
var began = time.Now()

// moment is a point in time in nanoseconds since began.
type moment struct{ atomic.Int64 }

func (m *moment) now()               { m.Store(int64(time.Since(began))) }
func (m *moment) ago() time.Duration { return time.Since(began) - time.Duration(m.Load()) }

// wire is a connection that knows when something last came, and why it was cut.
type wire struct {
	net.Conn
	under *wire // that it goes over (ProxyJump), nil if none
	came  moment
	over  atomic.Bool // nothing more comes

	mu    sync.Mutex
	cause error
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c}
	w.came.now()
	return w
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.came.now()
	}
	if err != nil {
		w.over.Store(true) // before anybody is told
	}
	return n, err
}

// dead says that the connection ended, or is about to.
func (w *wire) dead() bool { return w.over.Load() || w.why(nil) != nil }

// cut closes the connection, and first what it goes over: to close a channel there is to
// write to its peer, who may be silent. The first cause counts.
func (w *wire) cut(cause error) {
	w.mu.Lock()
	if w.cause == nil {
		w.cause = cause
	}
	w.mu.Unlock()
	if w.under != nil {
		w.under.cut(cause)
	}
	w.Conn.Close()
}

// why returns what the connection was cut for, or else err.
func (w *wire) why(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cause != nil {
		return w.cause
	}
	return err
}
