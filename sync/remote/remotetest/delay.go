package remotetest

import (
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// DelayLine is a long way to a TCP server: it takes each byte half the round trip to arrive,
// either way, however many are on the way. A connection takes as long to come about as it
// does over such a way, but the client's own connect returns at once.
type DelayLine struct {
	target string
	oneWay time.Duration
	rate   int64 // bytes a second of a connection, in each direction; 0 for no limit
	l      net.Listener
	wg     sync.WaitGroup

	connections, received atomic.Int64

	mu     sync.Mutex // guards what follows
	closed bool
	conns  map[net.Conn]bool
}

// NewDelay starts a DelayLine that ends with the test.
func NewDelay(t testing.TB, target string, rtt time.Duration, bytesPerSecond int64) *DelayLine {
	t.Helper()
	d, err := StartDelay(target, rtt, bytesPerSecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// StartDelay starts one on 127.0.0.1. Close ends it.
func StartDelay(target string, rtt time.Duration, bytesPerSecond int64) (*DelayLine, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &DelayLine{target: target, oneWay: rtt / 2, rate: bytesPerSecond, l: l, conns: make(map[net.Conn]bool)}
	d.wg.Go(d.accept)
	return d, nil
}

// Addr is what clients connect to.
func (d *DelayLine) Addr() string { return d.l.Addr().String() }

// Connections returns how many there were.
func (d *DelayLine) Connections() int { return int(d.connections.Load()) }

// Received returns how many bytes clients were sent.
func (d *DelayLine) Received() int64 { return d.received.Load() }

// Close cuts all connections and takes no more.
func (d *DelayLine) Close() {
	d.l.Close()
	d.mu.Lock()
	d.closed = true
	for conn := range d.conns {
		conn.Close()
	}
	d.mu.Unlock()
	d.wg.Wait()
}

func (d *DelayLine) accept() {
	for {
		client, err := d.l.Accept()
		if err != nil {
			return
		}
		d.connections.Add(1)
		d.wg.Go(func() { d.serve(client) })
	}
}

// track notes a connection for Close, which may have been called.
func (d *DelayLine) track(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		conn.Close()
	}
	d.conns[conn] = true
}

func (d *DelayLine) drop(conn net.Conn) {
	d.mu.Lock()
	delete(d.conns, conn)
	d.mu.Unlock()
	conn.Close()
}

func (d *DelayLine) serve(client net.Conn) {
	d.track(client)
	defer d.drop(client)
	time.Sleep(3 * d.oneWay) // SYN, SYN-ACK and ACK, with which the server's accept returns
	server, err := net.DialTimeout("tcp", d.target, 10*time.Second)
	if err != nil {
		return
	}
	d.track(server)
	defer d.drop(server)
	var wg sync.WaitGroup
	wg.Go(func() { d.carry(server, client, nil) })
	wg.Go(func() { d.carry(client, server, &d.received) })
	wg.Wait()
}

const (
	delayBuffer = 256 << 10
	delayQueue  = 64 << 20              // bytes on the way in one direction of a connection
	delayAhead  = 20 * time.Millisecond // of a limited rate, before nothing more is read
)

// parcel is what one read brought. One without bytes is the end.
type parcel struct {
	p   []byte
	due time.Time
}

// way is one direction of a connection: first in, first out, at the time.
type way struct {
	mu     sync.Mutex // guards what follows
	change *sync.Cond
	queue  []parcel
	held   int
	free   [][]byte // buffers to use again
	broken bool     // nobody takes anything out any more
}

// carry brings bytes from src to dst until either of them ends.
func (d *DelayLine) carry(dst, src net.Conn, count *atomic.Int64) {
	w := new(way)
	w.change = sync.NewCond(&w.mu)
	var wg sync.WaitGroup
	wg.Go(func() { d.read(w, src) })
	for {
		parcel := w.take()
		time.Sleep(time.Until(parcel.due))
		if parcel.p == nil {
			break
		}
		n, err := dst.Write(parcel.p)
		if count != nil {
			count.Add(int64(n))
		}
		w.done(parcel.p)
		if err != nil {
			w.breakOff()
			src.Close() // the reader waits there
			break
		}
	}
	wg.Wait()
	if half, ok := dst.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// read puts what comes into the queue, as fast as the rate lets it.
func (d *DelayLine) read(w *way, src io.Reader) {
	var sent time.Time // when the last byte would be sent at the rate
	for {
		buf := w.buffer()
		if buf == nil {
			return
		}
		n, err := src.Read(buf[:d.most()])
		now := time.Now()
		if sent.Before(now) {
			sent = now
		}
		if n > 0 {
			if d.rate > 0 {
				sent = sent.Add(time.Duration(float64(n) / float64(d.rate) * float64(time.Second)))
			}
			w.put(parcel{buf[:n], sent.Add(d.oneWay)})
		}
		if err != nil {
			w.put(parcel{nil, sent.Add(d.oneWay)})
			return
		}
		time.Sleep(time.Until(sent.Add(-delayAhead)))
	}
}

// most is how much is read at a time: at a limited rate 5 ms of it.
func (d *DelayLine) most() int64 {
	if d.rate == 0 {
		return delayBuffer
	}
	return min(max(d.rate/200, 1), delayBuffer)
}

// buffer returns one to read into when there is room, nil if nobody would take it.
func (w *way) buffer() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.held >= delayQueue && !w.broken {
		w.change.Wait()
	}
	if w.broken {
		return nil
	}
	if n := len(w.free); n > 0 {
		buf := w.free[n-1]
		w.free = w.free[:n-1]
		return buf
	}
	return make([]byte, delayBuffer)
}

// put adds a parcel. A small one takes no large buffer with it.
func (w *way) put(p parcel) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(p.p); n > 0 && n < delayBuffer/4 {
		w.free = append(w.free, p.p[:delayBuffer])
		p.p = slices.Clone(p.p)
	}
	w.held += len(p.p)
	w.queue = append(w.queue, p)
	w.change.Broadcast()
}

// take waits for the next parcel.
func (w *way) take() parcel {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 {
		w.change.Wait()
	}
	p := w.queue[0]
	w.queue[0] = parcel{}
	w.queue = w.queue[1:]
	return p
}

// done gives the buffer of a parcel back.
func (w *way) done(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held -= len(p)
	if cap(p) >= delayBuffer {
		w.free = append(w.free, p[:delayBuffer])
	}
	w.change.Broadcast()
}

// breakOff lets the reader end.
func (w *way) breakOff() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = true
	w.change.Broadcast()
}
