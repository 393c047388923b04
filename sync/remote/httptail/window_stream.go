package httptail

import (
	"errors"
	"io"
	"slices"
	"time"

	"fsync/sync/remote"
)

const (
	// A chunk takes so many round trips, so that the wait for the answer to the next request
	// costs little; but no more than chunkMost, and no less than chunkLeast.
	chunkTrips = 20
	chunkLeast = 2 << 20
	chunkMost  = aheadEach * 3 / 4
	// Towards the end chunks become smaller, so that all streams end together.
	chunkLast = 2 << 20

	// jointSize is how many bytes before a chunk are fetched with it, to be compared with
	// the end of the one before: some servers send other bytes than their Content-Range says.
	jointSize = 1 << 10
)

var (
	// errNoPart says that an answer is of no use beside the lead's.
	errNoPart = errors.New("not the range that was asked for")
	// errOther says that it is of another version.
	errOther = errors.New("another version than the first answer")
)

// stream brings chunk after chunk. b is the answer that brings k, nil: it is to be asked for.
func (w *window) stream(b *body, k *chunk) {
	var f *asked
	fresh := b == nil
	for k != nil {
		var err error
		var joint []byte
		if b == nil {
			b, joint, err = w.ask(k, f)
			f = nil
		}
		if fresh {
			fresh = false
			w.mu.Lock()
			w.arrived()
			w.mu.Unlock()
		}
		before := k.at
		if err == nil {
			f, err = w.fill(b, k, joint)
		}
		b, k, f = w.goOn(b, k, f, k.at > before, err)
	}
	if b != nil {
		b.Close()
	}
}

// ask asks for what is left of a chunk and the joint before it, unless f did that already.
func (w *window) ask(k *chunk, f *asked) (*body, []byte, error) {
	if f != nil {
		x, err := f.answer(w.client)
		b, joint, err := w.answered(k, f.req, x, err)
		if err == nil || w.ctx.Err() != nil || isRefusal(err) {
			return b, joint, err
		}
		w.client.load.unpipe(w.at.Host) // and ask once more by itself
	}
	w.mu.Lock()
	req := w.request(k)
	w.mu.Unlock()
	began := time.Now()
	x, err := w.client.ask(w.ctx, w.at, req, w.lead.x.redirected)
	if err == nil {
		if b, ok := x.resp.Body.(*directBody); ok {
			began = b.c.sent // without the time that it took to connect
		}
		w.mu.Lock()
		if took := time.Since(began); w.rtt == 0 || took < w.rtt {
			w.rtt = took
		}
		w.mu.Unlock()
	}
	return w.answered(k, req, x, err)
}

// request returns what is to be asked for a chunk, and counts it.
func (w *window) request(k *chunk) remote.Request {
	w.sent++
	return remote.Request{URL: w.req.URL, Offset: k.at - jointSize, Length: k.end - k.at + jointSize}
}

// isRefusal says whether a server said that it will not.
func isRefusal(err error) bool {
	re, ok := errors.AsType[*remote.Error](err)
	return ok && re.Status >= 400
}

// answered checks the answer to the request for a chunk and reads the joint.
func (w *window) answered(k *chunk, req remote.Request, x *exchange, err error) (*body, []byte, error) {
	if err != nil {
		return nil, nil, err
	}
	if isRedirect(x.resp) {
		x.discard()
		return nil, nil, errNoPart
	}
	t, err := x.answer(req)
	if err != nil {
		return nil, nil, err
	}
	if t.Start != req.Offset || !w.sameVersion(t.Version) {
		t.Body.Close()
		if t.Start != req.Offset {
			return nil, nil, errNoPart
		}
		return nil, nil, errOther
	}
	b := t.Body.(*body)
	joint := make([]byte, jointSize)
	if _, err := io.ReadFull(b, joint); err != nil {
		b.Close()
		return nil, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	k.answered = true
	w.changed.Broadcast()
	return b, joint, nil
}

// sameVersion compares all that is known: the same place answers, so the same file has the
// same validators.
func (w *window) sameVersion(v remote.Version) bool {
	return v.Place == w.want.Place && v.Size == w.want.Size && v.ETag == w.want.ETag && v.ModTime.Equal(w.want.ModTime)
}

// fill reads a chunk to its end, which may be brought nearer meanwhile. What follows it may
// be asked for before that.
func (w *window) fill(b *body, k *chunk, joint []byte) (f *asked, err error) {
	for {
		left, ok := w.room(k)
		if !ok {
			return f, errClosed
		}
		if left == 0 {
			return f, nil
		}
		if f == nil {
			f = w.follow(b, k)
		}
		block := blockPool.Get().(*[]byte)
		n, err := w.readBlock(b, k, (*block)[:min(int64(len(*block)), left)])
		if w.put(k, lent{block, n, joint}) {
			joint = nil
		}
		switch {
		case err == io.EOF:
			if left, _ := w.room(k); left > 0 {
				return f, w.shortAnswer(b)
			}
			return f, nil
		case err != nil:
			return f, err
		}
	}
}

// shortAnswer is the error of an answer that gave less than was asked for.
func (w *window) shortAnswer(b *body) error {
	return b.x.fail(remote.Temporary, 0, io.ErrUnexpectedEOF)
}

// room returns how much of a chunk is to come, once there is memory for it; or false when
// the window was closed.
func (w *window) room(k *chunk) (int64, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.closed && k.at < k.end && k.at-w.pos >= w.ahead() && !w.awaited(k) {
		w.changed.Wait()
	}
	return k.end - k.at, !w.closed
}

// awaited says whether a chunk before k is to be taken by somebody: whoever waits for the
// reader then may wait for himself.
func (w *window) awaited(k *chunk) bool {
	i := slices.IndexFunc(w.chunks, isLeft)
	return i >= 0 && w.chunks[i].at < k.at
}

// isLeft says whether no stream brings what is left of a chunk.
func isLeft(k *chunk) bool { return !k.owned && k.at < k.end }

// ahead returns how far the streams may be ahead of the reader.
func (w *window) ahead() int64 {
	if w.active == 1 && w.next == w.end {
		return aheadOne
	}
	each := int64(aheadEach)
	if w.pipes() {
		each = min(each, pipeAhead*w.fullChunk())
	}
	return min(int64(max(1, w.active))*each, aheadMost)
}

// readBlock fills p, or less where the reader waits for it.
func (w *window) readBlock(b *body, k *chunk, p []byte) (n int, err error) {
	var first time.Time
	for n < len(p) && err == nil {
		var m int
		m, err = b.Read(p[n:])
		if n += m; n == m {
			first = time.Now()
			continue
		}
		if n < idleBlock && time.Since(first) <= blockAge {
			continue
		}
		w.mu.Lock()
		hungry := w.waiting && len(w.chunks) > 0 && w.chunks[0] == k
		w.mu.Unlock()
		if hungry {
			break
		}
	}
	return n, err
}

// put hands a block to the reader, without what another stream brings by now, and says
// whether anything was left of it.
func (w *window) put(k *chunk, b lent) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	b.n = int(min(int64(b.n), k.end-k.at))
	if b.n == 0 || w.closed {
		blockPool.Put(b.block)
		return false
	}
	k.at += int64(b.n)
	k.blocks = append(k.blocks, b)
	w.widen.received += int64(b.n)
	w.widenNow(time.Now())
	w.changed.Broadcast()
	return true
}

// goOn decides what a stream does next: nothing, if it returns no chunk. f is what was asked
// for ahead, progress says that the last answer brought something, and err how that ended.
func (w *window) goOn(b *body, k *chunk, f *asked, progress bool, err error) (*body, *chunk, *asked) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.giveUp(f)
		if b != nil {
			w.unlocked(func() { b.Close() }) // the chunk stays this stream's meanwhile
		}
		if progress && !w.closed && w.ctx.Err() == nil {
			return nil, k, nil // it broke: ask for the rest
		}
		k.owned = false
		w.refused(err)
		return nil, nil, nil
	}
	if b.off == k.end && b.off < b.end {
		if n := w.nobodysAt(k.end); n != nil {
			n.owned = true
			return b, n, nil // this answer brings it anyway
		}
	}
	w.unlocked(func() { b.Close() })
	if f != nil {
		return nil, f.k, f
	}
	n := w.take()
	if n == nil {
		w.active--
		w.changed.Broadcast()
	}
	return nil, n, nil
}

// unlocked runs f, which may take time, without the lock.
func (w *window) unlocked(f func()) {
	w.mu.Unlock()
	defer w.mu.Lock()
	f()
}

// refused ends a stream whose request failed. No more are begun, and a host that said no
// is not asked again by several.
func (w *window) refused(err error) {
	w.active--
	w.most = max(1, min(w.most, w.active))
	w.widen.adaptive = false
	re, ok := errors.AsType[*remote.Error](err)
	if errors.Is(err, errNoPart) || ok && re.Status >= 400 {
		w.client.load.refuse(w.at.Host)
	}
	if w.active == 0 {
		if !ok && w.ctx.Err() == nil {
			err = w.lead.x.fail(remote.Temporary, 0, err)
		}
		w.err = err
	}
	w.changed.Broadcast()
}

// nobodysAt returns the chunk that begins at an offset if no stream brings it. It waits until
// that is known: the lead's answer is not given up before it can be done without.
func (w *window) nobodysAt(off int64) *chunk {
	if w.next == off {
		return w.newChunk()
	}
	i := slices.IndexFunc(w.chunks, func(k *chunk) bool { return k.at == off && k.at < k.end })
	if i < 0 {
		return nil
	}
	k := w.chunks[i]
	for !w.closed && k.owned && !k.answered {
		w.changed.Wait()
	}
	if w.closed || k.owned || k.at != off {
		return nil
	}
	return k
}

// take returns a chunk for a stream: one that another gave up, or a new one, for which it
// may wait; nil if there is none or the streams are to become fewer.
func (w *window) take() *chunk {
	for {
		if w.closed {
			return nil
		}
		if i := slices.IndexFunc(w.chunks, isLeft); i >= 0 {
			w.chunks[i].owned = true
			return w.chunks[i]
		}
		if w.next == w.end || w.active > w.most || w.active > 1 && w.client.load.of(w.at.Host) > w.client.conns {
			return nil
		}
		if w.most == 1 || w.next+w.chunkSize()-w.pos <= w.ahead() {
			return w.newChunk()
		}
		w.changed.Wait()
	}
}

// newChunk returns the next chunk: all that is left, if there is to be one stream.
func (w *window) newChunk() *chunk {
	size := w.chunkSize()
	if w.most == 1 {
		size = w.end - w.next
	}
	k := &chunk{at: w.next, end: w.next + size, owned: true}
	w.next += size
	w.chunks = append(w.chunks, k)
	return k
}

// chunkSize returns how long the next chunk is.
func (w *window) chunkSize() int64 {
	last := int64(chunkLast)
	if w.pipes() {
		last = min(max(w.trip(), pipeLast), pipeLeast)
	}
	share := (w.end - w.next) / int64(max(1, w.active))
	return min(w.fullChunk(), max(share, last), w.end-w.next)
}

// fullChunk returns how long a chunk is that is not one of the last.
func (w *window) fullChunk() int64 {
	if w.pipes() {
		return min(max(pipeTrips*w.trip(), pipeLeast), pipeMost)
	}
	return min(max(chunkTrips*w.trip(), chunkLeast), chunkMost)
}

// trip returns how many bytes a stream brings in a round trip.
func (w *window) trip() int64 {
	return int64(w.widen.rate / float64(max(1, w.active)) * w.rtt.Seconds())
}
