package sftptail

import (
	"context"
	"errors"
	"hash/maphash"
	"io/fs"
	"strings"
	"time"

	"fsync/sync/remote"
)

// read reads one directory. An error ends the walk.
func (w *walk) read(dir string) error {
	var done seen
	err := w.try(nil, func(l *lane) error { return w.list(l, dir, &done) })
	switch {
	case err == nil:
	case w.ctx.Err() != nil:
	case dir == "" || !isAnswer(err): // nothing is known of what is in it
		return failure(w.name+dir, err)
	case errors.Is(err, fs.ErrNotExist): // deleted since its name was read
	default:
		w.send(remote.File{Path: dir}, failure(w.name+dir, err))
	}
	return nil
}

// seen are the names of a directory that were taken already, in order.
type seen struct {
	n    int
	hash maphash.Hash
}

func (s *seen) add(name []byte) {
	s.n++
	_, _ = s.hash.Write(name)
	_ = s.hash.WriteByte('/')
}

var errReordered = errors.New("the connection was lost while the directory was read, and its entries are no longer the same")

// list takes the entries of a directory. Those that were taken before the connection
// broke are passed over, if they come again as they came.
func (w *walk) list(l *lane, dir string, done *seen) error {
	var again seen
	again.hash.SetSeed(done.hash.Seed())
	before, same := done.n, true
	err := l.readdir(w.at(dir), func(e entry) bool {
		select {
		case <-w.over:
			return false
		default:
		}
		if again.n < before {
			again.add(e.name)
			same = again.n < before || again.hash.Sum64() == done.hash.Sum64()
			return same
		}
		done.add(e.name)
		return w.take(l, dir, e)
	})
	if !same || err == nil && again.n < before {
		w.end(remote.Errorf(remote.Temporary, "%s%s: %w", w.name, dir, errReordered))
		return nil
	}
	return err
}

// take takes one entry of a directory. It says whether the walk goes on.
func (w *walk) take(l *lane, dir string, e entry) bool {
	name := string(e.name)
	if name == "" || name == "." || name == ".." {
		return true
	}
	// A name that is none is shown as the server has it, and never part of a path.
	if strings.Contains(name, "/") {
		return w.send(remote.File{Path: name, Skipped: "its name has a slash"}, nil)
	}
	if strings.Contains(name, "\x00") {
		return w.send(remote.File{Path: name, Skipped: "its name has a NUL"}, nil)
	}
	if dir != "" {
		name = dir + "/" + name
	}
	return w.entry(l, name, e.attrs)
}

// try makes a request on the lane of the directory that is being read, again if the
// connection breaks. A lane's handles may all be those of directories that wait for
// another one: who has a lane asks for no other.
func (w *walk) try(own *lane, f func(l *lane) error) error {
	for n := 1; ; n++ {
		err := w.on(own, f)
		if err == nil || w.ctx.Err() != nil || isAnswer(err) || remote.KindOf(failure("", err)) == remote.Final || n == walkTries {
			return err
		}
		select {
		case <-time.After(time.Duration(n) * time.Second / 4):
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
	}
}

// on runs f on a lane, or if that ended, or there is none, on another one.
func (w *walk) on(l *lane, f func(l *lane) error) (err error) {
	if l == nil || l.dead() {
		if l, err = w.host.take(w.ctx); err != nil {
			return err
		}
		defer w.host.give(l)
	}
	return f(l)
}

// entry takes a file of that path. It says whether the walk goes on.
func (w *walk) entry(l *lane, rel string, a attrs) bool {
	if len(rel) > longestPath {
		return w.send(remote.File{Path: rel, Skipped: "its path is too long"}, nil)
	}
	if !a.typed() || a.status().mode.IsRegular() && !a.sized() { // some servers tell nothing with the names
		err := w.try(l, func(l *lane) (err error) {
			a, err = l.lstat(w.at(rel))
			return err
		})
		if err != nil {
			return w.odd(rel, err)
		}
	}
	switch st := a.status(); {
	case st.mode.IsRegular() && !a.sized():
		return w.send(remote.File{Path: rel, Skipped: "the server does not say how long it is"}, nil)
	case st.mode.IsRegular() && st.size < 0:
		return w.send(remote.File{Path: rel, Skipped: "its size makes no sense"}, nil)
	case st.mode.IsRegular():
		return w.send(st.file(rel), nil)
	case st.mode.IsDir():
		return w.push(rel)
	case st.mode&fs.ModeSymlink != 0:
		return w.link(l, rel)
	default:
		return w.send(remote.File{Path: rel, Skipped: kindOf(st.mode)}, nil)
	}
}

// odd reports a name that could not be looked at. One that is gone is nobody's loss.
func (w *walk) odd(rel string, err error) bool {
	switch {
	case w.ctx.Err() != nil:
		return false
	case !isAnswer(err):
		w.end(failure(w.name+rel, err))
		return false
	case errors.Is(err, fs.ErrNotExist):
		return true
	}
	return w.send(remote.File{Path: rel}, failure(w.name+rel, err))
}

// link follows a symbolic link that stays within the directory.
func (w *walk) link(l *lane, rel string) bool {
	st, err := w.stat(l, rel)
	switch {
	case err != nil && isAnswer(err) && !errors.Is(err, fs.ErrPermission): // OpenSSH says FAILURE of a loop
		return w.send(remote.File{Path: rel, Skipped: "a symbolic link to nothing"}, nil)
	case err != nil:
		return w.odd(rel, err)
	case st.mode.IsDir():
		return w.send(remote.File{Path: rel, Skipped: "a symbolic link to a directory"}, nil)
	case !st.mode.IsRegular():
		return w.send(remote.File{Path: rel, Skipped: "a symbolic link to " + kindOf(st.mode)}, nil)
	}
	inside, err := w.inside(l, rel)
	if err != nil {
		return w.odd(rel, err)
	}
	if !inside {
		return w.send(remote.File{Path: rel, Skipped: "a symbolic link out of the directory"}, nil)
	}
	return w.send(st.file(rel), nil)
}

// inside says whether a link leads to a place below the root.
func (w *walk) inside(l *lane, rel string) (bool, error) {
	w.real.Do(func() { w.real.path, w.real.err = w.realPath(l, "") })
	if w.real.err != nil {
		return false, w.real.err
	}
	real, err := w.realPath(l, rel)
	return strings.HasPrefix(real, strings.TrimSuffix(w.real.path, "/")+"/"), err
}

func (w *walk) realPath(l *lane, rel string) (path string, err error) {
	err = w.try(l, func(l *lane) error {
		return l.call(func() error {
			path, err = l.sftp.RealPath(w.at(rel))
			return err
		})
	})
	return path, err
}

func (w *walk) stat(l *lane, rel string) (st status, err error) {
	err = w.try(l, func(l *lane) error {
		st, err = l.stat(w.at(rel))
		return err
	})
	return st, err
}
