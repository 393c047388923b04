package httptail

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/httptail/indexpage"
)

const (
	// walkTries is how often a page is asked for when a failure may pass. A server that
	// wants to be left alone for longer than longestAfter is.
	walkTries    = 4
	longestAfter = time.Minute

	// mostFailures is how many directories in a row may fail in a way that may pass: then
	// it is the server, and the rest would take for ever.
	mostFailures = 16

	// mostAlike is how many directories above one may hold what it holds.
	mostAlike = 2

	// largeList is how many bytes of names a page may have while another one has as many.
	// entrySize is what an entry takes beside its name, here and in package indexpage.
	largeList = 16 << 20
	entrySize = 128
)

// read reads one directory.
func (w *walk) read(dir place) {
	l, err := w.list(dir.rel)
	defer w.drop(l)
	switch {
	case w.asking.Err() != nil:
		return
	case err == nil && dir.above.alike(l.sum) > mostAlike:
		err = remote.Errorf(remote.Final, "%s: looks like a loop: %d directories above it hold the same", nameOf(w.at(dir.rel)), mostAlike+1)
	}
	lost := w.failing(err)
	switch {
	case err == nil:
		above := &chain{sum: l.sum, above: dir.above}
		for _, e := range l.entries {
			if !w.take(l.rel, above, e) {
				return
			}
		}
	case dir.rel == "" || lost:
		w.end(err)
	default: // gone, too: what would --delete think of a list without it?
		w.send(remote.File{Path: dir.rel}, err)
	}
}

// failing counts the failures that may pass. It says whether there were too many.
func (w *walk) failing(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil || remote.KindOf(err) != remote.Temporary {
		w.failures = 0
		return false
	}
	w.failures++
	return w.failures >= mostFailures
}

// alike counts the directories that hold the same.
func (c *chain) alike(sum uint64) (n int) {
	for ; c != nil; c = c.above {
		if c.sum == sum {
			n++
		}
	}
	return n
}

// take takes one entry of a directory. It says whether the walk goes on.
func (w *walk) take(dir string, above *chain, e indexpage.Entry) bool {
	path := join(dir, e.Name)
	switch {
	case e.Skipped != "":
		return w.send(remote.File{Path: path, Size: -1, Skipped: e.Skipped}, nil)
	case !e.Dir && len(path) > longestPath:
		return w.send(remote.File{Path: path, Size: -1, Skipped: "its path is too long"}, nil)
	case !e.Dir:
		return w.send(remote.File{Path: path, Size: e.Size, ModTime: e.ModTime}, nil)
	case len(path) > longestPath:
		return w.send(remote.File{Path: path}, remote.Errorf(remote.Final, "%s: its path is too long", nameOf(w.at(dir))))
	}
	return w.push(place{path, above})
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// listing is what one page said. Walkers hold theirs until all of it was taken: one of
// them alone may have a large one.
type listing struct {
	rel     string // where it really was, after redirects
	entries []indexpage.Entry
	sum     uint64 // the hash of them
	size    int    // in bytes, about
	large   bool   // it holds the token
}

func (w *walk) drop(l *listing) {
	if l.large {
		<-w.large
	}
}

// add says whether the walk goes on.
func (w *walk) add(l *listing, e indexpage.Entry) bool {
	l.size += len(e.Name) + entrySize
	if l.size > largeList && !l.large {
		select {
		case w.large <- struct{}{}:
			l.large = true
		case <-w.asking.Done():
			return false
		}
	}
	l.entries = append(l.entries, e)
	return true
}

// hash sums up what a directory holds.
func (l *listing) hash(seed maphash.Seed) {
	var h maphash.Hash
	h.SetSeed(seed)
	var b []byte
	for _, e := range l.entries {
		b = append(b[:0], e.Name...)
		b = append(b, 0)
		if e.Dir {
			b = append(b, 1)
		}
		b = binary.AppendVarint(b, e.Size)
		b = binary.AppendVarint(b, e.ModTime.Unix())
		_, _ = h.Write(b)
	}
	l.sum = h.Sum64()
}

// list asks for the page of a directory, again after failures that may pass. The listing
// has to be dropped, after an error too.
func (w *walk) list(rel string) (*listing, error) {
	for n := 1; ; n++ {
		l, err := w.ask(rel)
		if err == nil || n == walkTries || remote.KindOf(err) != remote.Temporary || !w.wait(n, err) {
			l.hash(w.seed)
			return l, err
		}
		w.drop(l)
	}
}

// wait waits before the next try. It says whether there is to be one.
func (w *walk) wait(n int, err error) bool {
	pause := time.Duration(n) * time.Second / 4
	if e, ok := errors.AsType[*remote.Error](err); ok {
		pause = max(pause, e.After)
	}
	if pause > longestAfter {
		return false
	}
	select {
	case <-time.After(pause):
		return true
	case <-w.asking.Done():
		return false
	}
}

// ask asks once.
func (w *walk) ask(rel string) (*listing, error) {
	l := &listing{rel: rel}
	dir := w.at(rel)
	tail, at, err := w.client.open(w.asking, remote.Request{URL: dir}, within(dir))
	if err != nil {
		return l, err
	}
	defer tail.Body.Close()
	below, _ := descent(dir, at)
	for _, name := range below {
		l.rel = join(l.rel, name)
	}
	for e, err := range indexpage.Parse(tail.Body, at) {
		if err != nil {
			return l, pageError(nameOf(at), err)
		}
		if !w.add(l, e) {
			return l, context.Canceled
		}
	}
	return l, nil
}

// pageError names the page that an error is about.
func pageError(name string, err error) error {
	if _, named := errors.AsType[*remote.Error](err); named {
		return err
	}
	switch {
	case errors.Is(err, indexpage.ErrNotIndex):
		return remote.Errorf(remote.Final, "%s: %w: it cannot be listed", name, err)
	case errors.Is(err, indexpage.ErrCut):
		return remote.Errorf(remote.Temporary, "%s: %w", name, err)
	}
	return remote.Errorf(remote.Final, "%s: %w", name, err)
}
