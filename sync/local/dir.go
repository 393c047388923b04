package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
)

// Dir is one directory, the only place where a run writes. Its methods may be called from
// several goroutines.
type Dir struct {
	path string
	root *root
	fs   filesystem
	made atomic.Bool // by this run, and not yet looked into

	warn     func(string) // told once of each thing that this file system cannot do
	noLocks  atomic.Bool
	noStamps atomic.Bool
	glances  glances

	mu      sync.Mutex // guards parents and order
	parents map[string]*parent
	order   []*parent // parents, the least recently used first
}

// maxParents bounds the directory handles kept open between files.
const maxParents = 128

// Errors of opening a file in a Dir.
var (
	ErrBusy       = errors.New("another process is writing it")
	ErrChanged    = errors.New("it was changed by somebody else meanwhile")
	ErrNotRegular = errors.New("not a regular file")
	// ErrRunning is returned by Lock when another run holds the directory.
	ErrRunning = errors.New("another run holds the directory")
)

// Open opens the directory, and makes it and its parents first if create is set. warn,
// if not nil, is called with a sentence when the file system lacks something (locks).
func Open(dir string, create bool, warn func(string)) (*Dir, error) {
	_, err := os.Stat(dir)
	made := create && errors.Is(err, fs.ErrNotExist)
	if create {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
	}
	r, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	if warn == nil {
		warn = func(string) {}
	}
	d := &Dir{path: dir, root: r, fs: r.filesystem(), warn: warn, parents: map[string]*parent{}}
	d.made.Store(made)
	return d, nil
}

// Close closes the directory and gives up its lock.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.parents {
		p.close()
	}
	d.parents, d.order = nil, nil
	return d.root.close()
}

// Path returns the directory's path as it was opened.
func (d *Dir) Path() string { return d.path }

// LockMode says how to share a directory with other runs.
type LockMode int

const (
	LockFail LockMode = iota // ErrRunning at once
	LockWait                 // wait until the other run ends
)

// Lock takes the directory for this run until Close or the end of the process, SIGKILL
// included: flock(2) on the directory itself needs no lock file. Where the file system
// has no such locks it warns and carries on; the files' own locks remain.
func (d *Dir) Lock(m LockMode) error {
	err := d.root.lock(m == LockWait)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return ErrRunning
	case lockUnsupported(err):
		d.noLock(err)
		return nil
	}
	return err
}

func (d *Dir) noLock(err error) {
	if !d.noLocks.Swap(true) {
		d.warn(fmt.Sprintf("no locks on this file system (%v): don't run two pulls into it at once", err))
	}
}

// WritesLate says that on this file system (NFS, SMB, FUSE) a write that was acknowledged
// can still fail, and only a sync tells.
func (d *Dir) WritesLate() bool { return d.fs.late }

// HasStamps reports whether the file system keeps extended attributes, as far as is
// known: it is true until one could not be written.
func (d *Dir) HasStamps() bool { return !d.noStamps.Load() }

// parent returns the handle of a directory in d, slash-separated or "" for d itself. It
// must be given back by release. With create, missing directories are made.
func (d *Dir) parent(dir string, create bool) (*parent, error) {
	if p := d.cached(dir); p != nil {
		return p, nil
	}
	p, err := d.root.openParent(dir, create)
	if err != nil {
		return nil, err
	}
	p.path, p.refs = dir, 1
	if dir == "" && d.made.Swap(false) {
		p.stages.state.Store(stagesNone)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if old := d.parents[dir]; old != nil { // opened meanwhile by another goroutine
		p.close()
		d.touchLocked(old)
		return old, nil
	}
	d.parents[dir] = p
	d.order = append(d.order, p)
	d.shrinkLocked()
	return p, nil
}

func (d *Dir) cached(dir string) *parent {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.parents[dir]
	if p != nil {
		d.touchLocked(p)
	}
	return p
}

// touchLocked takes a reference and moves p to the recently used end.
func (d *Dir) touchLocked(p *parent) {
	p.refs++
	if n := len(d.order); n > 0 && d.order[n-1] == p {
		return
	}
	for i, q := range d.order {
		if q == p {
			d.order = append(append(d.order[:i], d.order[i+1:]...), p)
			return
		}
	}
}

// shrinkLocked closes the handles longest unused. Those in use stay.
func (d *Dir) shrinkLocked() {
	for i := 0; i < len(d.order) && len(d.order) > maxParents; {
		p := d.order[i]
		if p.refs > 0 {
			i++
			continue
		}
		p.close()
		delete(d.parents, p.path)
		d.order = append(d.order[:i], d.order[i+1:]...)
	}
}

func (d *Dir) release(p *parent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.refs--; p.refs == 0 && p.dropped {
		p.close()
	}
}

// forget releases a handle whose directory is gone, so that the next use opens it anew.
// Those who still hold it close it.
func (d *Dir) forget(p *parent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.refs--; p.refs == 0 {
		p.close()
	}
	if d.parents[p.path] != p {
		return
	}
	p.dropped = true
	delete(d.parents, p.path)
	d.order = slices.DeleteFunc(d.order, func(q *parent) bool { return q == p })
}

// splitPath returns the directory ("" for none) and the last element of a path.
func splitPath(p string) (dir, name string) {
	dir, name = path.Split(p)
	return path.Clean("/" + dir)[1:], name
}
