//go:build !linux

package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// root is the handle of the destination directory: an os.Root, which keeps to its
// directory but follows links inside it, so each element is looked at as well.
type root struct {
	r     *os.Root
	f     *os.File
	trash atomic.Pointer[fileID] // of OpenTrash
}

func openRoot(dir string) (*root, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f, err := r.Open(".")
	if err != nil {
		r.Close()
		return nil, err
	}
	return &root{r: r, f: f}, nil
}

func (r *root) close() error { return errors.Join(r.f.Close(), r.r.Close()) }

func (r *root) lock(wait bool) error { return flock(r.f, wait) }

// parent is the handle of one directory below the root.
type parent struct {
	path      string
	refs      int  // guarded by Dir.mu
	elsewhere bool // on another file system than the root
	dropped   bool // out of the cache: closed at the last release; guarded by Dir.mu
	stages    stages
	r         *os.Root
}

func (r *root) openParent(dir string, create bool) (*parent, error) {
	at, err := r.r.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	for elem := range strings.SplitSeq(dir, "/") {
		if elem == "" {
			continue
		}
		next, err := openElement(at, elem, create)
		at.Close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return &parent{r: at}, nil
}

func openElement(at *os.Root, elem string, create bool) (*os.Root, error) {
	fi, err := at.Lstat(elem)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := at.Mkdir(elem, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		fi, err = at.Lstat(elem)
	}
	if err != nil {
		return nil, err
	}
	if !fi.IsDir() {
		return nil, fmt.Errorf("%q: %w: a symbolic link or a file is where a directory is needed", elem, ErrNotRegular)
	}
	next, err := at.OpenRoot(elem)
	if err != nil {
		return nil, err
	}
	if now, err := next.Stat("."); err != nil || !os.SameFile(fi, now) {
		next.Close()
		return nil, errors.Join(ErrChanged, err)
	}
	return next, nil
}

// open opens a file of the directory without following a link.
func (p *parent) open(name string, flag int) (*os.File, error) {
	before, err := p.r.Lstat(name)
	if err == nil && !before.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	f, err := p.r.OpenFile(name, flag|openNonblock, 0o666)
	if err != nil || before == nil {
		return f, err
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(before, now) {
		f.Close()
		return nil, errors.Join(ErrChanged, err)
	}
	return f, nil
}

// kind returns what is at name, without following a link.
func (p *parent) kind(name string) (fs.FileMode, error) {
	fi, err := p.r.Lstat(name)
	if err != nil {
		return 0, err
	}
	return fi.Mode().Type(), nil
}

// names reports whether name still is the file that fi describes.
func (p *parent) names(name string, fi fs.FileInfo) bool {
	now, err := p.r.Lstat(name)
	return err == nil && os.SameFile(now, fi)
}

func (p *parent) rename(from, to string) error { return p.r.Rename(from, to) }

// renameNew renames unless there is something of the new name.
func (p *parent) renameNew(from, to string) error {
	if _, err := p.kind(to); !errors.Is(err, fs.ErrNotExist) {
		return fs.ErrExist
	}
	return p.rename(from, to)
}

func (p *parent) remove(name string) error   { return p.r.Remove(name) }
func (p *parent) link(from, to string) error { return p.r.Link(from, to) }
func (p *parent) close()                     { p.r.Close() }

// sync makes the directory's names durable, where a directory can be synced at all.
func (p *parent) sync() error {
	f, err := p.r.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && filepath.Separator == '/' {
		return err
	}
	return nil
}
