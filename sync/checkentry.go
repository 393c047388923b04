package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"fsync/sync/local"
)

// entry looks at one entry's file.
func (c *Checker) entry(ctx context.Context, w want) Checked {
	r := Checked{Path: w.Path, Finding: FoundMissing, Size: -1, Want: w.Size, Left: w.Size, Digests: w.hasDigests()}
	if c.Dir == nil {
		return r
	}
	f, err := c.Dir.Look(w.Path)
	if err == nil {
		defer f.Close()
		err = c.file(ctx, f, w, &r)
	}
	switch {
	case errors.Is(err, local.ErrNotRegular):
		r.Finding, r.Reason = FoundIrregular, err.Error()
	case err != nil:
		r.Finding, r.Reason, r.Left, r.Verified = FoundFailed, reason(err), -1, NoEvidence
	}
	return r
}

// reason leaves the name away that a message begins with already.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return err.Error()
}

// file classifies a file, reads it if that is wanted and tells something, and looks at what
// lies beside it if it is not complete.
func (c *Checker) file(ctx context.Context, f *local.File, w want, r *Checked) error {
	committed := f.Committed(c.boot)
	r.Finding, r.Reason = classify(f.State, committed, w, Options{SizeOnly: c.SizeOnly})
	if f.Exists && f.Irregular == "" {
		r.Size, r.Want = f.Size, wantSize(f.Stamp, w)
	}
	if r.Finding == FoundDiffers {
		r.Want = w.Size // the stamp is of another version
	}
	r.Left = left(r.Finding, r.Size, r.Want)
	switch {
	case r.Finding == FoundIrregular:
		return nil
	case r.Finding == FoundComplete:
		if len(w.Digests) > 0 || w.provable() {
			r.Verified = DigestEvidence
		}
	case f.Size > 0 && !committed:
		if name := f.SideFile(); name != "" {
			r.Finding, r.Left = FoundForeign, -1
			r.Reason = name + " lies beside it: another program's download is not finished"
			return nil
		}
	}
	if c.Checksum && r.Finding != FoundMissing {
		if err := c.prove(ctx, f, w, r); err != nil {
			return err
		}
	}
	if r.Finding == FoundComplete {
		return nil
	}
	return r.staged(f, w)
}

// prove computes the digests that the list gives of what is here. Of a partial these can be
// those of its pieces only.
func (c *Checker) prove(ctx context.Context, f *local.File, w want, r *Checked) error {
	whole := w.Size < 0 || w.Size == f.Size
	ds := w.Digests
	if !whole {
		ds = nil
	}
	var pieces *pieceCheck
	if w.Pieces != nil && f.Size <= w.Size {
		pieces = newPieceCheck(w.Pieces, w.Size, f.Size)
	}
	if len(ds) == 0 && pieces == nil {
		return nil
	}
	bad, err := check(ctx, counted{f, c.Read}, f.Size, ds, pieces)
	switch {
	case err != nil:
		return err
	case bad == nil && whole:
		r.Finding, r.Reason, r.Want, r.Left = FoundComplete, "", f.Size, 0
		if r.Verified = NoEvidence; w.provable() {
			r.Verified = DigestEvidence
		}
		return nil
	case bad == nil:
		return nil
	}
	r.Verified = NoEvidence
	if w.Size < 0 && (r.Finding == FoundPartial || r.Finding == FoundLonger) {
		return nil // as its stamp says, and that is why
	}
	r.Finding, r.Reason, r.Want, r.Left = FoundDiffers, bad.Error(), w.Size, w.Size
	if n, bytes := pieces.count(); n > 0 {
		r.Reason, r.Left = fmt.Sprintf("%d of %d pieces are wrong", n, w.Pieces.Count()), w.Size-f.Size+bytes
	}
	return nil
}

// counted counts what is read.
type counted struct {
	r io.ReaderAt
	n *atomic.Int64
}

func (c counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	if c.n != nil {
		c.n.Add(int64(n))
	}
	return n, err
}

// staged looks for a staged copy. A pull goes on with that, whatever is beside it.
func (r *Checked) staged(f *local.File, w want) error {
	st, err := f.Stage()
	if err != nil {
		return err
	}
	defer st.Close()
	n := stagedBytes(st.State, w)
	if n == 0 {
		return nil
	}
	switch {
	case r.Finding == FoundMissing:
		r.Reason = "in a copy that will become the file"
	case r.Reason != "":
		r.Reason = "in a copy; what is here " + verb(r.Finding) + ": " + r.Reason
	default:
		r.Reason = "in a copy; what is here " + verb(r.Finding)
	}
	r.Finding, r.Size, r.Want = FoundStaged, n, wantSize(st.Stamp, w)
	r.Left = left(FoundPartial, n, r.Want)
	return nil
}

// verb makes a finding the end of a sentence.
func verb(f Finding) string {
	if f == FoundDiffers {
		return "differs"
	}
	return "is " + f.String()
}
