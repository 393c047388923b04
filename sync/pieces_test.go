package sync

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"runtime"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

const (
	pieceLength = 16 << 10
	pieceCount  = 64
	pieceSize   = pieceCount*pieceLength - 1000 // the last one is shorter
)

var pieceContent = remotetest.Content(21, pieceSize)

// cutPieces returns the sha1 of pieces as a torrent has them: from offset on, the last one
// only if padding zeros make it whole (-1: whatever its length).
func cutPieces(p []byte, length, offset, padding int64) *listing.Pieces {
	pieces := &listing.Pieces{Algorithm: "sha1", Length: length, Offset: offset, Padding: max(0, padding)}
	for from := offset; from < int64(len(p)); from += length {
		piece := p[from:min(from+length, int64(len(p)))]
		if short := length - int64(len(piece)); short > 0 && padding >= 0 {
			if padding != short {
				break
			}
			piece = append(bytes.Clone(piece), make([]byte, short)...)
		}
		sum := sha1.Sum(piece)
		pieces.Sums += string(sum[:])
	}
	return pieces
}

func withTorrent(p []byte, length, offset, padding int64) fact {
	return func(e *listing.Entry) {
		e.Size = int64(len(p))
		e.Pieces = cutPieces(p, length, offset, padding)
	}
}

// flipped returns a copy in which one byte of each of these pieces is another.
func flipped(p []byte, pieces ...int) []byte {
	p = bytes.Clone(p)
	for _, i := range pieces {
		p[i*pieceLength+123] ^= 1
	}
	return p
}

// TestGate gives content to the gate in blocks of every kind of size, from every kind of
// position. What it lets through is the content, whole pieces of it while it goes on.
func TestGate(t *testing.T) {
	t.Parallel()
	const size, length = 1000, 64
	content := remotetest.Content(5, size)
	for _, cut := range []struct{ offset, padding int64 }{{0, -1}, {0, 24}, {17, -1}, {17, 41}, {63, 0}} {
		j := &job{Puller: new(Puller)}
		withTorrent(content, length, cut.offset, cut.padding)(&j.want.Entry)
		if err := j.Pieces.Check(size); err != nil {
			t.Fatal(err)
		}
		for _, pos := range []int64{0, 1, 16, 17, 18, 63, 64, 65, 81, 500, 960, 999, size} {
			for _, block := range []int{1, 7, 63, 64, 65, size} {
				for _, bad := range []int{-1, 0, 70, 500, 999} {
					testGate(t, j, content, pos, block, bad)
				}
			}
		}
	}
}

func testGate(t *testing.T, j *job, content []byte, pos int64, block, bad int) {
	t.Helper()
	name := fmt.Sprintf("offset %d padding %d from %d by %d, byte %d wrong", j.Pieces.Offset, j.Pieces.Padding, pos, block, bad)
	theirs := bytes.Clone(content)
	if bad >= 0 {
		theirs[bad] ^= 1
	}
	g, err := j.newPieceGate(t.Context(), pos, bytes.NewReader(theirs).ReadAt)
	if err != nil {
		t.Fatal(err)
	}
	got := bytes.Clone(theirs[:pos])
	write := func(p []byte) error { got = append(got, p...); return nil }
	for rest := theirs[pos:]; len(rest) > 0 && err == nil; rest = rest[min(block, len(rest)):] {
		err = g.put(rest[:min(block, len(rest))], write)
	}
	inPiece, first := -1, int64(0)
	for i := range j.Pieces.Count() {
		if from, to := j.Pieces.Span(i, j.want.Size); bad >= 0 && from <= int64(bad) && int64(bad) < to && to > pos {
			inPiece, first = i, from
		}
	}
	// A piece that the gate saw no beginning of, as it lies behind pos in part, is mixed.
	switch {
	case inPiece < 0 && (err != nil || !bytes.Equal(got, theirs)):
		t.Errorf("%s: %v, let %d bytes through", name, err, len(got))
	case inPiece >= 0:
		piece, ok := errors.AsType[badPiece](err)
		if !ok || piece.local != (first < pos) || int64(len(got)) != max(pos, first) || !bytes.HasPrefix(theirs, got) {
			t.Errorf("%s: %v, let %d bytes through", name, err, len(got))
		}
	}
}

// TestWrongPieceOnce: a mirror with one wrong byte costs about a piece, and no byte of the
// wrong piece is ever in the file.
func TestWrongPieceOnce(t *testing.T) {
	t.Parallel()
	for _, atomicly := range []bool{false, true} {
		for _, i := range []int{0, 1, 31, pieceCount - 1} {
			l := newLab(t)
			l.Atomic = atomicly
			l.put("bad", flipped(pieceContent, i))
			l.put("good", pieceContent)
			r := l.want(Fetched, l.entry("f", l.mirrors("bad", "good"), withTorrent(pieceContent, pieceLength, 0, -1)))
			l.same("f", pieceContent)
			l.noSide("f")
			l.server.Settle("good")
			if n := l.server.Bytes("good"); n > pieceSize-int64(i)*pieceLength+overlap {
				t.Errorf("piece %d: the good mirror sent %d bytes", i, n)
			}
			if again := r.Fetched - pieceSize; again > blockSize+overlap { // a block may be read ahead
				t.Errorf("piece %d: %d bytes twice", i, again)
			}
			if r.Verified != DigestEvidence || r.Requests != 2 {
				t.Errorf("piece %d: verified by %v, %d requests", i, r.Verified, r.Requests)
			}
		}
	}
}

// TestWrongPieceAlone: without another mirror it is asked once more, then the entry fails,
// and what came before the wrong piece stays.
func TestWrongPieceAlone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.put("f", flipped(pieceContent, 20))
	e := l.entry("f", withTorrent(pieceContent, pieceLength, 0, -1))
	r := l.costs(cost{requests: 2}, Failed, e)
	if want := fmt.Sprintf("bytes %d to %d", 20*pieceLength, 21*pieceLength-1); r.Err == nil || !strings.Contains(r.Err.Error(), want) {
		t.Errorf("%v", r.Err)
	}
	l.same("f", pieceContent[:20*pieceLength])
	l.put("f", pieceContent)
	l.want(Resumed, e)
	l.same("f", pieceContent)
}

// TestPiecesRemembered: a file that was committed under pieces is known by them again.
func TestPiecesRemembered(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.put("f", pieceContent)
	e := l.entry("f", withTorrent(pieceContent, pieceLength, 0, -1))
	l.want(Fetched, e)
	l.costs(cost{}, UpToDate, e)
	e.ModTime = then
	l.costs(cost{}, UpToDate, e)
	// It is not read either: a damage that left size and time is not seen.
	l.overwrite("f", flipped(pieceContent, 3)[3*pieceLength:4*pieceLength])
	l.touch("f", then)
	l.costs(cost{}, UpToDate, e)
	// Other pieces are not remembered, and those of a part of the file prove nothing by
	// themselves.
	l.overwrite("f", pieceContent[:pieceLength])
	l.touch("f", then)
	l.costs(cost{}, UpToDate, l.entry("f", withTorrent(pieceContent, 2*pieceLength, 0, -1)))
	l.write("g", append(make([]byte, 100), pieceContent[100:]...), then.Add(time.Hour))
	l.put("g", pieceContent)
	l.want(UpToDate, l.entry("g", withTorrent(pieceContent, pieceLength, 5000, -1))) // tail only
	l.write("h", append(bytes.Clone(pieceContent[:pieceSize-100]), make([]byte, 100)...), then.Add(time.Hour))
	l.put("h", pieceContent)
	if r := l.pull(l.entry("h", withTorrent(pieceContent, pieceLength, 5000, 0))); r.Requests == 0 {
		t.Error("pieces that leave the end out proved a file that is broken there")
	}
	l.same("h", pieceContent)
}

// TestPiecesOfPart gates a torrent's file that begins and ends within pieces.
func TestPiecesOfPart(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.put("bad", flipped(pieceContent, 30))
	l.put("good", pieceContent)
	part := withTorrent(pieceContent, pieceLength, 5000, 0)
	l.want(Fetched, l.entry("f", l.mirrors("bad", "good"), part))
	l.same("f", pieceContent)
	// A wrong beginning is not patched: all of it is fetched once more.
	l.put("g", pieceContent)
	l.partial("g", pieceSize/2)
	l.overwrite("g", flipped(pieceContent, 3)[:4*pieceLength])
	l.want(Replaced, l.entry("g", part))
	l.same("g", pieceContent)
	l.noSide("g")
	// As is one that the wrong piece was begun by.
	l.put("h", pieceContent)
	l.partial("h", 2*pieceLength)
	l.overwriteAt("h", []byte{pieceContent[5000+pieceLength] ^ 1}, 5000+pieceLength)
	l.server.Change("h", func(f *remotetest.File) { f.Faults = []remotetest.Fault{remotetest.WeakETag()} })
	l.pull(l.entry("h", part))
	l.same("h", pieceContent)
}

// TestPiecesOfLittle: a server that gives less than a piece at a time, be it by right or by
// breaking off, is asked until the file is whole; one that gives nothing is not.
func TestPiecesOfLittle(t *testing.T) {
	t.Parallel()
	for _, fault := range []remotetest.Fault{
		remotetest.ShortRange(100_000), remotetest.CutFIN(390_000), remotetest.CutRST(390_000), remotetest.ChunkedCut(390_000),
	} {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.put("f", pieceContent, remotetest.CutFIN(100_000).Times(1), fault)
			r := l.want(Fetched, l.entry("f", withTorrent(pieceContent, 400_000, 0, -1)))
			if r.Verified != DigestEvidence {
				t.Errorf("verified by %v", r.Verified)
			}
			l.same("f", pieceContent)
			l.noSide("f")
		})
	}
	l := newLab(t)
	l.Retries = 1
	l.put("f", pieceContent, remotetest.CutFIN(0))
	l.want(Failed, l.entry("f", withTorrent(pieceContent, 400_000, 0, -1)))
}

// TestPieceRoom: never more than the bound, first come first served, and whoever gives up
// leaves nothing taken.
func TestPieceRoom(t *testing.T) {
	t.Parallel()
	var r pieceRoom
	var inUse, most atomic.Int64
	var all gosync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			n := int64(listing.MaxPieceLength >> (i % 3))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%8 == 7 {
				cancel()
			}
			give, err := r.take(ctx, n)
			if err != nil {
				return
			}
			defer give()
			now := inUse.Add(n)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			runtime.Gosched()
			inUse.Add(-n)
		})
	}
	all.Wait()
	if most.Load() > pieceMemory || r.used != 0 || len(r.queue) != 0 {
		t.Errorf("%d bytes at once, %d left, %d wait", most.Load(), r.used, len(r.queue))
	}
	var gives []func()
	for range pieceMemory / listing.MaxPieceLength {
		give, err := r.take(t.Context(), listing.MaxPieceLength)
		if err != nil {
			t.Fatal(err)
		}
		gives = append(gives, give)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if _, err := r.take(ctx, 1); err != cause {
		t.Errorf("%v", err)
	}
	for _, give := range gives {
		give()
		give() // twice is once
	}
	if r.used != 0 || len(r.queue) != 0 {
		t.Errorf("%d left, %d wait", r.used, len(r.queue))
	}
}

// TestPieceRoomJobs: of more jobs with the longest pieces than there is room for, only
// those ask that have room, and all have their turn.
func TestPieceRoomJobs(t *testing.T) {
	const jobs, size = 11, listing.MaxPieceLength
	var asked, open, most atomic.Int64
	src := fake(func(ctx context.Context, req remote.Request) (*remote.Tail, error) {
		asked.Add(1)
		most.Store(max(most.Load(), open.Add(1)))
		tail := fakeTail(req, nil)
		tail.Size, tail.End = size, size
		tail.Body = &slow{&open}
		return tail, sleep(ctx, time.Second)
	})
	inBubble(t, src, func(t *testing.T, l *lab) {
		l.Jobs = jobs
		var es []listing.Entry
		for i := range jobs {
			e := fakeEntry()
			e.Path, e.Size = fmt.Sprintf("f%d", i), size
			e.Pieces = &listing.Pieces{Algorithm: "sha1", Length: size, Sums: strings.Repeat("x", 20)}
			es = append(es, e)
		}
		for _, r := range l.pullAll(t.Context(), es...) {
			if r.Outcome != Failed || r.Requests != 1 {
				t.Errorf("%v (%v)", r.Outcome, r.Err)
			}
		}
		if n := most.Load(); n != pieceMemory/size || asked.Load() != jobs {
			t.Errorf("%d requests at once, %d in all", n, asked.Load())
		}
	})
}

// slow is a body that fails after a while.
type slow struct{ open *atomic.Int64 }

func (s *slow) Read([]byte) (int, error) {
	time.Sleep(time.Second)
	return 0, remote.Errorf(remote.Final, "gone")
}

func (s *slow) Close() error { s.open.Add(-1); return nil }
