package sync

import (
	"context"
	"errors"
	"time"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote"
)

// markTime returns the modification time that marks a partial whose file system keeps no
// stamps: the remote's, if it can tell two versions apart.
func markTime(v remote.Version) time.Time { return v.StrongTime() }

// finalTime returns the modification time of a complete file: the list's, which the next
// run compares without a request, else the remote's.
func (j *job) finalTime(v remote.Version) time.Time {
	if !j.ModTime.IsZero() {
		return j.ModTime
	}
	return v.ModTime
}

// complete ends a job whose file has all its bytes: its digests are computed if they are
// not remembered, then it is marked.
func (j *job) complete(ctx context.Context, q question, t *remote.Tail, evidence Evidence, c *committer) error {
	f := q.file
	committed := f.Committed(j.boot)
	digests := allDigests(j.Digests, t)
	if !(committed && remembers(f.Stamp, j.withPieces(digests))) {
		var pieces *pieceCheck
		if j.Pieces != nil {
			pieces = newPieceCheck(j.Pieces, f.Size, f.Size)
		}
		bad, err := check(ctx, f, f.Size, digests, pieces)
		if err != nil {
			return here(err)
		}
		if bad != nil {
			return j.digestWrongHere(bad)
		}
	}
	j.Verified = evidence
	if len(digests) > 0 || j.provable() {
		j.Verified, j.Note = DigestEvidence, ""
	}
	var s local.Stamp
	if t.NotModified {
		s = *f.Stamp
	} else {
		s = newStamp(local.Done, t.Version, f.Size)
	}
	s.State, s.Digests = local.Done, shortDigests(j.withPieces(digests))
	if !f.IsStage() {
		return j.adoptAt(f, s, j.finalTime(t.Version), c)
	}
	outcome := Resumed
	if q.replaces() {
		outcome = Replaced
	}
	if j.DryRun {
		return j.planned(outcome, 0)
	}
	w, err := f.Append(*f.Stamp)
	if err != nil {
		return here(err)
	}
	return j.commit(w, t, digests, outcome, c)
}

// adopt marks a file as complete that already is, with the list's time.
func (j *job) adopt(f *local.File, s local.Stamp, c *committer) error {
	s.Digests = shortDigests(j.proofs())
	return j.adoptAt(f, s, j.ModTime, c)
}

func (j *job) adoptAt(f *local.File, s local.Stamp, t time.Time, c *committer) error {
	j.Outcome, j.Result.Size = UpToDate, f.Size
	j.stats.Have.Add(f.Size)
	if t.IsZero() || f.HasTime(t) {
		t = f.ModTime
	}
	if j.DryRun || f.Links > 1 {
		return nil
	}
	s.ModTime = t
	if f.Committed(j.boot) && s.String() == f.Stamp.String() {
		return nil // nothing to mark
	}
	if f.Committed(j.boot) && f.Stamp.Boot == "" && j.Sync != SyncNone {
		// Durable already: only the stamp or the time changes.
		return c.publishOne(&pending{job: j, file: f, pub: local.Publication{Stamp: s, ModTime: t}}, false)
	}
	return c.add(&pending{job: j, file: f, pub: local.Publication{Stamp: s, ModTime: t}})
}

// commit hands a complete and verified file over to be made durable and marked.
func (j *job) commit(w *local.Writer, t *remote.Tail, digests []listing.Digest, o Outcome, c *committer) error {
	j.Outcome, j.Result.Size = o, w.Size()
	j.stats.Have.Add(w.Size())
	if len(digests) > 0 || j.provable() {
		j.Verified = DigestEvidence
	}
	if j.Verified == DigestEvidence && o != Repaired {
		j.Note = ""
	}
	s := newStamp(local.Done, t.Version, w.Size())
	s.Digests = shortDigests(j.withPieces(digests))
	return c.add(&pending{job: j, w: w, pub: local.Publication{Stamp: s, ModTime: j.finalTime(t.Version), Backup: j.Backup}})
}

// digestWrong handles a file that was written and is not what a digest says. The first
// time another mirror, or the same, is asked for all of it once more. What was here
// before is kept; the wrong bytes never stay under the file's name.
func (j *job) digestWrong(w *local.Writer, t *remote.Tail, bad error) error {
	s := newStamp(local.Bad, t.Version, w.Size())
	s.Digests = shortDigests(j.Digests)
	err := w.Discard(s, j.Offset)
	if cerr := w.Close(time.Time{}); err == nil {
		err = cerr
	}
	if err != nil {
		return here(err)
	}
	return j.digestWrongHere(bad)
}

// digestWrongHere asks for a fresh copy, or gives the mirror up if it was one already.
func (j *job) digestWrongHere(bad error) error {
	if errors.Is(bad, errPiece) && j.canPatch() {
		j.patching = true
		return errOnceMore{bad}
	}
	if j.secondCopy {
		return bad
	}
	j.secondCopy, j.anew, j.staging, j.ignoreStage = true, true, true, false
	return errOnceMore{bad}
}

// errOnceMore asks for another attempt, at another mirror if there is one.
type errOnceMore struct{ error }

func (e errOnceMore) Unwrap() error { return e.error }
