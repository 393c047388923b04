package sftptail

import (
	"context"
	"io/fs"
	"iter"
	"net/url"
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

	// longestPath bounds the depth, on a server that makes up directories without end, and
	// longestWait, in bytes, how many of them wait to be read.
	longestPath = 4095
	longestWait = 64 << 20

	stringHeader = 16
)

// Walk yields the files below a directory, in no certain order; see remote.File. What a
// directory holds is known from reading it: there is no request for each file, but for
// symbolic links. One that leads to a regular file within the directory is that file under
// another name; any other is skipped, so no loop is ever entered. A directory that prune,
// if it is not nil, is true for is not read.
func (c *Client) Walk(ctx context.Context, dir *url.URL, prune func(dir string) bool) iter.Seq2[remote.File, error] {
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
		w := &walk{ctx: ctx, prune: prune, host: c.host(dir), root: strings.TrimRight(path, "/"), name: remote.Redact(dir), found: make(chan found, 256), over: make(chan struct{})}
		w.more = sync.NewCond(&w.mu)
		w.push("")
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
	prune func(dir string) bool
	found chan found
	over  chan struct{} // closed when it ended, for an error or because nobody looks any more

	real struct { // the root without symbolic links
		sync.Once
		path string
		err  error
	}

	mu     sync.Mutex // guards what follows
	more   *sync.Cond
	dirs   []string // to be read, relative
	length int      // bytes of dirs
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
	for (len(w.dirs) == 0 && w.busy > 0 || w.busy >= w.mostBusy()) && !w.ended {
		w.more.Wait()
	}
	if w.ended || len(w.dirs) == 0 {
		return "", false
	}
	dir = w.dirs[len(w.dirs)-1]
	w.dirs = w.dirs[:len(w.dirs)-1]
	w.length -= len(dir) + stringHeader
	w.busy++
	return dir, true
}

// mostBusy is how many directories may be open. Each is for as long as the walk's user
// takes his time with it, and he may be waiting for a file: so half of the handles that a
// lane has are left for files.
func (w *walk) mostBusy() int {
	if l := w.host.limits.Load(); l != nil && l.handles > 0 {
		return min(walkers, max(1, l.handles/2))
	}
	return walkers
}

// end stops the walk, for an error if there is one.
func (w *walk) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endLocked(err)
}

func (w *walk) endLocked(err error) {
	if !w.ended {
		w.ended, w.failed = true, err
		close(w.over)
	}
	w.more.Broadcast()
}

// push has a directory read later. It says whether the walk goes on.
func (w *walk) push(dir string) bool {
	if w.prune != nil && w.prune(dir) {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dirs = append(w.dirs, dir)
	w.length += len(dir) + stringHeader
	w.more.Signal()
	if w.length > longestWait {
		w.endLocked(remote.Errorf(remote.Final, "%s: more directories than can be kept in mind", w.name))
	}
	return !w.ended
}

// send says whether the walk goes on.
func (w *walk) send(f remote.File, err error) bool {
	select {
	case w.found <- found{f, err}:
		return true
	case <-w.over:
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
