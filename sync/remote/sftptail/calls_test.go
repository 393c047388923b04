package sftptail

import (
	"testing"
	"time"
)

// TestCalls: what stalls a lane is that nothing is answered and too little comes, or that
// one request is passed over by many.
func TestCalls(t *testing.T) {
	t.Parallel()
	const limit = 50 * time.Millisecond
	for _, row := range []struct {
		name string
		turn func(c *calls) // done again and again while the first request waits
		want bool
	}{
		{"nothing comes", func(*calls) {}, true},
		{"a byte now and then", func(c *calls) { c.data.Add(1) }, true},
		{"data", func(c *calls) { c.data.Add(leastData) }, false},
		{"others are answered", func(c *calls) { c.end(c.begin()) }, false},
		{"passed over", func(c *calls) {
			for range overtaken {
				c.end(c.begin())
			}
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var c calls
			if c.stalled(0) {
				t.Error("stalled with nothing under way")
			}
			k := c.begin()
			got := false
			for k.began.ago() < 4*limit && !got {
				row.turn(&c)
				got = c.stalled(limit)
				if got && k.began.ago() < limit {
					t.Errorf("stalled after %v", k.began.ago())
				}
				time.Sleep(time.Millisecond)
			}
			if got != row.want {
				t.Errorf("stalled: %t", got)
			}
			c.end(k)
			if c.stalled(0) {
				t.Error("stalled with nothing left under way")
			}
		})
	}
}
