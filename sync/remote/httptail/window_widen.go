package httptail

import "time"

const (
	// autoStreams is up to how many streams a body gets where their number was not said.
	autoStreams = 8
	// A rate is measured for so long, or for so many round trips.
	measureTime, measureTrips = 250 * time.Millisecond, 4
	// fastEnough, in bytes a second, is what no second stream makes faster: there the
	// processor is the limit.
	fastEnough = 400e6
	// More streams have to bring so many times the bytes, or it was in vain.
	helps = 1.25
	// The first step is from one stream to so many, the others are to twice as many.
	firstStep = 4
	// worthwhile is how many seconds the rest has to take.
	worthwhile = 1.0
)

// widening decides how many streams a window has. It begins more while that helps. That it
// does is believed at once; that it does not only after a second look, as connections are
// slow in their first round trips.
type widening struct {
	adaptive bool
	received int64 // bytes that all streams brought

	since  time.Time // of this measurement
	base   int64     // received at that time
	rate   float64   // bytes a second by the last measurement
	fresh  int       // streams that wait for their first answer; only then it begins
	again  bool      // there may be one more of as many streams
	before int       // streams before they became more, 0: they did not yet
	slower float64   // the rate with those
}

// measured returns the rate of a measurement that took at least so long, and begins the next.
func (d *widening) measured(now time.Time, least time.Duration) (rate float64, ok bool) {
	took := now.Sub(d.since)
	if took < least {
		return 0, false
	}
	rate = float64(d.received-d.base) / took.Seconds()
	d.since, d.base = now, d.received
	return rate, true
}

// worthwhile says whether the bytes from pos on take long enough, at a rate, to begin more
// streams for them.
func (w *window) worthwhile(rate float64, pos int64) bool {
	return float64(w.end-pos) >= worthwhile*rate
}

// widenNow looks at the rate now and then.
func (w *window) widenNow(now time.Time) {
	d := &w.widen
	if d.fresh > 0 {
		return
	}
	trips := time.Duration(measureTrips)
	if d.again {
		trips /= 2
	}
	if rate, ok := d.measured(now, max(measureTime, trips*w.rtt)); ok {
		d.rate = rate
		w.decide()
	}
}

// decide takes the next step after a measurement.
func (w *window) decide() {
	d := &w.widen
	switch {
	case !d.adaptive:
	case d.before > 0 && d.rate < helps*d.slower:
		if d.again {
			d.again = false
			return
		}
		d.adaptive = false
		w.most = d.before
	case w.active >= w.most || d.rate > fastEnough || !w.worthwhile(d.rate, w.pos):
	default:
		d.before, d.slower, d.again = w.active, d.rate, true
		w.addStreams(min(max(firstStep, 2*w.active), w.most) - w.active)
	}
}

// arrived notes that a stream has its first answer, or will have none.
func (w *window) arrived() {
	d := &w.widen
	if d.fresh--; d.fresh == 0 {
		d.since, d.base = time.Now(), d.received
	}
}

// addStreams begins more streams, as many as n and as the host's connections allow.
func (w *window) addStreams(n int) {
	n = min(n, w.client.conns-w.client.load.of(w.at.Host))
	if n <= 0 {
		return
	}
	if w.next == w.end { // the last chunk is the lead's: cut it
		k := w.chunks[len(w.chunks)-1]
		// What is on the way of a fast answer, in the buffers of sockets, is taken from it.
		cut := k.at + max(2*blockSize, w.chunkSize(), min(chunkMost, int64(w.widen.rate/4)))
		if cut+chunkLast > k.end {
			return
		}
		k.end, w.next = cut, cut
	}
	for range n {
		w.active++
		w.widen.fresh++
		w.streams.Go(func() {
			w.mu.Lock()
			k := w.take()
			if k == nil {
				w.arrived()
				w.active--
				w.changed.Broadcast()
			}
			w.mu.Unlock()
			w.stream(nil, k)
		})
	}
}
