package sync

import (
	"context"
	"runtime"
	gosync "sync"
	"time"

	"fsync/listing"
	"fsync/sync/local"
)

// Most entries of most runs are complete. Those are settled ahead of the workers, in
// batches: an entry that is no work has to cost no switch between goroutines.

const (
	glanceBatch = 64              // entries that one goroutine glances at before it reports
	glanceQueue = 4 * glanceBatch // entries read ahead of it
)

// entryQueue hands entries on in batches: as many as are there, so that none waits for
// others to fill one.
type entryQueue struct {
	mu      gosync.Mutex
	changed *gosync.Cond
	entries []listing.Entry // guarded by mu
	waiting int             // goroutines in wait; guarded by mu
	closed  bool            // guarded by mu
}

func newEntryQueue() *entryQueue {
	q := &entryQueue{entries: make([]listing.Entry, 0, glanceQueue)}
	q.changed = gosync.NewCond(&q.mu)
	return q
}

// put adds an entry and waits while the queue is full. It returns false once it is closed.
func (q *entryQueue) put(e listing.Entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.entries) == glanceQueue && !q.closed {
		q.waitLocked()
	}
	if q.closed {
		return false
	}
	q.entries = append(q.entries, e)
	if len(q.entries) == 1 {
		q.wakeLocked()
	}
	return true
}

// take appends entries to an empty batch, none once the queue is closed and empty.
func (q *entryQueue) take(batch []listing.Entry) []listing.Entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.entries) == 0 && !q.closed {
		q.waitLocked()
	}
	n := min(len(q.entries), glanceBatch)
	batch = append(batch, q.entries[:n]...)
	rest := copy(q.entries, q.entries[n:])
	clear(q.entries[rest:])
	q.entries = q.entries[:rest]
	if n > 0 {
		q.wakeLocked()
	}
	return batch
}

func (q *entryQueue) waitLocked() {
	q.waiting++
	q.changed.Wait()
	q.waiting--
}

func (q *entryQueue) wakeLocked() {
	if q.waiting > 0 {
		q.changed.Broadcast()
	}
}

// close lets take return what is left. drop forgets it.
func (q *entryQueue) close(drop bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if drop {
		clear(q.entries)
		q.entries = q.entries[:0]
	}
	q.changed.Broadcast()
}

// glance settles the entries of the queue that need no work, in batches, and hands the
// others to the workers.
func (p *Puller) glance(ctx context.Context, q *entryQueue, todo chan<- listing.Entry, settled chan<- []Result) {
	g := p.Dir.Glancer()
	defer g.Close()
	batch := make([]listing.Entry, 0, glanceBatch)
	work := make([]listing.Entry, 0, glanceBatch)
	for {
		if batch = q.take(batch[:0]); len(batch) == 0 {
			return
		}
		var results []Result
		work, results = p.glanceBatch(ctx, g, batch, work[:0])
		if len(results) > 0 {
			settled <- results
		}
		for _, e := range work {
			select {
			case todo <- e:
			case <-ctx.Done():
				return
			}
		}
		clear(batch)
		clear(work)
	}
}

// glanceBatch returns the entries that are to be worked on, and the results of the others.
func (p *Puller) glanceBatch(ctx context.Context, g *local.Glancer, batch, work []listing.Entry) ([]listing.Entry, []Result) {
	if ctx.Err() != nil {
		return work, nil
	}
	began := time.Now()
	var results []Result
	var have int64
	for i := range batch {
		size, ok := p.settles(g, &batch[i])
		if !ok {
			work = append(work, batch[i])
			continue
		}
		if results == nil {
			results = make([]Result, 0, len(batch)-i)
		}
		r := Result{Entry: batch[i], Offset: size}
		r.keep(size)
		results = append(results, r)
		have += size
	}
	p.stats.Have.Add(have)
	each := time.Since(began) / time.Duration(len(batch))
	for i := range results {
		results[i].Elapsed = each
	}
	return work, results
}

// settles says that an entry's file is complete as the list has it, and how long it is.
// What it does not settle is for a job, which begins with a look of its own.
func (p *Puller) settles(g *local.Glancer, e *listing.Entry) (int64, bool) {
	if !p.settleable(e) {
		return 0, false
	}
	s, ok := g.Glance(e.Path)
	if !ok || !p.keeps(s, e) {
		return 0, false
	}
	if s.Holes, ok = g.Holes(s); !ok || s.Holes && !p.keeps(s, e) {
		return 0, false
	}
	return s.Size, true
}

// keeps says that a file needs no work. What lies beside one that only its size speaks for
// is for a job to see: see sideFile.
func (p *Puller) keeps(s local.State, e *listing.Entry) bool {
	committed := s.Committed(p.boot)
	return decide(s, committed, want{Entry: *e}, p.Options) == skip &&
		(s.Size == 0 || committed || s.HasTime(e.ModTime))
}

// settleable says that the list and the options allow an entry to be settled at a glance:
// it spares one that decide never skips.
func (p *Puller) settleable(e *listing.Entry) bool {
	if p.Checksum || e.Size < 0 && len(e.Digests) == 0 && e.Pieces == nil {
		return false
	}
	for _, raw := range e.URLs { // a job fails without a transport for each
		if p.Sources[schemeOf(raw)] == nil {
			return false
		}
	}
	return len(e.URLs) > 0
}

func schemeOf(raw string) string {
	for i := range len(raw) {
		if raw[i] == ':' {
			return raw[:i]
		}
	}
	return ""
}

// glancers is how many goroutines glance: what they do is all computation while directories
// are cached, and a disk that is asked has queues for few. Several hand work on in an order
// of their own; entries that are worked on one at a time are so in the list's order.
func (p *Puller) glancers() int {
	if p.Jobs <= 1 {
		return 1
	}
	return max(2, min(8, runtime.GOMAXPROCS(0)))
}
