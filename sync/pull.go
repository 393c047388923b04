package sync

import (
	"context"
	"iter"
	gosync "sync"

	"fsync/listing"
	"fsync/sync/local"
)

// Pull yields one Result for each entry, as each ends, in no certain order. An error that
// the entries yield ends the reading of more and is yielded as the Err of a Result
// without a path. When ctx is done, requests are cut, what was fetched is kept, entries
// under way are Stopped, and no more are begun. Breaking out of the loop does the same;
// no goroutine outlives the loop.
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
		committer := newCommitter(p, results)

		var workers gosync.WaitGroup
		workers.Go(func() { p.feed(ctx, entries, todo, results) })
		for range jobs {
			workers.Go(func() {
				for e := range todo {
					p.pullOne(ctx, e, committer)
				}
			})
		}
		go func() {
			workers.Wait()
			committer.close(ctx)
			close(results)
		}()
		// After a break the results are drained, so that everybody can end.
		listening := true
		for r := range results {
			p.stats.count(r)
			if listening && !yield(r) {
				listening = false
				cancel()
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

// feed hands the entries to the workers until ctx is done.
func (p *Puller) feed(ctx context.Context, entries iter.Seq2[listing.Entry, error], todo chan<- listing.Entry, results chan<- Result) {
	defer close(todo)
	for e, err := range entries {
		if err != nil {
			results <- Result{Outcome: Failed, Err: err, Size: -1}
			return
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case todo <- e:
		case <-ctx.Done():
			return
		}
	}
}
