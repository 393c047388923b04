package httptail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"fsync/sync/remote"
)

const (
	// blockSize is how much of a chunk is handed on at a time.
	blockSize = 1 << 20
	// Somebody who has nothing to do gets a block of this size, or one as old as this.
	idleBlock = 256 << 10
	blockAge  = 100 * time.Millisecond

	// windowMin is the least rest of a body for which more than one request is made.
	windowMin = 8 << 20
	// aheadOne is how much a single stream may be ahead of the reader: what a SIGKILL costs.
	aheadOne = 2 << 20
	// aheadEach is that for each of several streams, and aheadMost for all of them.
	aheadEach, aheadMost = 8 << 20, 128 << 20
)

var blockPool = sync.Pool{New: func() any { b := make([]byte, blockSize); return &b }}

// window is a body whose bytes several requests bring at once and which yields them
// strictly in order. What is ahead of the reader waits in bounded memory.
//
// It begins as the body of the answer that was asked for, the lead. Next begins to read
// ahead, and then the rest is cut into chunks: consecutive ranges, each brought by one
// stream at a time. A stream whose request is refused or breaks leaves its chunk to the
// others, at worst to the lead, whose own answer goes on to the end of the file. Only when
// no stream is left does the body end in an error.
type window struct {
	client *Client
	at     *url.URL // what answered, after redirects
	req    remote.Request
	want   remote.Version // every answer has to be of this version
	lead   *body
	direct bool // the lead came over a connection that may be asked ahead

	started bool
	ctx     context.Context
	cancel  context.CancelCauseFunc
	streams sync.WaitGroup
	last    *[]byte       // lent by Next
	rest    []byte        // of what Next returned, for Read
	tail    []byte        // the last bytes that Next returned, up to jointSize
	lone    widening      // what Splice measures
	waited  time.Duration // in that time, for the lead; the rest went into writing

	mu      sync.Mutex // guards what follows
	changed *sync.Cond
	closed  bool
	waiting bool     // the reader waits
	pos     int64    // where the reader is
	next    int64    // from here on no chunk was made
	end     int64    // of the body
	chunks  []*chunk // consecutive; the first is the reader's
	active  int      // streams
	most    int      // how many there may be
	sent    int      // requests beside the lead's
	err     error    // of the last stream
	rtt     time.Duration
	widen   widening
}

// chunk is a range of the file that one stream brings.
type chunk struct {
	at, end  int64 // what is still to come
	owned    bool  // a stream is at it
	answered bool  // its request was answered with the right part
	blocks   []lent
}

// lent is a block with bytes in it.
type lent struct {
	block *[]byte
	n     int
	joint []byte // what its answer had before it; nil: it continues another block's
}

// newWindow returns the body for an answer, which is the lead alone unless several streams
// can bring one version of the file.
func (c *Client) newWindow(ctx context.Context, at *url.URL, req remote.Request, t *remote.Tail, h http.Header) io.ReadCloser {
	lead, ok := t.Body.(*body)
	if !ok || req.Streams == 1 || req.Length > 0 || t.End < 0 || t.End != t.Size || t.End-t.Start < windowMin {
		return t.Body
	}
	ranges := t.Start > 0 || strings.EqualFold(strings.TrimSpace(h.Get("Accept-Ranges")), "bytes")
	oneVersion := t.StrongETag() != "" || !t.StrongTime().IsZero() || req.Proven
	if !ranges || !oneVersion || c.load.single(at.Host) {
		return t.Body
	}
	w := &window{client: c, at: at, req: req, want: t.Version, lead: lead, end: t.End}
	w.changed = sync.NewCond(&w.mu)
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	return w
}

// Read reads from the lead until Next was called.
func (w *window) Read(p []byte) (int, error) {
	if !w.started {
		return w.lead.Read(p)
	}
	if len(w.rest) == 0 {
		var err error
		if w.rest, err = w.Next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// Splice is that of the lead while it alone is fast enough, or no slower than what it brings is
// written; see remote.Splicer.
func (w *window) Splice(pipe *os.File, n int) (int, error) {
	if w.started || w.req.Streams > 1 {
		return 0, errors.ErrUnsupported
	}
	began := time.Now()
	if w.lone.since.IsZero() {
		w.lone.since = began
	}
	waited := w.waited
	if rate, ok := w.lone.measured(began, measureTime); ok {
		w.waited = 0
		if rate < fastEnough && waited > measureTime/2 && w.worthwhile(rate, w.lead.off) &&
			w.client.load.of(w.at.Host) < w.client.conns {
			w.lone.rate = rate
			return 0, errors.ErrUnsupported // perhaps several are faster
		}
	}
	got, err := w.lead.Splice(pipe, n)
	w.waited += time.Since(began)
	w.lone.received += int64(got)
	return got, err
}

// Next returns the next bytes; see remote.Blocks. The first call begins to read ahead.
func (w *window) Next() ([]byte, error) {
	if len(w.rest) > 0 { // Read left them
		p := w.rest
		w.rest = nil
		return p, nil
	}
	if !w.started {
		w.start()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.giveBack()
	for {
		for len(w.chunks) > 0 && w.chunks[0].at == w.chunks[0].end && len(w.chunks[0].blocks) == 0 {
			w.chunks = w.chunks[1:]
		}
		switch {
		case w.closed:
			return nil, errClosed
		case len(w.chunks) > 0 && len(w.chunks[0].blocks) > 0:
			k := w.chunks[0]
			b := k.blocks[0]
			if b.joint != nil && !bytes.Equal(b.joint, w.tail) {
				w.client.load.refuse(w.at.Host)
				return nil, w.lead.x.fail(remote.Temporary, 0, errJoint)
			}
			k.blocks = k.blocks[1:]
			w.last = b.block
			w.pos += int64(b.n)
			w.changed.Broadcast()
			return w.remember((*b.block)[:b.n]), nil
		case w.pos == w.end && w.active == 0 && w.err == nil:
			return nil, io.EOF
		case w.active == 0:
			return nil, w.err
		}
		w.waiting = true
		w.changed.Wait()
		w.waiting = false
	}
}

var errJoint = errors.New("parts of the file that do not fit together")

// remember keeps the end of what is returned.
func (w *window) remember(p []byte) []byte {
	if w.tail = append(w.tail, p[max(0, len(p)-jointSize):]...); len(w.tail) > jointSize {
		w.tail = append(w.tail[:0], w.tail[len(w.tail)-jointSize:]...)
	}
	return p
}

func (w *window) giveBack() {
	if w.last != nil {
		blockPool.Put(w.last)
		w.last = nil
	}
}

// start hands the lead to a stream, and begins others if their number was said.
func (w *window) start() {
	w.started = true
	_, w.direct = w.lead.x.resp.Body.(*directBody)
	w.direct = w.direct && w.lead.x.resp.ProtoAtLeast(1, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pos, w.next = w.lead.off, w.end
	k := &chunk{at: w.pos, end: w.end, owned: true}
	w.chunks = []*chunk{k}
	w.active = 1
	w.widen.since = time.Now()
	w.most = w.req.Streams
	if w.most == 0 {
		w.most = min(autoStreams, w.client.conns)
		w.widen.adaptive = true
		if w.widen.rate = w.lone.rate; w.lone.rate > 0 {
			w.decide()
		}
	} else if w.end-w.pos >= windowMin {
		w.addStreams(w.most - 1)
	}
	w.streams.Go(func() { w.stream(w.lead, k) })
}

// Close ends all requests.
func (w *window) Close() error {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.changed.Broadcast()
	w.mu.Unlock()
	if closed {
		return nil
	}
	if !w.started {
		w.cancel(errClosed)
		return w.lead.Close()
	}
	w.mu.Lock()
	done := w.active == 0
	w.mu.Unlock()
	if !done { // else the last answers are read to their end, and their connections stay
		w.lead.x.cancel(errClosed)
		w.cancel(errClosed)
	}
	w.streams.Wait()
	w.cancel(errClosed)
	w.giveBack()
	for _, k := range w.chunks {
		for _, b := range k.blocks {
			blockPool.Put(b.block)
		}
	}
	w.chunks = nil
	return nil
}

// Requests returns how many requests were made beside the first.
func (w *window) Requests() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}
