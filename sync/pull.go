package sync

import (
	"context"
	"iter"
	gosync "sync"

	"fsync/listing"
	"fsync/sync/local"
)

// Pull yields one Result for each entry, as each ends, in no certain order; a single job
// takes the entries in the list's order. An error that the entries yield ends the reading of
// more and is yielded as the Err of a Result without a path. When ctx is done, requests are
// cut, what was fetched is kept, entries under way are Stopped, and no more are begun.
// Breaking out of the loop does the same; no goroutine outlives the loop.
func (p *Puller) Pull(ctx context.Context, entries iter.Seq2[listing.Entry, error]) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		p.boot = ""
		if p.Sync == SyncNone { // only such a run takes for done what was never synced
			p.boot = local.ThisBoot()
		}
		jobs := max(1, p.Jobs)
		todo := make(chan listing.Entry, jobs)
		results := make(chan Result, jobs)
		settled := make(chan []Result, p.glancers())
		committer := newCommitter(p, results)
		p.start(ctx, entries, todo, results, settled, committer)
		// After a break the results are drained, so that everybody can end.
		listening := true
		for r := range merge(results, settled) {
			p.stats.count(r)
			if listening && !yield(r) {
				listening = false
				cancel()
			}
		}
	}
}

// start begins what makes Results of entries. The channels of them are closed when all has
// ended.
func (p *Puller) start(ctx context.Context, entries iter.Seq2[listing.Entry, error], todo chan listing.Entry, results chan Result, settled chan []Result, committer *committer) {
	queue := newEntryQueue()
	stop := context.AfterFunc(ctx, func() { queue.close(true) })
	var ahead, workers gosync.WaitGroup
	ahead.Go(func() {
		p.feed(ctx, entries, queue, results)
		queue.close(false)
	})
	for range p.glancers() {
		ahead.Go(func() { p.glance(ctx, queue, todo, settled) })
	}
	for range cap(todo) {
		workers.Go(func() {
			for e := range todo {
				p.pullOne(ctx, e, committer)
			}
		})
	}
	go func() {
		ahead.Wait()
		stop()
		close(todo)
		close(settled)
		workers.Wait()
		committer.close(ctx)
		close(results)
	}()
}

// merge yields what both channels bring until both are closed.
func merge(single <-chan Result, batches <-chan []Result) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		for single != nil || batches != nil {
			select {
			case r, ok := <-single:
				if !ok {
					single = nil
				} else if !yield(r) {
					return
				}
			case rs, ok := <-batches:
				if !ok {
					batches = nil
				}
				for _, r := range rs {
					if !yield(r) {
						return
					}
				}
			}
		}
	}
}

func (s *Stats) count(r Result) {
	s.Done.Add(1)
	if !r.Outcome.OK() && r.Outcome != Stopped {
		s.Bad.Add(1)
	}
}

// feed reads the entries until ctx is done.
func (p *Puller) feed(ctx context.Context, entries iter.Seq2[listing.Entry, error], queue *entryQueue, results chan<- Result) {
	for e, err := range entries {
		if err != nil {
			results <- Result{Outcome: Failed, Err: err, Size: -1}
			return
		}
		if !queue.put(e) {
			return
		}
	}
}
