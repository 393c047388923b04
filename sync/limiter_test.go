package sync

import (
	"context"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"fsync/sync/remote/remotetest"
)

// A run that ends at a certain time keeps its rate until then.
func TestLimiterWithDeadline(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.put("file", remotetest.Content(1, 3_000_000))
	l.Limiter = rate.NewLimiter(400_000, 100_000)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	r := l.pullAll(ctx, l.entry("file"))["file"]
	if most := 200_000 + int64(400_000*time.Since(began).Seconds()); r.Outcome != Stopped || r.Fetched == 0 || r.Fetched > most {
		t.Errorf("%v after %d bytes", r.Outcome, r.Fetched)
	}
}
