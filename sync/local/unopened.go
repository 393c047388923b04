package local

import (
	"reflect"
	"sync"
)

// A file that its stamp says is complete is seldom read: most often the remote says that it
// is still that version. So Look leaves it closed, and what needs its bytes opens it.

// unopened is what a later opening has to find.
type unopened struct {
	once sync.Once
	id   fileID
	err  error
}

// glancePool holds Glancers of no directory, for what their system calls need.
var glancePool = sync.Pool{New: func() any { return new(Glancer) }}

// glance tells what look would, without opening the file. ok is false where look has to.
func (f *File) glance() (ok bool) {
	if f.parent.elsewhere {
		return false
	}
	g := glancePool.Get().(*Glancer)
	g.dir, g.parent = f.dir, f.parent
	s, ok := g.glance(f.name)
	switch {
	case ok && s.Exists && !s.complete():
		ok = false // it will be read, or looked at for holes
	case ok && s.Exists:
		stamp := *s.Stamp
		s.Stamp = &stamp
		f.unopened = &unopened{id: g.id()}
	}
	if ok {
		f.State = s
	}
	g.dir, g.parent = nil, nil
	glancePool.Put(g)
	return ok
}

// open opens a file that Look left closed. ErrChanged says that it is another by now.
func (f *File) open() error {
	if f.unopened == nil {
		return nil
	}
	f.unopened.once.Do(func() { f.unopened.err = f.reopen() })
	return f.unopened.err
}

func (f *File) reopen() error {
	now := &File{dir: f.dir, parent: f.parent, name: f.name}
	if err := now.look(); err != nil {
		return err
	}
	if now.f == nil {
		return ErrChanged
	}
	fi, err := now.f.Stat()
	if err != nil || !idOf(fi).same(f.unopened.id) || !now.ModTime.Equal(f.ModTime) || now.Size != f.Size ||
		now.Links != f.Links || !reflect.DeepEqual(now.Stamp, f.Stamp) {
		now.f.Close()
		return ErrChanged
	}
	f.f = now.f
	return nil
}

// openBoth opens the file and, if it is a staged copy, the one that it is to replace.
func (f *File) openBoth() error {
	if f.stage != nil {
		if err := f.stage.file.open(); err != nil {
			return err
		}
	}
	return f.open()
}
