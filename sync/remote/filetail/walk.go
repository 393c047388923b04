package filetail

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"fsync/sync/remote"
)

const (
	// batch is how many names are read at a time.
	batch = 512

	// longestPath and longestWait, in bytes, bound the depth and how many directories wait
	// to be read. They are those of package sftptail.
	longestPath = 4095
	longestWait = 64 << 20

	stringHeader = 16
)

// Walk yields the files below a directory, in no certain order; see remote.File. A symbolic
// link that leads to a regular file within the directory is that file under another name;
// any other is skipped, so no loop is ever entered. A directory that prune, if it is not
// nil, is true for is not read.
func (*Client) Walk(ctx context.Context, dir *url.URL, prune func(dir string) bool) iter.Seq2[remote.File, error] {
	return func(yield func(remote.File, error) bool) {
		w := &walk{stopped: func() error { return context.Cause(ctx) }, prune: prune, yield: yield}
		if err := w.run(dir); err != nil && !w.over {
			yield(remote.File{}, err)
		}
	}
}

// walk is one walk under way.
type walk struct {
	stopped func() error // why the context is done, nil while it is not
	prune   func(dir string) bool
	yield   func(remote.File, error) bool
	over    bool // nobody looks any more

	root *os.Root // a directory that a link took the place of is not left by it
	path string   // of the root
	real string   // the same without symbolic links
	name string   // for messages

	dirs   []string // to be read, relative; the last one found is the next, so that few wait
	length int      // bytes of dirs
}

// run walks; an error ends the walk.
func (w *walk) run(dir *url.URL) (err error) {
	if err := w.stopped(); err != nil {
		return err
	}
	if w.path, err = pathOf(remote.Request{URL: dir}); err != nil {
		return err
	}
	w.name = remote.Redact(dir)
	if w.root, err = os.OpenRoot(w.path); err != nil {
		return failure(w.name, err)
	}
	defer w.root.Close()
	if w.real, err = filepath.EvalSymlinks(w.path); err != nil {
		return failure(w.name, err)
	}
	w.push("")
	for len(w.dirs) > 0 && !w.over {
		next := w.dirs[len(w.dirs)-1]
		w.dirs = w.dirs[:len(w.dirs)-1]
		w.length -= len(next) + stringHeader
		err := w.read(next)
		switch {
		case w.stopped() != nil:
			return w.stopped()
		case w.length > longestWait:
			return remote.Errorf(remote.Final, "%s: more directories than can be kept in mind", w.name)
		case err == nil || w.over:
		case next == "": // nothing is known of what is in it
			return err
		case errors.Is(err, fs.ErrNotExist): // deleted since its name was read
		default:
			w.send(remote.File{Path: next}, err)
		}
	}
	return nil
}

// read takes the names in a directory.
func (w *walk) read(dir string) error {
	name := dir
	if dir == "" {
		name = "."
	}
	// O_NONBLOCK: a FIFO may have taken its place.
	f, err := w.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return failure(w.name+dir, err)
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(batch)
		for _, e := range entries {
			if w.stopped() != nil || w.length > longestWait || !w.take(dir, e) {
				break
			}
		}
		switch {
		case w.over || w.stopped() != nil || w.length > longestWait || err == io.EOF:
			return nil
		case err != nil:
			return failure(w.name+dir, err)
		}
	}
}

// take takes a name in a directory. It says whether the walk goes on.
func (w *walk) take(dir string, e fs.DirEntry) bool {
	rel := e.Name()
	if dir != "" {
		rel = dir + "/" + rel
	}
	switch mode := e.Type(); {
	case len(rel) > longestPath:
		return w.skip(rel, "its path is too long")
	case mode.IsDir():
		w.push(rel)
		return true
	case mode&fs.ModeSymlink != 0:
		return w.link(rel)
	case !mode.IsRegular():
		return w.skip(rel, kindOf(mode))
	}
	info, err := e.Info()
	switch {
	case err != nil:
		return w.odd(rel, err)
	case !info.Mode().IsRegular(): // it was, when its name was read
		return w.skip(rel, kindOf(info.Mode()))
	}
	return w.file(rel, info)
}

// link follows a symbolic link that stays within the directory.
func (w *walk) link(rel string) bool {
	path := filepath.Join(w.path, filepath.FromSlash(rel))
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return w.odd(rel, err)
	case err != nil: // loops too
		return w.skip(rel, "a symbolic link to nothing")
	case info.IsDir():
		return w.skip(rel, "a symbolic link to a directory")
	case !info.Mode().IsRegular():
		return w.skip(rel, "a symbolic link to "+kindOf(info.Mode()))
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return w.odd(rel, err)
	}
	sep := string(filepath.Separator)
	if !strings.HasPrefix(target, strings.TrimSuffix(w.real, sep)+sep) {
		return w.skip(rel, "a symbolic link out of the directory")
	}
	return w.file(rel, info)
}

// odd reports a name that could not be looked at. One that is gone is nobody's loss.
func (w *walk) odd(rel string, err error) bool {
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	return w.send(remote.File{Path: rel}, failure(w.name+rel, err))
}

// push has a directory read later.
func (w *walk) push(dir string) {
	if w.prune != nil && w.prune(dir) {
		return
	}
	w.dirs = append(w.dirs, dir)
	w.length += len(dir) + stringHeader
}

func (w *walk) file(rel string, info fs.FileInfo) bool {
	return w.send(remote.File{Path: rel, Size: info.Size(), ModTime: info.ModTime()}, nil)
}

func (w *walk) skip(rel, why string) bool {
	return w.send(remote.File{Path: rel, Skipped: why}, nil)
}

// send says whether the walk goes on.
func (w *walk) send(f remote.File, err error) bool {
	w.over = w.over || !w.yield(f, err)
	return !w.over
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
