package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"fsync/sync/local"
	"fsync/sync/remote"
)

// canPatch says that the list has the digests of pieces, which cover all of the file: then
// only those that are wrong or missing here need to be fetched.
func (j *job) canPatch() bool {
	return j.Pieces != nil && j.want.Size > 0 && j.Pieces.Cover(j.want.Size)
}

// patch makes the file whole from its good pieces and fetched ones, in a staged copy that
// grows in order, so that it, too, is at every moment a prefix of the right file.
func (j *job) patch(ctx context.Context, m *mirror, f *local.File, c *committer) error {
	check := newPieceCheck(j.Pieces, j.want.Size, j.want.Size)
	bad, err := checkPieces(ctx, f, min(f.Size, j.want.Size), check)
	if err != nil {
		return here(err)
	}
	good := check.good
	if bad == nil && f.Size == j.want.Size {
		j.patching = false
		return j.patchedAlready(ctx, f, c)
	}
	if j.DryRun {
		return j.planPatch(ctx, f, good)
	}
	if j.full.Load() {
		return here(ErrFull)
	}
	w, err := j.patchCopy(ctx, f)
	if err != nil {
		return here(err)
	}
	if f.Size == 0 && !j.wrote {
		j.Offset = w.Size()
	}
	j.enter(j.want.Size)
	version, err := j.fill(ctx, m, f, w, good)
	j.Result.Size = w.Size()
	if err == nil {
		err = j.checkPatched(ctx, w)
	}
	if err != nil {
		w.Close(time.Time{})
		return err
	}
	outcome := Repaired
	if f.Size == 0 {
		outcome = Resumed // what an earlier attempt left of a file that is to appear when it is whole
	} else {
		j.Note = fmt.Sprintf("%d of %d pieces were missing or wrong", count(good, false), len(good))
	}
	return j.commit(w, &remote.Tail{Version: version}, j.Digests, outcome, c)
}

// checkPatched reads the copy once more: somebody may have written to the file while its
// pieces were taken, and the list may contradict itself.
func (j *job) checkPatched(ctx context.Context, w *local.Writer) error {
	bad, err := check(ctx, w, j.want.Size, j.Digests, newPieceCheck(j.Pieces, j.want.Size, j.want.Size))
	switch {
	case err != nil:
		return here(err)
	case errors.Is(bad, errPiece):
		return here(local.ErrChanged)
	case bad != nil: // no mirror can help
		w.Abandon()
		return here(fmt.Errorf("%w, though each piece is right: the list contradicts itself", bad))
	}
	return nil
}

// planPatch ends a job of a dry run.
func (j *job) planPatch(ctx context.Context, f *local.File, good []bool) error {
	st, err := f.Stage()
	if err != nil {
		return here(err)
	}
	defer st.Close()
	keep, err := j.rightBeginning(ctx, st)
	if err != nil {
		return here(err)
	}
	outcome := Repaired
	if f.Size == 0 {
		outcome = Resumed
	}
	return j.planned(outcome, j.missing(good, keep))
}

// checkPieces checks the pieces of the first size bytes of a file.
func checkPieces(ctx context.Context, f *local.File, size int64, pieces *pieceCheck) (bad, err error) {
	if size == 0 {
		return nil, nil
	}
	return check(ctx, f, size, nil, pieces)
}

func count(good []bool, what bool) (n int) {
	for _, g := range good {
		if g == what {
			n++
		}
	}
	return n
}

// missing returns how many bytes are to be fetched for a copy that has the first keep.
func (j *job) missing(good []bool, keep int64) (n int64) {
	for i, g := range good {
		if from, to := j.Pieces.Span(i, j.want.Size); !g {
			n += max(0, to-max(from, keep))
		}
	}
	return n
}

// patchedAlready ends a job whose file turned out to be right in all its pieces: it was
// the answer that was wrong.
func (j *job) patchedAlready(ctx context.Context, f *local.File, c *committer) error {
	bad, err := checkDigests(ctx, f, f.Size, j.Digests)
	if err != nil {
		return here(err)
	}
	if bad != nil {
		return here(fmt.Errorf("%w, though each piece is right: the list contradicts itself", bad))
	}
	j.Verified = DigestEvidence
	return j.adopt(f, doneStamp(f), c)
}

// patchCopy opens the staged copy. What is there and right, from the beginning on, is kept.
func (j *job) patchCopy(ctx context.Context, f *local.File) (*local.Writer, error) {
	stamp := local.Stamp{State: local.Partial, Total: j.want.Size}
	st, err := f.Stage()
	if err != nil {
		return nil, err
	}
	keep, err := j.rightBeginning(ctx, st)
	if err != nil || keep == 0 {
		st.Close()
		if err != nil {
			return nil, err
		}
		return f.NewStage(ctx, stamp, 0)
	}
	w, err := st.Append(stamp)
	if err != nil {
		st.Close()
		return nil, err
	}
	if err := w.Cut(keep); err != nil {
		w.Close(time.Time{})
		return nil, err
	}
	return w, nil
}

// rightBeginning returns how many bytes of a staged copy are right: whole pieces, and behind
// them what may be the beginning of the next one.
func (j *job) rightBeginning(ctx context.Context, st *local.File) (int64, error) {
	if !st.Exists || st.Irregular != "" || st.Links > 1 || st.Size == 0 || st.Size > j.want.Size {
		return 0, nil
	}
	pieces := newPieceCheck(j.Pieces, j.want.Size, j.want.Size)
	if _, err := checkPieces(ctx, st, st.Size, pieces); err != nil {
		return 0, err
	}
	for i, g := range pieces.good {
		from, _ := j.Pieces.Span(i, j.want.Size)
		switch {
		case g:
		case i < pieces.i: // seen whole, and wrong
			return from, nil
		default:
			return st.Size, nil
		}
	}
	return j.want.Size, nil
}

// fill appends the pieces that the copy lacks: good ones from the file, others from the
// mirror. The version that it returns is a time for the file and no more: the bytes are
// those of the list, and come from more than one answer.
func (j *job) fill(ctx context.Context, m *mirror, f *local.File, w *local.Writer, good []bool) (v remote.Version, err error) {
	v.Size, v.WeakTime = j.want.Size, true
	begin := w.Size()
	defer func() { j.grown += max(0, w.Size()-begin) }()
	for w.Size() < j.want.Size {
		from, to, isGood := j.nextRun(w.Size(), good)
		if !isGood {
			answer, err := j.fetchRun(ctx, m, w, from, to)
			if err != nil {
				return v, err
			}
			v.Place, v.ModTime = answer.Place, answer.ModTime
		} else if err := w.AppendLocal(ctx, f, from, to-from); err == io.EOF {
			return v, here(local.ErrChanged)
		} else if err != nil {
			return v, here(err)
		}
		j.wrote = true
		j.active.Have.Store(w.Size())
	}
	return v, nil
}

// nextRun returns the longest run of pieces from pos on that are all good in the file, or
// all not.
func (j *job) nextRun(pos int64, good []bool) (from, to int64, isGood bool) {
	first := int(pos / j.Pieces.Length)
	isGood = good[first]
	for i := first; i < len(good) && good[i] == isGood; i++ {
		_, to = j.Pieces.Span(i, j.want.Size)
	}
	return pos, to, isGood
}

// fetchRun appends bytes [from, to) from the mirror; from a mirror that ignores ranges, all
// to the end. It may return without an error when there are less, but some.
func (j *job) fetchRun(ctx context.Context, m *mirror, w *local.Writer, from, to int64) (v remote.Version, err error) {
	giveBack, err := j.takeRoom(ctx)
	if err != nil {
		return v, err
	}
	defer giveBack()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tail, err := j.openRun(ctx, m, from, to)
	if err != nil {
		return v, err
	}
	defer tail.Body.Close()
	if tail.Size >= 0 && tail.Size != j.want.Size {
		return v, fmt.Errorf("%w: it says %d bytes, the remote has %d", errListSize, j.want.Size, tail.Size)
	}
	if tail.Start == 0 && from > 0 {
		to = j.want.Size
	}
	s := newStream(ctx, stop, j, tail)
	defer s.release()
	err = j.copyRun(ctx, s, w, from, to)
	if errors.Is(err, errPiece) && w.Size() <= from && (tail.Start > 0 || tail.End < j.want.Size) {
		m.noRange = true // not one piece right: perhaps its ranges are not those that it says
	}
	return tail.Version, err
}

// openRun asks for bytes [from, to), of a mirror that mishandles ranges for all.
func (j *job) openRun(ctx context.Context, m *mirror, from, to int64) (*remote.Tail, error) {
	for {
		if err := j.pace.wait(ctx, m.url.Host); err != nil {
			return nil, err
		}
		req := remote.Request{URL: m.url}
		if !m.noRange {
			req.Offset, req.Length = from, to-from
		}
		j.Requests++
		tail, err := m.source.Open(ctx, req)
		if err == nil || remote.KindOf(err) != remote.BadRange || m.noRange {
			return tail, err
		}
		m.noRange = true
	}
}

// copyRun appends bytes [from, to) of a stream that begins no later.
func (j *job) copyRun(ctx context.Context, s *stream, w *local.Writer, from, to int64) error {
	gate, err := j.newPieceGate(ctx, from, w.ReadAt)
	if err != nil {
		return err
	}
	write := func(p []byte) error {
		_, err := w.Write(p)
		j.active.Have.Store(w.Size())
		return here(err)
	}
	err = s.copyTo(from, to, func(p []byte) error { return gate.put(p, write) })
	if piece, ok := errors.AsType[badPiece](err); ok && piece.local {
		begin, _ := j.Pieces.Span(gate.mixed, j.want.Size)
		if err := w.Cut(begin); err != nil { // its beginning came with an earlier answer
			return here(err)
		}
	}
	if w.Size() == from && ctx.Err() == nil && endedEarly(err) {
		if err := gate.flush(write); err != nil {
			return err
		}
	}
	if err == nil && w.Size() == from {
		return shortBody(s.pos, j.want.Size)
	}
	return err
}

// copyTo gives bytes [from, to) of the stream to put, or less where the body ends before.
func (s *stream) copyTo(from, to int64, put func([]byte) error) error {
	for s.pos < to {
		p, err := s.peek()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		p = p[:min(int64(len(p)), to-s.pos)]
		skipped := min(max(0, from-s.pos), int64(len(p)))
		if err := put(p[skipped:]); err != nil {
			return err
		}
		s.skip(len(p))
	}
	return nil
}
