package sftptail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"

	"github.com/pkg/sftp"

	"fsync/sync/remote"
)

// body reads a file ahead, by blocks that are asked for side by side and delivered in
// order. What is asked for and not yet delivered is bounded by window.
type body struct {
	ctx  context.Context
	host *host
	url  *url.URL
	path string
	req  remote.Request

	// What run found out, once opened is closed:
	opened      chan struct{}
	openErr     error
	version     remote.Version
	notModified bool
	seen        status
	end         int64
	first       []byte  // that came with seen
	proof       *status // seen after first, if that is all there is

	lent *block // by Next

	mu      sync.Mutex // guards what follows
	pos     int64      // of the next byte that Read returns
	next    int64      // of the next byte to ask for
	queue   []*block   // from pos to next
	held    int        // bytes in the queue
	handles []*handle
	unbind  func() bool // from the end of the client
	claimed []*lane     // that handles are on, or are being opened on
	flying  int         // blocks that are awaited
	closed  bool        // no more is asked for
	cut     error
	proven  chan struct{} // closed when the file was looked at again, or nothing more will come
	after   error         // what that look found, if not cut
	ended   bool          // the handles are given back, or about to be
	pace
}

// handle is the file, open on one lane.
type handle struct {
	lane   *lane
	file   *sftp.File
	flying int // bytes that are awaited
}

// block is a piece of the file.
type block struct {
	off  int64
	buf  []byte
	n    int // bytes that came
	read int // bytes that were delivered
	err  error
	done chan struct{}
	from *handle
}

func newBody(ctx context.Context, h *host, path string, req remote.Request) *body {
	return &body{
		ctx: ctx, host: h, url: req.URL, path: path, req: req,
		opened: make(chan struct{}), proven: make(chan struct{}),
	}
}

// run opens the file and reads its first block.
func (b *body) run() {
	hd, err := b.open()
	if err != nil {
		b.openErr = failure(remote.Redact(b.url), err)
	}
	if err != nil || b.notModified {
		close(b.opened)
		b.host.client.done.Done()
		return
	}
	b.mu.Lock()
	b.handles, b.claimed = []*handle{hd}, []*lane{hd.lane}
	b.unbind = context.AfterFunc(b.host.client.ctx, func() { b.giveUp(context.Cause(b.host.client.ctx)) })
	if n := len(b.first); n > 0 {
		k := &block{off: b.next, buf: b.first, n: n, done: make(chan struct{}), from: hd}
		close(k.done)
		b.queue, b.held, b.next = append(b.queue, k), n, b.next+int64(n)
	}
	b.pace.begin(b)
	first := b.ask()
	over := b.over()
	b.mu.Unlock()
	close(b.opened)
	for i, k := range first {
		if i > 0 {
			go b.fetch(k)
		}
	}
	switch {
	case len(first) > 0:
		b.fetch(first[0])
	case over:
		b.finish()
	}
}

// ask takes the blocks that may be asked for now. It is called under mu; the caller has
// them fetched.
func (b *body) ask() (blocks []*block) {
	for b.cut == nil && !b.closed && b.next < b.end && (b.held < b.window && len(b.queue) < mostBlocks || len(b.queue) == 0) {
		k := &block{off: b.next, done: make(chan struct{}), from: b.leastBusy()}
		k.buf = getBuffer(int(min(int64(b.blockSize()), b.end-b.next)))
		k.from.flying += len(k.buf)
		b.next += int64(len(k.buf))
		b.held += len(k.buf)
		b.flying++
		b.queue = append(b.queue, k)
		blocks = append(blocks, k)
	}
	return blocks
}

func (b *body) leastBusy() *handle {
	best := b.handles[0]
	for _, hd := range b.handles[1:] {
		if hd.flying < best.flying {
			best = hd
		}
	}
	return best
}

// fetch reads a block, and then others while no other goroutine does.
func (b *body) fetch(k *block) {
	for k != nil {
		n, err := k.from.lane.readAt(k.from.file, k.buf, k.off)
		b.mu.Lock()
		k.n = n
		if err == io.EOF {
			err = errShrunk
		}
		if err != nil {
			k.err = failure(remote.Redact(b.url), err)
			if b.cut == nil {
				b.cut = k.err
			}
		}
		close(k.done)
		k.from.flying -= len(k.buf)
		b.flying--
		b.came(b, n)
		more := b.ask()
		over := b.over()
		b.mu.Unlock()
		k = nil
		for i, m := range more {
			if i == 0 {
				k = m
				continue
			}
			go b.fetch(m)
		}
		if over {
			b.finish()
		}
	}
}

var errShrunk = fmt.Errorf("%w: it ended before its size", remote.ErrChanged)

// over says, once, that no block is awaited and none will be asked for. It is called
// under mu.
func (b *body) over() bool {
	if b.ended || b.flying > 0 || b.next < b.end && b.cut == nil && !b.closed {
		return false
	}
	b.ended = true
	return true
}

// finish looks at the file again and closes it.
func (b *body) finish() {
	b.mu.Lock()
	handles, prove := b.handles, b.cut == nil && !b.closed && b.end > b.req.Offset
	b.mu.Unlock()
	if prove {
		err := b.lookAgain(handles)
		b.mu.Lock()
		b.after = err
		b.mu.Unlock()
	}
	close(b.proven)
	for _, hd := range handles {
		hd.lane.close(hd.file)
		b.host.give(hd.lane)
	}
	b.pace.finish(b)
	b.unbind()
	b.host.client.done.Done()
}

// giveUp ends the body, also one that nobody reads or closes.
func (b *body) giveUp(cause error) {
	b.mu.Lock()
	if b.cut == nil && !b.ended {
		b.cut = failure(remote.Redact(b.url), cause)
	}
	over := b.over()
	b.mu.Unlock()
	if over {
		b.finish()
	}
}

// lookAgain says whether the file is still what it was when it was opened, by each handle
// that was read from.
func (b *body) lookAgain(handles []*handle) error {
	if len(handles) == 1 {
		return b.lookAt(handles[0])
	}
	errs := make([]error, len(handles))
	var all sync.WaitGroup
	for i, hd := range handles {
		all.Go(func() { errs[i] = b.lookAt(hd) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *body) lookAt(hd *handle) error {
	var now status
	var err error
	if b.proof != nil {
		now = *b.proof
	} else {
		now, err = hd.lane.fstat(hd.file)
	}
	if err == nil && !now.alike(b.seen) {
		err = remote.ErrChanged
	}
	if err != nil {
		return failure(remote.Redact(b.url), err)
	}
	return nil
}

// Read returns bytes in order. At the end it waits until the file was looked at again.
func (b *body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	k, err := b.head()
	if err != nil {
		return 0, err
	}
	n := copy(p, k.buf[k.read:k.n])
	b.deliver(k, n)
	return n, nil
}

// Next implements remote.Blocks.
func (b *body) Next() ([]byte, error) {
	k, err := b.head()
	if err != nil {
		return nil, err
	}
	b.lent = k
	return k.buf[k.read:k.n], nil
}

// head waits for the first block with bytes that were not delivered, or says why there is
// none. What Next has lent is given back.
func (b *body) head() (*block, error) {
	if k := b.lent; k != nil {
		b.lent = nil
		b.deliver(k, k.n-k.read)
	}
	if b.ctx.Err() != nil {
		return nil, context.Cause(b.ctx)
	}
	b.mu.Lock()
	closed, k, wait := b.closed, (*block)(nil), b.proven
	if len(b.queue) > 0 {
		k = b.queue[0]
		wait = k.done
	}
	b.mu.Unlock()
	if closed {
		return nil, errReadClosed
	}
	select {
	case <-wait:
	case <-b.ctx.Done():
		return nil, context.Cause(b.ctx)
	}
	switch {
	case k == nil:
		return nil, b.verdict()
	case k.read == k.n: // one that is not delivered whole is cut
		return nil, k.err
	}
	return k, nil
}

var errReadClosed = errors.New("read of a closed body")

// verdict is how the body ends.
func (b *body) verdict() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.cut != nil:
		return b.cut
	case b.after != nil:
		return b.after
	}
	return io.EOF
}

// deliver counts n bytes of the first block as delivered, and drops it when it was
// delivered whole.
func (b *body) deliver(k *block, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k.read += n
	b.pos += int64(n)
	if k.read < k.n || k.err != nil {
		return
	}
	b.queue[0] = nil
	b.queue = b.queue[1:]
	b.held -= len(k.buf)
	putBuffer(k.buf)
	k.buf = nil
	for _, m := range b.ask() {
		go b.fetch(m)
	}
}

// Close gives the file up. What is under way ends by itself.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	select {
	case <-b.opened:
	default:
		return nil // run sees it
	}
	if b.openErr == nil && !b.notModified && b.over() {
		go b.finish()
	}
	return nil
}
