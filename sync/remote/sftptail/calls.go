package sftptail

import (
	"sync"
	"sync/atomic"
	"time"
)

// calls are the requests of a lane that are under way, and what tells that one of them
// will not be answered.
type calls struct {
	data atomic.Int64 // bytes of files and of directories that came

	mu       sync.Mutex // guards what follows
	under    map[*call]struct{}
	answered int64  // requests that are no longer under way
	moved    moment // when something was last answered, or enough data came

	lastAnswered, lastData int64 // as of then
}

// call is one request.
type call struct {
	began    moment
	ahead    int   // requests that were under way before it
	answered int64 // before it
}

const (
	// leastData is what has to come within Stall, of a file or of a directory that is read:
	// a server that brings a byte now and then is as good as one that is gone.
	leastData = 1 << 10

	// overtaken is how many later requests may be answered before one, beside as many as
	// were ahead of it. Servers answer in order, or nearly so; a few answer side by side.
	overtaken = 1000
)

func (c *calls) begin() *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under == nil {
		c.under = make(map[*call]struct{})
	}
	if len(c.under) == 0 {
		c.moved.now()
	}
	k := &call{ahead: len(c.under), answered: c.answered}
	k.began.now()
	c.under[k] = struct{}{}
	return k
}

func (c *calls) end(k *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.under, k)
	c.answered++
}

// stalled says that requests are under way and nothing moves, or that one of them was
// passed over. It is asked several times in each limit.
func (c *calls) stalled(limit time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if data := c.data.Load(); len(c.under) == 0 || c.answered != c.lastAnswered || data-c.lastData >= leastData {
		c.moved.now()
		c.lastAnswered, c.lastData = c.answered, data
	}
	if len(c.under) > 0 && c.moved.ago() > limit {
		return true
	}
	for k := range c.under {
		if k.began.ago() > limit && c.answered-k.answered > int64(k.ahead+overtaken) {
			return true
		}
	}
	return false
}
