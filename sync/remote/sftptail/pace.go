package sftptail

import (
	"slices"
	"time"

	"fsync/sync/remote"
)

const (
	// firstWindow is what is asked for before anything is known of the line, and never
	// less after.
	firstWindow = 1 << 20

	// mostAhead is what all bodies of a host hold together.
	mostAhead = 40 << 20

	// mostBlocks is how many requests of a body that is, with the smallest reads that a
	// server should take. One that takes only smaller ones is not asked for more.
	mostBlocks = mostAhead / commonRead

	// ahead is how long the scheduler of either side may keep a reader waiting without the
	// other running dry.
	ahead = 20 * time.Millisecond

	// A round trip as long as this may leave a lane idle, whose window is 2 MiB: at 10 ms
	// that is 200 MB/s.
	longTrip = 10 * time.Millisecond

	// worthwhile is how many round trips more a file has to take on the lanes that it has
	// for others to be opened: that takes five itself, or thirteen with a login.
	worthwhile = 12
)

// pace says how much of a file is asked for ahead. The window begins small and doubles
// with each round trip while the rate keeps up with it: up to twice what the line carries
// in one (its rate times the shortest round trip), which is what keeps it busy and no
// more. Where the windows of its lanes are what limits the rate, others are opened.
type pace struct {
	window   int
	widening int  // lanes that are being opened for this body
	narrow   bool // no more lanes can be had
	counted  bool // among the host's bodies

	since time.Time // of the sample
	bytes int       // in it
	rate  float64   // bytes a second

	train train
}

// train is the first window: its blocks were asked for together, so how fast they come
// after the first of them says what the line carries.
type train struct {
	first time.Time // when the first block came
	bytes int       // after it
	over  bool
}

// begin sets the first window. It is called under the body's mu.
func (p *pace) begin(b *body) {
	p.window = firstWindow
	p.since = time.Now()
	if b.end-b.next > int64(b.blockSize()) {
		p.counted = true
		b.host.bodies.Add(1)
	}
	if b.rtt() >= longTrip {
		p.widen(b, lanesPerConn) // they cost no login
	}
}

func (p *pace) finish(b *body) {
	if p.counted {
		b.host.bodies.Add(-1)
	}
}

// rtt is the shortest round trip seen. There was one: the file was opened.
func (b *body) rtt() time.Duration { return time.Duration(b.host.rtt.Load()) }

// blockSize returns how much one request asks for: all of a small rest; little of a large
// one while the window is small, so that requests overlap.
func (b *body) blockSize() int {
	most := b.handles[0].lane.read
	if rest := b.end - b.next; rest <= int64(most) {
		return int(rest)
	}
	return min(most, max(commonRead, b.window/8))
}

// came notes n bytes of the train, and returns the rate when it is over, else 0.
func (t *train) came(n int, now time.Time) float64 {
	switch {
	case t.over:
		return 0
	case t.first.IsZero():
		t.first = now
		return 0
	}
	t.bytes += n
	if t.bytes < firstWindow*3/4 {
		return 0
	}
	t.over = true
	return float64(t.bytes) / max(now.Sub(t.first), time.Microsecond).Seconds()
}

// came notes n bytes. It is called under the body's mu.
func (p *pace) came(b *body, n int) {
	p.bytes += n
	rtt, now := b.rtt(), time.Now()
	if rate := p.train.came(n, now); rtt >= longTrip && rate > 0 {
		p.widen(b, int(min(rate*rtt.Seconds()/window, lanesPerConn*mostConns)))
	}
	if took := now.Sub(p.since); took >= max(rtt, 5*time.Millisecond) {
		rate := float64(p.bytes) / took.Seconds()
		p.rate = max(rate, 0.75*p.rate+0.25*rate)
		p.since, p.bytes = now, 0
		if full := float64(len(b.handles) * window); rtt >= longTrip/4 && p.rate*rtt.Seconds() > 0.6*full {
			p.widen(b, 4*len(b.handles))
		}
	}
	limit := max(p.rate*ahead.Seconds(), 2*p.rate*rtt.Seconds(), firstWindow)
	limit = min(limit, float64(len(b.handles)*window), max(float64(mostAhead/max(1, b.host.bodies.Load())), firstWindow/2))
	if p.window < int(limit) {
		n = min(p.window+n, int(limit)) - p.window
		p.window += n
		return
	}
	p.window = int(limit)
}

// widen has the file opened on more lanes, up to n in all, if enough of it is left. A
// version that is not strong is not told apart from another: its file stays on one lane.
func (p *pace) widen(b *body, n int) {
	n = min(n, lanesPerConn*mostConns)
	more := n - len(b.handles) - p.widening
	left := b.end - b.next
	if more <= 0 || p.narrow || b.version.StrongTime().IsZero() || b.closed || b.cut != nil || left < worthwhile*window*int64(len(b.handles)) {
		return
	}
	b.host.want(n)
	for range more {
		p.widening++
		b.host.client.done.Add(1) // under the count of the body itself
		go b.widen()
	}
}

// widen opens the file on one more lane. It must be the same file there.
func (b *body) widen() {
	defer b.host.client.done.Done()
	hd, err := b.another()
	b.mu.Lock()
	b.widening--
	late := b.ended
	switch {
	case hd == nil:
		b.narrow = true
	case !late:
		b.handles = append(b.handles, hd)
	}
	var more []*block
	if !late {
		if err != nil && b.cut == nil {
			b.cut = err
		}
		more = b.ask()
	}
	over := b.over() // nothing may be under way where the reader is slow
	b.mu.Unlock()
	for _, k := range more {
		go b.fetch(k)
	}
	if over {
		b.finish()
	}
	if late && hd != nil {
		hd.lane.close(hd.file)
		b.host.give(hd.lane)
	}
}

// another returns the file on one more lane, or nil if that cannot be had.
func (b *body) another() (*handle, error) {
	l := b.claim()
	if l == nil {
		return nil, nil
	}
	hd, st, err := b.openHandle(l)
	if err == nil && st.alike(b.seen) {
		return hd, nil
	}
	if hd != nil { // another file under the same name, or a new state of it
		l.close(hd.file)
		err = failure(remote.Redact(b.url), remote.ErrChanged)
	} else {
		err = nil // the lanes that there are have to do
	}
	b.host.give(l)
	return nil, err
}

// claim takes a lane that this body has no handle on; nil if there is none.
func (b *body) claim() *lane {
	for {
		b.mu.Lock()
		mine, ended := slices.Clone(b.claimed), b.ended || b.closed
		b.mu.Unlock()
		if ended {
			return nil
		}
		l, err := b.host.take(b.ctx, mine...)
		if l == nil || err != nil {
			return nil
		}
		b.mu.Lock()
		free := !slices.Contains(b.claimed, l)
		if free {
			b.claimed = append(b.claimed, l)
		}
		b.mu.Unlock()
		if free {
			return l
		}
		b.host.give(l)
	}
}
