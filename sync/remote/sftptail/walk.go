package sftptail

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"fsync/sync/remote"
)

const (
	// walkers is how many directories are read at a time: a round trip each hundred names.
	walkers = 8

	// walkTries is how often a directory is asked for when the connection breaks.
	walkTries = 4

	// longestPath bounds the depth, on a server that makes up directories without end.
	longestPath = 4095
)

// Walk yields the files below a directory, in no certain order; see remote.File. What a
// directory holds is known from reading it: there is no request for each file, but for
// symbolic links. One that leads to a regular file within the directory is that file under
// another name; any other is skipped, so no loop is ever entered.
func (c *Client) Walk(ctx context.Context, dir *url.URL) iter.Seq2[remote.File, error] {
	return func(yield func(remote.File, error) bool) {
		path, err := pathOf(dir)
		if err == nil {
			err = c.enter()
		}
		if err != nil {
			yield(remote.File{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		w := &walk{ctx: ctx, host: c.host(dir), root: strings.TrimRight(path, "/"), name: remote.Redact(dir), found: make(chan found, 256)}
		w.more = sync.NewCond(&w.mu)
		w.dirs = []string{""}
		context.AfterFunc(ctx, func() { w.end(nil) })
		go w.run()
		for f := range w.all() {
			if !yield(f.File, f.err) {
				return
			}
		}
		switch {
		case ctx.Err() != nil:
			yield(remote.File{}, context.Cause(ctx))
		case w.failed != nil:
			yield(remote.File{}, w.failed)
		}
	}
}

// all yields what was found, until the end or that of the context: what is asked of the
// server then is not waited for.
func (w *walk) all() iter.Seq[found] {
	return func(yield func(found) bool) {
		for {
			select {
			case f, ok := <-w.found:
				if !ok || !yield(f) {
					return
				}
			case <-w.ctx.Done():
				return
			}
		}
	}
}

// found is what walk sends.
type found struct {
	remote.File
	err error
}

// walk is one walk under way.
type walk struct {
	ctx   context.Context
	host  *host
	root  string // without a slash at its end
	name  string // for messages
	found chan found

	real struct { // the root without symbolic links
		sync.Once
		path string
		err  error
	}

	mu     sync.Mutex // guards what follows
	more   *sync.Cond
	dirs   []string // to be read, relative
	busy   int      // directories that are being read
	ended  bool
	failed error
}

func (w *walk) run() {
	defer w.host.client.done.Done()
	var readers sync.WaitGroup
	for range walkers {
		readers.Go(func() {
			for {
				dir, ok := w.next()
				if !ok {
					return
				}
				if err := w.read(dir); err != nil {
					w.end(err)
				}
				w.mu.Lock()
				w.busy--
				w.mu.Unlock()
				w.more.Broadcast()
			}
		})
	}
	readers.Wait()
	close(w.found)
}

// next returns a directory to read; the last one found, so that few are waiting.
func (w *walk) next() (dir string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.dirs) == 0 && w.busy > 0 && !w.ended {
		w.more.Wait()
	}
	if w.ended || len(w.dirs) == 0 {
		return "", false
	}
	dir = w.dirs[len(w.dirs)-1]
	w.dirs = w.dirs[:len(w.dirs)-1]
	w.busy++
	return dir, true
}

// end stops the walk, for an error if there is one.
func (w *walk) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if err != nil && w.failed == nil {
		w.failed = err
	}
	w.more.Broadcast()
}

func (w *walk) push(dir string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dirs = append(w.dirs, dir)
	w.more.Signal()
}

// send says whether the walk goes on.
func (w *walk) send(f remote.File, err error) bool {
	select {
	case w.found <- found{f, err}:
		return true
	case <-w.ctx.Done():
		return false
	}
}

// at returns the server's path of a relative one.
func (w *walk) at(rel string) string {
	switch {
	case rel == "" && w.root == "":
		return "/"
	case rel == "":
		return w.root
	}
	return w.root + "/" + rel
}

// read reads one directory. An error ends the walk.
func (w *walk) read(dir string) error {
	entries, err := w.list(dir)
	switch {
	case err == nil:
	case w.ctx.Err() != nil:
		return nil
	case dir == "" || !isAnswer(err): // nothing is known of what is in it
		return failure(w.name+dir, err)
	case errors.Is(err, fs.ErrNotExist): // deleted since its name was read
		return nil
	default:
		w.send(remote.File{Path: dir}, failure(w.name+dir, err))
		return nil
	}
	for _, e := range entries {
		name := e.Name()
		if name == "." || name == ".." || name == "" || name == "/" {
			continue
		}
		if dir != "" {
			name = dir + "/" + name
		}
		if !w.entry(name, e) {
			return nil
		}
	}
	return nil
}

// list returns the entries of a directory.
func (w *walk) list(dir string) (entries []os.FileInfo, err error) {
	err = w.try(func(l *lane) error {
		entries, err = l.sftp.ReadDirContext(w.ctx, w.at(dir))
		return err
	})
	return entries, err
}

// try makes a request, again if the connection breaks.
func (w *walk) try(f func(l *lane) error) (err error) {
	for n := 1; ; n++ {
		var l *lane
		l, err = w.host.take(w.ctx)
		if err == nil {
			err = l.call(func() error { return f(l) })
			w.host.give(l)
		}
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

// entry takes one name of a directory. It says whether the walk goes on.
func (w *walk) entry(rel string, info os.FileInfo) bool {
	if len(rel) > longestPath {
		return w.send(remote.File{Path: rel, Skipped: "its path is too long"}, nil)
	}
	st := statusOf(info, nil)
	if st.mode == 0 { // some servers tell nothing with the names
		var err error
		st, err = w.stat(func(l *lane) (os.FileInfo, error) { return l.sftp.Lstat(w.at(rel)) })
		if err != nil {
			return w.odd(rel, err)
		}
	}
	switch {
	case st.mode.IsRegular() && st.size < 0:
		return w.send(remote.File{Path: rel, Skipped: "its size makes no sense"}, nil)
	case st.mode.IsRegular():
		return w.send(st.file(rel), nil)
	case st.mode.IsDir():
		w.push(rel)
		return true
	case st.mode&fs.ModeSymlink != 0:
		return w.link(rel)
	}
	return w.send(remote.File{Path: rel, Skipped: kindOf(st.mode)}, nil)
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
func (w *walk) link(rel string) bool {
	st, err := w.stat(func(l *lane) (os.FileInfo, error) { return l.sftp.Stat(w.at(rel)) })
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
	inside, err := w.inside(rel)
	if err != nil {
		return w.odd(rel, err)
	}
	if !inside {
		return w.send(remote.File{Path: rel, Skipped: "a symbolic link out of the directory"}, nil)
	}
	return w.send(st.file(rel), nil)
}

// inside says whether a link leads to a place below the root.
func (w *walk) inside(rel string) (bool, error) {
	w.real.Do(func() { w.real.path, w.real.err = w.realPath("") })
	if w.real.err != nil {
		return false, w.real.err
	}
	real, err := w.realPath(rel)
	return strings.HasPrefix(real, strings.TrimSuffix(w.real.path, "/")+"/"), err
}

func (w *walk) realPath(rel string) (path string, err error) {
	err = w.try(func(l *lane) error {
		path, err = l.sftp.RealPath(w.at(rel))
		return err
	})
	return path, err
}

func (w *walk) stat(f func(l *lane) (os.FileInfo, error)) (st status, err error) {
	err = w.try(func(l *lane) error {
		info, err := f(l)
		st = statusOf(info, err)
		return err
	})
	return st, err
}

func (s status) file(rel string) remote.File {
	f := remote.File{Path: rel, Size: s.size}
	if s.mtime != 0 {
		f.ModTime = time.Unix(s.mtime, 0)
	}
	return f
}

// kindOf names what is no regular file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "not a regular file"
}
