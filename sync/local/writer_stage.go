package local

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// NewStage makes an empty staged copy beside f, or empties the one that is there, and
// takes over the first keep bytes of f. The copy gets f's mode. f is locked, so that
// nobody grows what is going to be replaced.
func (f *File) NewStage(ctx context.Context, s Stamp, keep int64) (*Writer, error) {
	if err := f.makeParent(); err != nil {
		return nil, err
	}
	st, err := f.Stage()
	if err != nil {
		return nil, err
	}
	if st.Irregular != "" {
		st.Close()
		return nil, fmt.Errorf("%q: %w: it is %s", st.name, ErrNotRegular, st.Irregular)
	}
	if st.Links > 1 { // a link to somebody's file: its name is ours, its bytes are not
		err := st.Remove()
		st.Close()
		if err != nil {
			return nil, err
		}
		if st, err = f.Stage(); err != nil {
			return nil, err
		}
	}
	w, err := st.restart(ctx, s, keep)
	if err != nil {
		st.Close()
	}
	return w, err
}

// Restart empties a staged copy and begins it anew.
func (f *File) Restart(ctx context.Context, s Stamp) (*Writer, error) {
	if f.stage == nil {
		panic("local: internal error: Restart of a file that is no staged copy")
	}
	if f.Links > 1 {
		return nil, ErrNotRegular
	}
	return f.restart(ctx, s, 0)
}

func (f *File) restart(ctx context.Context, s Stamp, keep int64) (*Writer, error) {
	if err := f.openBoth(); err != nil {
		return nil, err
	}
	f.parent.stages.state.Store(stagesMaybe)
	old := f.stage.file
	file, err := f.parent.open(f.name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*Writer, error) { file.Close(); return nil, err }
	if err := f.claim(file, -1); err != nil {
		return fail(err)
	}
	if err := file.Truncate(0); err != nil {
		return fail(err)
	}
	var mode fs.FileMode
	if old.f != nil {
		mode = keepMode(file, old.f)
	}
	w, err := f.writer(file, 0, s)
	if err != nil {
		return nil, err
	}
	w.mode = mode
	if keep > 0 {
		if err := w.AppendFrom(ctx, old.f, 0, keep); err != nil {
			w.Close(time.Time{})
			return nil, err
		}
	}
	return w, nil
}

// keepMode gives the staged copy the permissions and, where allowed, the owner of the
// file that it will replace; never set-user-id bits. Until it is published it stays
// writable, as extended attributes can be set on such a file only: the mode that it is to
// have then is returned, 0 if it has it.
func keepMode(to, from *os.File) fs.FileMode {
	fi, err := from.Stat()
	if err != nil {
		return 0
	}
	keepOwner(to, fi)
	perm := fi.Mode().Perm()
	_ = to.Chmod(perm | 0o200)
	if perm&0o200 == 0 {
		return perm
	}
	return 0
}
