package remotetest

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// pour serves a number of bytes to whoever connects, and returns where.
func pour(t testing.TB, n int64) (addr string) {
	t.Helper()
	return peer(t, func(conn net.Conn) { io.Copy(conn, Reader(1, n)) })
}

// peer serves connections on a port of its own as long as the test runs.
func peer(t testing.TB, serve func(conn net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn.(*net.TCPConn)
}

func TestDelayBytes(t *testing.T) {
	t.Parallel()
	const size = 1<<20 + 5
	content := Content(7, size)
	echo := peer(t, func(conn net.Conn) { io.Copy(conn, conn) })
	for _, rtt := range []time.Duration{0, 20 * time.Millisecond} {
		d := NewDelay(t, echo, rtt, 0)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				conn := dial(t, d.Addr())
				wg.Go(func() {
					conn.Write(content)
					conn.CloseWrite()
				})
				got, err := io.ReadAll(conn)
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("rtt %s: %d bytes, %v", rtt, len(got), err)
				}
			})
		}
		wg.Wait()
		if d.Connections() != 4 || d.Received() != 4*size {
			t.Errorf("%d connections, %d bytes", d.Connections(), d.Received())
		}
	}
}

// TestDelayTime: never sooner than the round trip; how much later depends on the machine.
func TestDelayTime(t *testing.T) {
	t.Parallel()
	const rtt = 40 * time.Millisecond
	d := NewDelay(t, peer(t, func(conn net.Conn) { io.Copy(conn, conn) }), rtt, 0)
	begin := time.Now() // before the line can have accepted, which may be before dial returns
	conn := dial(t, d.Addr())
	least := 5 * rtt / 2 // the handshake and the echo
	for range 5 {
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < least {
			t.Errorf("the echo took %s, less than %s", took, least)
		}
		begin, least = time.Now(), rtt
	}
}

// TestDelayRate: never faster than the limit.
func TestDelayRate(t *testing.T) {
	t.Parallel()
	const rate, size = 10 << 20, 2 << 20
	d := NewDelay(t, pour(t, size), 10*time.Millisecond, rate)
	begin := time.Now()
	n, err := io.Copy(io.Discard, dial(t, d.Addr()))
	if least := time.Second * size / rate; n != size || err != nil || time.Since(begin) < least {
		t.Errorf("%d bytes in %s, at least %s: %v", n, time.Since(begin), least, err)
	}
}

// TestDelayEnds: who goes away at one end is gone at the other, also when nobody reads.
func TestDelayEnds(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{}, 1)
	addr := peer(t, func(conn net.Conn) {
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		io.Copy(conn, Reader(1, 1<<40))
		gone <- struct{}{}
	})
	d := NewDelay(t, addr, 4*time.Millisecond, 0)
	conn := dial(t, d.Addr())
	if _, err := io.CopyN(io.Discard, conn, 1000); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	<-gone

	conn = dial(t, d.Addr())
	if _, err := io.CopyN(io.Discard, conn, 1000); err != nil {
		t.Fatal(err)
	}
	d.Close()
	<-gone

	none := NewDelay(t, d.Addr(), 0, 0) // to where nobody listens
	if n, err := io.Copy(io.Discard, dial(t, none.Addr())); n != 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// BenchmarkDelay tells what the way itself carries, to know what it may be used for.
func BenchmarkDelay(b *testing.B) {
	const size = 1 << 30
	for _, c := range []struct {
		name  string
		rtt   time.Duration
		conns int64
	}{{"rtt=0/conns=1", 0, 1}, {"rtt=0/conns=8", 0, 8}, {"rtt=60ms/conns=1", 60 * time.Millisecond, 1}, {"rtt=60ms/conns=16", 60 * time.Millisecond, 16}} {
		b.Run(c.name, func(b *testing.B) {
			block := Content(1, 1<<20)
			addr := peer(b, func(conn net.Conn) {
				for range size / c.conns / int64(len(block)) {
					if _, err := conn.Write(block); err != nil {
						return
					}
				}
			})
			d := NewDelay(b, addr, c.rtt, 0)
			b.SetBytes(size)
			for b.Loop() {
				var wg sync.WaitGroup
				for range c.conns {
					wg.Go(func() {
						conn, buf := dial(b, d.Addr()), make([]byte, 1<<20)
						for {
							if _, err := conn.Read(buf); err != nil {
								return
							}
						}
					})
				}
				wg.Wait()
			}
		})
	}
}
