package httptail

import (
	"slices"

	"fsync/sync/remote"
)

const (
	// Where a stream asks for its next chunk while it reads the one before, chunks need only
	// be so many round trips long. Small ones keep less in memory and end closer together.
	pipeTrips = 3
	pipeLeast = 1 << 20
	pipeMost  = aheadEach / 3
	pipeLast  = 256 << 10
	// pipeAhead is how many chunks a stream the reader may be behind: what a SIGKILL costs.
	pipeAhead = 4
)

// asked is a chunk that a stream asked for over the connection that it still reads another
// one from.
type asked struct {
	*follower
	req remote.Request
	k   *chunk
}

// pipes says whether streams may ask ahead.
func (w *window) pipes() bool { return w.direct && w.client.load.pipes(w.at.Host) }

// follow asks for the chunk after k over the connection of k's answer, if there is one to ask
// for and no reason to wait. Only new chunks come into question: they lie behind k, so that
// no stream ever waits for the reader with what the reader waits for still to come.
func (w *window) follow(b *body, k *chunk) *asked {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed || b.end != k.end || !w.pipes() || !b.x.followable(): // a server that cuts its answers short is asked one at a time
		return nil
	case w.next == w.end || w.most == 1 || w.active > w.most || w.client.load.of(w.at.Host) > w.client.conns:
		return nil
	case w.next+w.chunkSize()-w.pos > w.ahead() || slices.ContainsFunc(w.chunks, isLeft):
		return nil
	}
	n := w.newChunk()
	req := w.request(n)
	var f *follower
	w.unlocked(func() { f = w.client.follow(w.ctx, b.x, w.at, req) })
	if f == nil {
		n.owned = false
		w.sent--
		w.changed.Broadcast()
		return nil
	}
	return &asked{f, req, n}
}

// giveUp leaves a chunk that was asked for ahead to whoever takes it. The connection broke:
// that may be for what it was asked.
func (w *window) giveUp(f *asked) {
	if f == nil {
		return
	}
	if !w.closed && w.ctx.Err() == nil {
		w.client.load.unpipe(w.at.Host)
	}
	f.k.owned = false
	w.unlocked(f.drop)
	w.changed.Broadcast()
}
