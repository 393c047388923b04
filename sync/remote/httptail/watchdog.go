package httptail

import (
	"errors"
	"math"
	"time"
)

// stallBytes is what each window of time has to bring, so that a server that sends a
// byte now and then is not waited for.
const stallBytes = 1 << 10

// errStalled is the cause with which a watchdog cancels its request.
var errStalled = errors.New("stalled")

// watchdog tells a request that brings too little. It runs only between begin and
// end, while somebody waits for the peer: a slow disk and a rate limit are not the
// peer's fault. Either somebody looks at it (over), or it barks: it then has one timer,
// used again for each wait.
type watchdog struct {
	limit time.Duration
	timer *time.Timer
	since time.Time
	left  time.Duration // waiting time left in this window
	got   int64         // bytes that this window brought
}

func (w *watchdog) start(limit time.Duration) { w.limit, w.left = limit, limit }

// bark lets it call f, in the wait that has begun and in those that follow.
func (w *watchdog) bark(f func()) {
	if w.limit > 0 {
		w.timer = time.AfterFunc(w.limit, f)
	}
}

func (w *watchdog) begin() {
	if w.limit <= 0 {
		return
	}
	w.since = time.Now()
	if w.timer != nil {
		w.timer.Reset(max(w.left, 0))
	}
}

// over says that the time is up.
func (w *watchdog) over(now time.Time) bool { return w.limit > 0 && now.Sub(w.since) >= w.left }

// spent says that it was up before this wait began.
func (w *watchdog) spent() bool { return w.left <= 0 }

// end notes that a wait brought n bytes.
func (w *watchdog) end(n int64) {
	if w.limit <= 0 {
		return
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.got += n
	if w.got >= stallBytes {
		w.got, w.left = 0, w.limit
		return
	}
	w.left -= time.Since(w.since)
}

func (w *watchdog) stop() {
	w.left = math.MaxInt64
	if w.timer != nil {
		w.timer.Stop()
	}
}
