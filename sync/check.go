package sync

import (
	"context"
	"iter"
	gosync "sync"
	"sync/atomic"

	"fsync/listing"
	"fsync/sync/local"
)

// Checker compares lists with a directory. It asks nobody and writes nothing, and takes no
// lock: what a pull does meanwhile it may see or not.
type Checker struct {
	Dir      *local.Dir    // nil: there is none, so all is missing
	Jobs     int           // files looked at, or read, at a time; 0 means 1
	SizeOnly bool          // equal sizes are enough for an entry without digests
	Checksum bool          // read the files and compute the list's digests
	Read     *atomic.Int64 // counts the bytes that are read; nil: nobody wants to know

	boot string
}

// Checked is what was found of one entry. Sizes are in bytes.
type Checked struct {
	Path    string
	Finding Finding
	Reason  string // what a person wants to know besides; may be ""

	Size     int64 // of what is here, in the staged copy if it is staged; -1: nothing is
	Want     int64 // what it should be, as the list says, or else the file's stamp; -1: unknown
	Left     int64 // what a pull would fetch; -1: cannot be told
	Verified Evidence
	Digests  bool // the list gives digests: of the file or its pieces
}

const (
	checkBatch = 256  // entries handed to a goroutine at once: a look takes microseconds
	checkAhead = 1024 // entries that may be done before one ahead of them, if that is read
)

// batch are entries that follow each other.
type batch struct {
	entries []listing.Entry // nil when they are done, because pieces can be many
	checked []Checked
	err     error         // of the entries, behind the last one
	done    chan struct{} // closed when checked is set
}

// Check yields what is here of each entry, in their order. An error of the entries, or
// that of ctx, ends it. No goroutine outlives the loop.
func (c *Checker) Check(ctx context.Context, entries iter.Seq2[listing.Entry, error]) iter.Seq2[Checked, error] {
	return func(yield func(Checked, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		c.boot = local.ThisBoot()
		jobs := max(1, c.Jobs)
		todo, queue := make(chan *batch, jobs), make(chan *batch, c.ahead(jobs))
		var workers gosync.WaitGroup
		defer workers.Wait()
		defer cancel()
		workers.Go(func() { c.feed(ctx, entries, todo, queue) })
		for range jobs {
			workers.Go(func() {
				for b := range todo {
					c.batch(ctx, b)
				}
			})
		}
		for b := range queue {
			if !b.yield(ctx, yield) {
				return
			}
		}
		if ctx.Err() != nil {
			yield(Checked{}, context.Cause(ctx))
		}
	}
}

// ahead returns how many batches may be done before one ahead of them. A large file that is
// read should not hold up those behind it.
func (c *Checker) ahead(jobs int) int {
	if c.Checksum {
		return checkAhead
	}
	return 4 * jobs
}

// yield waits for a batch and yields it. false ends the check.
func (b *batch) yield(ctx context.Context, yield func(Checked, error) bool) bool {
	select {
	case <-b.done:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		yield(Checked{}, context.Cause(ctx))
		return false
	}
	for _, checked := range b.checked {
		if !yield(checked, nil) {
			return false
		}
	}
	if b.err != nil {
		yield(Checked{}, b.err)
	}
	return b.err == nil
}

// feed hands the entries to the workers, and in the same order to who waits for them.
func (c *Checker) feed(ctx context.Context, entries iter.Seq2[listing.Entry, error], todo, queue chan<- *batch) {
	defer close(todo)
	defer close(queue)
	b := new(batch)
	send := func() bool {
		b.done = make(chan struct{})
		for _, to := range []chan<- *batch{queue, todo} {
			select {
			case to <- b:
			case <-ctx.Done():
				return false
			}
		}
		b = new(batch)
		return true
	}
	for e, err := range entries {
		if err != nil {
			b.err = err
			break
		}
		b.entries = append(b.entries, e)
		if full := c.Checksum || e.Pieces != nil || len(b.entries) == checkBatch; full && !send() {
			return
		}
	}
	send()
}

func (c *Checker) batch(ctx context.Context, b *batch) {
	defer close(b.done)
	for _, e := range b.entries {
		if ctx.Err() != nil {
			return
		}
		b.checked = append(b.checked, c.entry(ctx, want{Entry: e}))
	}
	b.entries = nil
}
