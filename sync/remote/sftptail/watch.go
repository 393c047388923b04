package sftptail

import "time"

// tick is how often is looked for signs of life.
func (h *host) tick() time.Duration {
	return min(max(h.client.opts.Stall/8, 10*time.Millisecond), time.Second)
}

// watch begins to look for connections and lanes that went silent. It is called under mu.
func (h *host) watch() {
	if h.watching {
		return
	}
	h.watching = true
	h.client.done.Add(1)
	go func() {
		defer h.client.done.Done()
		tick := time.NewTicker(h.tick())
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-h.client.ctx.Done():
				h.cut(errClosed) // those that were opened meanwhile, too
				return
			}
			if !h.look() {
				return
			}
		}
	}()
}

// look cuts what is silent, and asks for a sign of life what is silent for a while. It
// ends with the last connection.
func (h *host) look() bool {
	stall := h.client.opts.Stall
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		switch ago := c.wire.came.ago(); {
		case c.wire.dead():
			if c.lanes == 0 { // else the last of them does it
				h.forget(c)
			}
		case ago >= stall:
			c.cut(silence(stall))
		case ago >= stall/3:
			c.ping()
		}
	}
	for _, l := range h.lanes {
		if l.calls.stalled(stall) {
			l.cut(silence(stall))
		}
	}
	h.watching = len(h.conns)+len(h.lanes)+h.adding > 0
	return h.watching
}
