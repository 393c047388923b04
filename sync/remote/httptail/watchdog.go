package httptail

import (
	"errors"
	"time"
)

// stallBytes is what each window of time has to bring, so that a server that sends a
// byte now and then is not waited for.
const stallBytes = 1 << 10

// errStalled is the cause with which a watchdog cancels its request.
var errStalled = errors.New("stalled")

// watchdog cancels a request that brings too little. It runs only between begin and
// end, while somebody waits for the peer: a slow disk and a rate limit are not the
// peer's fault. It has one timer, used again for each wait.
type watchdog struct {
	limit time.Duration
	timer *time.Timer
	since time.Time
	left  time.Duration // waiting time left in this window
	got   int64         // bytes that this window brought
}

func (w *watchdog) start(limit time.Duration, bark func()) {
	w.limit, w.left = limit, limit
	if limit > 0 {
		w.timer = time.AfterFunc(limit, bark)
		w.timer.Stop()
	}
}

func (w *watchdog) begin() {
	if w.timer != nil {
		w.since = time.Now()
		w.timer.Reset(w.left)
	}
}

// end notes that a wait brought n bytes.
func (w *watchdog) end(n int64) {
	if w.timer == nil {
		return
	}
	w.timer.Stop()
	w.got += n
	if w.got >= stallBytes {
		w.got, w.left = 0, w.limit
		return
	}
	w.left = max(w.left-time.Since(w.since), time.Millisecond)
}

func (w *watchdog) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}
