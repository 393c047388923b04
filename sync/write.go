package sync

import (
	"context"
	"errors"
	"io"
	"time"

	"fsync/sync/local"
	"fsync/sync/remote"
)

// create writes a body from byte 0 where nothing is: in place if its length is known, so
// that the next run finds the beginning under its name; else beside it.
func (j *job) create(ctx context.Context, q question, s *stream, c *committer) error {
	total := totalOf(j.want, s.tail)
	if q.file.IsStage() || j.staging || j.Atomic || total < 0 || q.file.Links > 1 {
		outcome := Replaced
		if !q.file.Exists || q.file.Size == 0 {
			outcome = Fetched
		}
		return j.stage(ctx, q.file, s, 0, local.Partial, outcome, c)
	}
	if j.DryRun {
		return j.planned(Fetched, total)
	}
	if done, err := j.createWhole(ctx, q.file, s, total, c); done {
		return err
	}
	make := q.file.Create
	if q.file.Exists {
		make = q.file.Append
	}
	w, err := make(newStamp(local.Partial, s.tail.Version, total))
	if err != nil {
		return here(err)
	}
	return j.pull(ctx, w, s, total, Fetched, c)
}

// stage writes the stream into a new staged copy, after the first keep bytes of the file,
// which were compared with the same stream or, in a Trial, wait for a digest.
func (j *job) stage(ctx context.Context, f *local.File, s *stream, keep int64, state local.StampState, o Outcome, c *committer) error {
	total := totalOf(j.want, s.tail)
	if j.DryRun {
		return j.planned(o, total-keep)
	}
	stamp := newStamp(state, s.tail.Version, total)
	var w *local.Writer
	var err error
	if f.IsStage() {
		w, err = f.Restart(ctx, stamp)
	} else {
		w, err = f.NewStage(ctx, stamp, keep)
	}
	if err != nil {
		return here(err)
	}
	if j.begun++; j.begun > j.Retries+3 {
		w.Close(time.Time{})
		return remote.Errorf(remote.Final, "the remote changes faster than it can be fetched")
	}
	j.staging, j.ignoreStage, j.anew = true, false, false
	return j.pull(ctx, w, s, total, o, c)
}

// extend compares what is here with the stream and appends the rest.
func (j *job) extend(ctx context.Context, q question, l facts, r ruling, s *stream, c *committer) (again bool, err error) {
	total := totalOf(j.want, s.tail)
	limit := q.file.Size
	if total >= 0 {
		limit = min(limit, total)
	}
	if j.DryRun && s.tail.Start == 0 && limit > overlap {
		return false, j.plannedWhole(q.file, r, total) // reading all of it is no dry run
	}
	from := s.pos
	k, err := s.compare(q.file, limit)
	if errors.Is(err, io.EOF) && total < 0 {
		return false, j.shorter(ctx, q, l, s, k, c)
	}
	if errors.Is(err, io.EOF) && s.tail.End < total && s.tail.Start > 0 {
		q.mirror.noRange = true // it gives less at a time than is to be compared
		return true, nil
	}
	if errors.Is(err, io.EOF) && s.tail.Size < 0 && s.tail.Framed {
		return false, errListLess
	}
	if errors.Is(err, io.EOF) {
		return false, shortBody(k, total)
	}
	if err != nil {
		return false, err
	}
	evidence := TailEvidence
	if from == 0 {
		evidence = PrefixEvidence
	}
	j.Verified = evidence
	if k < limit && !q.file.IsStage() && j.canPatch() && !(k >= q.suspect && q.file.Stamp != nil) {
		j.patching = true
		return true, nil
	}
	if k < limit {
		return j.differs(ctx, q, l, s, k, c)
	}
	if r.rel != same && evidence == TailEvidence {
		j.Note = "tail only: no version to compare"
	}
	return false, j.appendRest(ctx, q, r, s, total, evidence, c)
}

// appendRest appends what follows a prefix that was compared.
func (j *job) appendRest(ctx context.Context, q question, r ruling, s *stream, total int64, evidence Evidence, c *committer) error {
	f := q.file
	if s.tail.Size < 0 && (total < 0 || total == f.Size) {
		// No length: is there anything behind what is here?
		switch _, err := s.peek(); {
		case err == io.EOF:
			total = f.Size
		case err != nil:
			return err
		case total == f.Size:
			return errListMore
		}
	}
	if total == f.Size {
		return j.complete(ctx, q, s.tail, evidence, c)
	}
	outcome := Resumed
	if q.replaces() {
		outcome = Replaced
	}
	switch {
	case r.verdict == extendTrial:
		return j.stage(ctx, f, s, f.Size, local.Trial, Resumed, c)
	case !f.IsStage() && (total < 0 || f.Links > 1):
		return j.stage(ctx, f, s, f.Size, local.Partial, Resumed, c)
	case j.DryRun:
		return j.planned(outcome, total-f.Size)
	}
	w, err := f.Append(newStamp(stateOf(f, s), s.tail.Version, total))
	if err != nil {
		return here(err)
	}
	return j.pull(ctx, w, s, total, outcome, c)
}

// stateOf returns the state of a file that is continued: a trial stays one until all of it
// was compared.
func stateOf(f *local.File, s *stream) local.StampState {
	if f.Stamp != nil && f.Stamp.State == local.Trial && s.tail.Start > 0 {
		return local.Trial
	}
	return local.Partial
}

// shorter handles a body of unknown length that ended within what is here.
func (j *job) shorter(ctx context.Context, q question, l facts, s *stream, k int64, c *committer) error {
	if !s.tail.Framed {
		return errNoLength
	}
	r := replaceOr(l, j.want, s.tail, j.Options, unknown, "the local file is longer than the remote one")
	if r.verdict == refuse {
		return r.err
	}
	if q.file.IsStage() {
		return j.cut(ctx, q, s, k, c)
	}
	return j.stage(ctx, q.file, s, k, local.Partial, Replaced, c)
}

// differs handles the first byte, at offset k, that differs.
func (j *job) differs(ctx context.Context, q question, l facts, s *stream, k int64, c *committer) (again bool, err error) {
	switch judgeDifference(l, j.want, s.tail, j.Options, k, q.suspect) {
	case cutHere:
		if q.file.Links > 1 {
			return false, j.stage(ctx, q.file, s, k, local.Partial, Repaired, c)
		}
		return false, j.cut(ctx, q, s, k, c)
	case stageRepair:
		return false, j.repairCopy(ctx, q, l, s, k, c)
	case stageStream:
		return false, j.stage(ctx, q.file, s, k, local.Partial, Replaced, c)
	case stageAnew:
		return j.stageAnew(q)
	}
	return false, conflictf("the local file differs from the remote one at byte %d, and nothing says that it came from there", k)
}

// cut drops damage from byte k on and appends from the same stream.
func (j *job) cut(ctx context.Context, q question, s *stream, k int64, c *committer) error {
	total := totalOf(j.want, s.tail)
	outcome := Repaired
	if q.replaces() {
		outcome = Replaced
	}
	if j.DryRun {
		return j.planned(outcome, total-k)
	}
	w, err := q.file.Append(newStamp(stateOf(q.file, s), s.tail.Version, total))
	if err != nil {
		return here(err)
	}
	if err := w.Cut(k); err != nil {
		w.Close(markTime(s.tail.Version))
		return here(err)
	}
	return j.pull(ctx, w, s, total, outcome, c)
}

// repairCopy repairs a file that fsync did not write in a staged copy. It goes on only
// while every local byte that differs is zero, as after a power cut; other bytes are
// somebody's, and stay.
func (j *job) repairCopy(ctx context.Context, q question, l facts, s *stream, k int64, c *committer) error {
	if !mayReplace(l, j.want, s.tail.Version, j.Options) {
		s.guard = &zeroGuard{file: q.file, end: q.file.Size}
	}
	return j.stage(ctx, q.file, s, k, local.Partial, Repaired, c)
}

// pull appends the stream to w, then verifies and commits. It closes w.
func (j *job) pull(ctx context.Context, w *local.Writer, s *stream, total int64, o Outcome, c *committer) error {
	j.enter(total)
	mark := markTime(s.tail.Version)
	if total >= 0 {
		if err := w.Reserve(total); err != nil {
			w.Close(mark)
			return here(err)
		}
	}
	v := newVerifier(ctx, j, w, s.tail)
	before := w.Size()
	err := j.pump(ctx, w, s, total, v)
	switch {
	case err != nil:
	case total < 0 || w.Size() == total:
		err = s.guard.behind(s.pos)
	case s.tail.Size < 0 && s.tail.Framed:
		err = errListLess
	case s.pos == s.tail.End && w.Size() > before:
		err = errMore
	default:
		err = shortBody(w.Size(), total)
	}
	if err != nil {
		v.stop()
		err = j.untear(w, before, total, err)
	}
	j.Result.Size = w.Size()
	j.wrote = j.wrote || w.Size() > before
	j.grown += max(0, w.Size()-before)
	if err != nil {
		if errors.Is(err, ErrConflict) {
			w.Abandon() // a copy that must not be swapped in
		}
		if w.Size() >= total {
			mark = time.Time{} // with the remote's size, the mark would say that it is complete
		}
		w.Close(mark)
		if piece, ok := errors.AsType[badPiece](err); ok && piece.local {
			return j.digestWrongHere(err) // which part of the piece is wrong, it does not tell
		}
		return err
	}
	bad, err := v.wait(s.tail)
	if err != nil {
		w.Close(time.Time{}) // as long as the remote by now: no mark
		return here(err)
	}
	if bad != nil && errors.Is(bad, errPiece) && j.canPatch() {
		w.Close(time.Time{})
		return j.digestWrongHere(bad)
	}
	if bad != nil {
		return j.digestWrong(w, s.tail, bad)
	}
	return j.commit(w, s.tail, v.digests, o, c)
}

// untear takes back what a body brought that was perhaps of two versions. A file that only
// grows has only one; that it did, the next answer has to show.
func (j *job) untear(w *local.Writer, before, total int64, err error) error {
	if !errors.Is(err, remote.ErrChanged) || w.Size() <= before {
		return err
	}
	if j.Append {
		j.torn = &tear{before, total}
		return err
	}
	if cutErr := w.Cut(before); cutErr != nil {
		return errors.Join(err, here(cutErr))
	}
	return err
}

// tear says that the bytes from an offset on came from a remote of that size while it
// changed.
type tear struct{ from, total int64 }

// doubtTorn says whether a remote that only grows was cut since, so that what came
// meanwhile has to be compared, too.
func (j *job) doubtTorn(t *remote.Tail) bool {
	torn := j.torn
	j.torn = nil
	if torn == nil || t.Size < 0 || t.Size >= torn.total {
		return false
	}
	j.doubt = torn
	return true
}

func (j *job) enter(total int64) {
	if j.active == nil {
		j.active = &Active{Path: j.Path}
		j.stats.enter(j.active)
	}
	j.active.Size.Store(max(0, total))
}

// plannedWhole ends a job of a dry run whose answer has everything from byte 0 on: what is
// here is taken to be right unless its version is known to be another.
func (j *job) plannedWhole(f *local.File, r ruling, total int64) error {
	switch {
	case r.rel == other && r.verdict != extendAnyway:
		return j.planned(Replaced, total)
	case total == f.Size:
		return j.planned(UpToDate, 0)
	}
	return j.planned(Resumed, total-f.Size)
}

// planned ends a job of a dry run: what would be done, and how many bytes it would take.
func (j *job) planned(o Outcome, bytes int64) error {
	j.Outcome = o
	j.Planned = max(0, bytes)
	return nil
}
