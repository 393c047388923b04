package sync

import (
	"context"
	"errors"
	gosync "sync"
	"time"

	"fsync/sync/local"
)

const (
	// groupSize is how many complete files share one sync. Each keeps a descriptor open, a
	// staged copy two, so where few are allowed the groups are smaller.
	groupSize = 512
	// groupAge is how long a complete file waits for others.
	groupAge = 2 * time.Second
	// bigFile is from what size on a file's data is synced by the worker that wrote it, so
	// that the group does not wait for it.
	bigFile = 8 << 20
)

// pending is a complete file that waits to be made durable and marked.
type pending struct {
	job  *job
	w    *local.Writer // what was written, or
	file *local.File   // what was complete before
	pub  local.Publication
}

// committer makes complete files durable, many at a time, and reports their jobs then.
type committer struct {
	p       *Puller
	results chan<- Result
	queue   chan *pending
	size    int // of a group
	done    gosync.WaitGroup
	aborted chan struct{} // closed when the pending group is not to be committed
}

func newCommitter(p *Puller, results chan<- Result) *committer {
	// Half of them wait while the other half is committed; each has up to three open.
	size := max(1, min(groupSize, (local.OpenLimit()-192-8*max(1, p.Jobs))/6))
	c := &committer{p: p, results: results, size: size, queue: make(chan *pending, size), aborted: make(chan struct{})}
	c.done.Go(c.loop)
	return c
}

func (c *committer) report(r Result) { c.results <- r }

// add takes a complete file over. nil means that it is committed already; errPending that
// the job has to end first, and then queue its pending file.
func (c *committer) add(p *pending) error {
	p.hold()
	if p.w != nil {
		if err := p.w.Seal(); err != nil {
			p.release()
			return here(err)
		}
	}
	switch c.p.Sync {
	case SyncNone:
		if c.p.Dir.WritesLate() { // a write that failed is told by a sync or never
			if err := p.sync(); err != nil {
				p.release()
				return here(err)
			}
		}
		p.pub.Stamp.Boot = c.p.boot
		return c.publishOne(p, false)
	case SyncFile:
		if err := p.sync(); err != nil {
			p.release()
			return here(err)
		}
		return c.publishOne(p, true)
	}
	if p.w != nil && p.w.Size() >= bigFile {
		if err := p.w.SyncData(); err != nil {
			p.release()
			return here(err)
		}
	}
	p.job.pending = p
	return errPending
}

// publishOne marks one file outside any group.
func (c *committer) publishOne(p *pending, durable bool) error {
	p.hold()
	renamed, err := p.publish()
	if err == nil && renamed && durable {
		err = p.w.SyncName()
	}
	p.release()
	return here(err)
}

// close ends the committer: the pending group is committed, or if somebody stopped the run,
// and waits, left as it is, to be verified and marked by the next run.
func (c *committer) close(ctx context.Context) {
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		close(c.aborted)
	}
	close(c.queue)
	c.done.Wait()
}

// loop collects files and commits them when the group is full, old or the last.
func (c *committer) loop() {
	var group []*pending
	age := time.NewTimer(groupAge)
	age.Stop()
	for {
		select {
		case p, ok := <-c.queue:
			if !ok {
				c.finish(group)
				return
			}
			if group = append(group, p); len(group) == 1 {
				age.Reset(groupAge)
			}
			if len(group) < c.size {
				continue
			}
		case <-age.C:
		}
		age.Stop()
		c.commit(group)
		group = group[:0]
	}
}

func (c *committer) finish(group []*pending) {
	select {
	case <-c.aborted:
		for _, p := range group {
			p.release()
			r := p.job.Result
			r.Outcome, r.Err, r.Elapsed = Stopped, errStopped, time.Since(p.job.began)
			c.report(r)
		}
	default:
		c.commit(group)
	}
}

var errStopped = errors.New("stopped before it was committed")

// commit syncs a group and marks its files. A file whose own sync fails is not marked.
func (c *committer) commit(group []*pending) {
	if len(group) == 0 {
		return
	}
	errs := c.syncGroup(group)
	renamed := make([]bool, len(group))
	anyRenamed := false
	for i, p := range group {
		if errs[i] == nil {
			renamed[i], errs[i] = p.publish()
			anyRenamed = anyRenamed || renamed[i]
		}
	}
	if anyRenamed {
		c.syncNames(group, renamed, errs)
	}
	for i, p := range group {
		p.release()
		c.report(p.job.end(context.Background(), here(errs[i])))
	}
}

// syncGroup makes the files durable by one syncfs(2). Should that fail, each file is
// asked by itself: a write error is reported once for every descriptor that was open.
func (c *committer) syncGroup(group []*pending) []error {
	errs := make([]error, len(group))
	all := c.p.Dir.SyncAll() == nil
	for i, p := range group {
		if !all || p.elsewhere() {
			errs[i] = p.sync()
		}
	}
	return errs
}

// syncNames makes renames durable.
func (c *committer) syncNames(group []*pending, renamed []bool, errs []error) {
	all := c.p.Dir.SyncAll() == nil
	for i, p := range group {
		if renamed[i] && errs[i] == nil && (!all || p.elsewhere()) {
			errs[i] = p.w.SyncName()
		}
	}
}

// hold keeps the file open beyond its job's attempt.
func (p *pending) hold() {
	if p.file != nil {
		p.file.Hold()
	}
}

// elsewhere says that the file is on another file system than the directory.
func (p *pending) elsewhere() bool {
	if p.w != nil {
		return p.w.Elsewhere()
	}
	return p.file.Elsewhere()
}

func (p *pending) sync() error {
	if p.w != nil {
		return p.w.Sync()
	}
	return p.file.SyncData()
}

func (p *pending) publish() (renamed bool, err error) {
	if p.w != nil {
		return p.w.Publish(p.pub)
	}
	err = p.file.Adopt(p.pub)
	if err == local.ErrBusy {
		err = nil
	}
	return false, err
}

func (p *pending) release() {
	if p.w != nil {
		// Its bytes are safe by now; a close that fails can tell nothing new.
		_ = p.w.Close(time.Time{})
		return
	}
	p.file.Release()
}
