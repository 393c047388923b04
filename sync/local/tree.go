package local

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"syscall"
	"time"
)

// Kind says what a name in a Dir is.
type Kind int

const (
	KindFile Kind = iota
	KindDir
	KindSymlink
	KindOther // a FIFO, a socket, a device
)

// Found is a name in a Dir, and what it was when it was looked at.
type Found struct {
	Path    string // slash-separated, below the Dir
	Kind    Kind
	Size    int64 // of a file, in bytes
	ModTime time.Time

	// A directory that was not entered: its content was not looked at.
	Elsewhere bool // another file system, or a directory from elsewhere, is mounted there
	Skipped   bool // the caller did not want it, or it is the Dir's Trash

	id fileID
}

// same says that what was found before is still what is there now. Of a directory the
// content may have changed.
func (f Found) same(now Found) bool {
	if f.Kind != now.Kind || !f.id.same(now.id) {
		return false
	}
	return f.Kind == KindDir || f.Size == now.Size && f.ModTime.Equal(now.ModTime)
}

// maxPath is the longest path of a directory that is entered, PATH_MAX of Linux without
// its final zero byte. It bounds the depth as well.
const maxPath = 4095

// Tree yields everything below the directory: the names of a directory in byte order, the
// content of a directory before the directory itself. Symbolic links are not followed.
// skip, if not nil, is asked which directories not to enter; they are yielded as Skipped.
//
// A directory that cannot be read is yielded with the error, after those of its names that
// could be, and the walk goes on. So is a name that nothing can be learnt of, with its
// Path alone. When ctx is done, its error ends the walk. What is removed meanwhile may be
// yielded or not. Kept in memory are the names of one directory, and of those above it.
func (d *Dir) Tree(ctx context.Context, skip func(path string) bool) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		home, err := d.root.place()
		if err != nil {
			yield(Found{Kind: KindDir}, err)
			return
		}
		w := &walker{ctx: ctx, root: d.root, home: home, skip: skip, yield: yield}
		top := Found{Kind: KindDir, id: home.id}
		if more, err := w.content(&top); more && err != nil {
			yield(top, err)
		}
	}
}

type walker struct {
	ctx   context.Context
	root  *root
	home  place
	skip  func(path string) bool
	yield func(Found, error) bool
}

// directory yields what is below a directory, and the directory. false ends the walk.
func (w *walker) directory(f Found) bool {
	trash := w.root.trash.Load()
	f.Skipped = trash != nil && trash.same(f.id) || w.skip != nil && w.skip(f.Path)
	if f.Skipped {
		return w.yield(f, nil)
	}
	more, err := w.content(&f)
	if !more {
		return false
	}
	if errors.Is(err, fs.ErrNotExist) {
		return true // removed since its name was read
	}
	return w.yield(f, err)
}

// content yields what is below a directory. It holds no handle while it is in another
// one: trees can be deeper than a process may have files open.
func (w *walker) content(dir *Found) (more bool, err error) {
	p, err := w.enter(dir)
	if err != nil || p == nil {
		return true, err
	}
	names, err := p.list(w.ctx)
	slices.Sort(names)
	for i, name := range names {
		names[i] = "" // not needed while the walk is deeper
		if w.stopped() {
			p.close()
			return false, nil
		}
		f, findErr := p.find(name)
		f.Path = join(dir.Path, name)
		switch {
		case errors.Is(findErr, fs.ErrNotExist):
		case findErr != nil || f.Kind != KindDir:
			more = w.yield(f, withPath(f.Path, findErr))
			if !more {
				p.close()
				return false, nil
			}
		default:
			p.close()
			if !w.directory(f) {
				return false, nil
			}
			if p, err = w.enter(dir); err != nil || p == nil {
				return true, changed(dir.Path)
			}
		}
	}
	p.close()
	return !w.stopped(), withPath(dir.Path, err)
}

// stopped says that ctx is done, and yields its error then.
func (w *walker) stopped() bool {
	if w.ctx.Err() == nil {
		return false
	}
	w.yield(Found{}, context.Cause(w.ctx))
	return true
}

// enter opens a directory, nil if it is elsewhere.
func (w *walker) enter(dir *Found) (*parent, error) {
	if len(dir.Path) > maxPath {
		return nil, &fs.PathError{Op: "open", Path: dir.Path, Err: syscall.ENAMETOOLONG}
	}
	p, err := w.root.openParent(dir.Path, false)
	if err != nil {
		return nil, err
	}
	at, err := p.place()
	switch {
	case err != nil:
	case !at.id.same(dir.id):
		err = changed(dir.Path)
	case !at.with(w.home):
		dir.Elsewhere = true
	default:
		return p, nil
	}
	p.close()
	return nil, err
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

func changed(path string) error { return &fs.PathError{Op: "walk", Path: path, Err: ErrChanged} }

// withPath gives an error the whole path instead of the last element.
func withPath(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: e.Op, Path: path, Err: e.Err}
	}
	return err
}
