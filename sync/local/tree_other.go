//go:build !linux

package local

import (
	"context"
	"io/fs"
	"os"
)

// fileID tells a file from all others of the system.
type fileID struct{ fi fs.FileInfo }

func (id fileID) same(other fileID) bool {
	return id.fi != nil && other.fi != nil && os.SameFile(id.fi, other.fi)
}

// place is a directory, and the file system that it is on.
type place struct {
	id  fileID
	dev uint64
}

// with says that two directories are on one file system.
func (p place) with(other place) bool { return p.dev == other.dev }

func placeOf(f *os.File) (place, error) {
	fi, err := f.Stat()
	if err != nil {
		return place{}, err
	}
	dev, err := device(f, fi)
	return place{fileID{fi}, dev}, err
}

func (r *root) place() (place, error) { return placeOf(r.f) }

func (p *parent) place() (place, error) {
	f, err := p.r.Open(".")
	if err != nil {
		return place{}, err
	}
	defer f.Close()
	return placeOf(f)
}

// find looks at a name without following a link. The Path is left to the caller.
func (p *parent) find(name string) (Found, error) {
	fi, err := p.r.Lstat(name)
	if err != nil {
		return Found{}, err
	}
	f := Found{Kind: KindOther, ModTime: fi.ModTime(), id: fileID{fi}}
	switch mode := fi.Mode(); {
	case mode.IsRegular():
		f.Kind, f.Size = KindFile, fi.Size()
	case mode.IsDir():
		f.Kind = KindDir
	case mode&fs.ModeSymlink != 0:
		f.Kind = KindSymlink
	}
	return f, nil
}

// list returns the names in the directory, in no order. With an error it returns those
// that were read before.
func (p *parent) list(ctx context.Context) ([]string, error) {
	f, err := p.openSelf()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return listFile(ctx, f)
}

// openSelf opens the directory for reading.
func (p *parent) openSelf() (*os.File, error) { return p.r.Open(".") }

func (p *parent) removeDir(name string) error { return p.r.Remove(name) }

// moveNew renames a name into another directory, unless there is something of the new name.
func (p *parent) moveNew(name string, to *parent, toName string) error {
	if err := to.free(toName); err != nil {
		return err
	}
	a, err := p.r.Open(".")
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := to.r.Open(".")
	if err != nil {
		return err
	}
	defer b.Close()
	if err := renameBetween(a, name, b, toName); err != nil {
		return &fs.PathError{Op: "rename", Path: name, Err: err}
	}
	return nil
}
