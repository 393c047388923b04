package httptail

import (
	"context"
	"hash/maphash"
	"iter"
	"net/url"
	"strings"
	"sync"

	"fsync/sync/remote"
)

const (
	// walkers is how many index pages are read at a time.
	walkers = 8

	// longestPath bounds the depth, and mostPages the number of directories, on a server
	// that makes them up without end. longestWait, in bytes, bounds how many wait to be read.
	longestPath = 4095
	mostPages   = 1_000_000
	longestWait = 64 << 20

	// placeSize is what one of them takes beside its name.
	placeSize = 40
)

// Walk yields the files below a directory that the server lists on index pages, in no
// certain order; see remote.File. One page a directory is asked for, and no file. Sizes and
// times are there where the page gives them exactly (package indexpage). A directory that
// cannot be listed, for whatever reason, is an error with its path; where it is dir itself,
// it ends the walk. An error that wraps indexpage.ErrNotIndex is about an answer that is no
// index page. A directory that prune, if it is not nil, is true for is not asked for.
//
// Redirects are followed only to a directory that is the same or below the one asked for.
// What a server leaves out of its pages (nginx: names that begin with a dot) is not found.
func (c *Client) Walk(ctx context.Context, dir *url.URL, prune func(dir string) bool) iter.Seq2[remote.File, error] {
	return func(yield func(remote.File, error) bool) {
		if dir == nil || !strings.HasSuffix(rooted(dir).Path, "/") {
			yield(remote.File{}, remote.Errorf(remote.Final, "the URL of a directory has to end in a slash"))
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		w := &walk{
			ctx: ctx, client: c, root: rooted(dir), prune: prune, seed: maphash.MakeSeed(),
			found: make(chan found, 256), large: make(chan struct{}, 1),
		}
		w.asking, w.stop = context.WithCancel(ctx)
		defer w.stop()
		w.more = sync.NewCond(&w.mu)
		w.push(place{})
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
	ctx    context.Context
	client *Client
	root   *url.URL
	prune  func(dir string) bool
	seed   maphash.Seed
	found  chan found
	large  chan struct{} // has a token while somebody holds a large page; see listing

	// asking is that of the requests. It is done when the walk ended, for an error or
	// because nobody looks any more.
	asking context.Context
	stop   context.CancelFunc

	mu       sync.Mutex // guards what follows
	more     *sync.Cond
	dirs     []place // to be read
	length   int     // bytes of dirs
	busy     int     // directories that are being read
	pages    int     // that were begun
	failures int     // directories in a row that may not have failed another time
	ended    bool
	failed   error
}

// place is a directory to be read. Its path is relative, without a slash at its end.
type place struct {
	rel   string
	above *chain
}

// chain is what the directories above one hold, as a hash.
type chain struct {
	sum   uint64
	above *chain
}

func (w *walk) run() {
	var readers sync.WaitGroup
	for range walkers {
		readers.Go(func() {
			for {
				dir, ok := w.next()
				if !ok {
					return
				}
				w.read(dir)
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
func (w *walk) next() (dir place, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.dirs) == 0 && w.busy > 0 && !w.ended {
		w.more.Wait()
	}
	if w.ended || len(w.dirs) == 0 {
		return place{}, false
	}
	if w.pages++; w.pages > mostPages {
		w.endLocked(remote.Errorf(remote.Final, "%s: more than %d directories", nameOf(w.root), mostPages))
		return place{}, false
	}
	dir = w.dirs[len(w.dirs)-1]
	w.dirs = w.dirs[:len(w.dirs)-1]
	w.length -= len(dir.rel) + placeSize
	w.busy++
	return dir, true
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
		w.stop()
	}
	w.more.Broadcast()
}

// push has a directory read later. It says whether the walk goes on.
func (w *walk) push(dir place) bool {
	if w.prune != nil && w.prune(dir.rel) {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dirs = append(w.dirs, dir)
	w.length += len(dir.rel) + placeSize
	w.more.Signal()
	if w.length > longestWait {
		w.endLocked(remote.Errorf(remote.Final, "%s: more directories than can be kept in mind", nameOf(w.root)))
	}
	return !w.ended
}

// send says whether the walk goes on.
func (w *walk) send(f remote.File, err error) bool {
	select {
	case w.found <- found{f, err}:
		return true
	case <-w.asking.Done():
		return false
	}
}
