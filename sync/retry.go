package sync

import (
	"context"
	gosync "sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// leastProgress is what an attempt has to bring so that it does not count as a failed one: a
// server that sends a few bytes each time would else be asked for ever.
const leastProgress = 1 << 10

// budget counts the attempts of one entry that brought nothing.
type budget struct {
	spent     int
	surprises int
	delay     *backoff.ExponentialBackOff
}

// renew starts the count again: there was progress.
func (b *budget) renew() { b.spent, b.delay = 0, nil }

// spend takes one retry and says whether there was one left.
func (b *budget) spend(retries int) bool {
	b.spent++
	return b.spent <= retries
}

// surprise says whether a file that was changed by somebody else may be looked at again.
func (b *budget) surprise() bool {
	b.surprises++
	return b.surprises <= 3
}

// wait sleeps before the next attempt: 0.5 s, doubled up to 30 s, with jitter, so that
// many clients don't come back in step.
func (b *budget) wait(ctx context.Context) error {
	if b.delay == nil {
		b.delay = backoff.NewExponentialBackOff()
		b.delay.InitialInterval, b.delay.Multiplier = 500*time.Millisecond, 2
		b.delay.MaxInterval, b.delay.RandomizationFactor = 30*time.Second, 0.5
		b.delay.Reset()
	}
	return sleep(ctx, b.delay.NextBackOff())
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pacer holds all requests to a host back until the time that it asked for.
type pacer struct {
	mu    gosync.Mutex // guards until
	until map[string]time.Time
}

func (p *pacer) hold(host string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = map[string]time.Time{}
	}
	if t := time.Now().Add(d); t.After(p.until[host]) {
		p.until[host] = t
	}
}

func (p *pacer) wait(ctx context.Context, host string) error {
	p.mu.Lock()
	d := time.Until(p.until[host])
	p.mu.Unlock()
	if d <= 0 {
		return nil
	}
	return sleep(ctx, d)
}
