package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"fsync/listing"
	"fsync/sync/remote"
)

// list is a list that can be read twice alike: a regular file, or a spooled copy of what
// cannot be (standard input, a download, a walk), which has no name and is gone with the
// process.
type list struct {
	name string // for messages
	f    *os.File
	opts listing.Options
	size int64
	time int64

	walked walked // if it is the list of a directory
	isWalk bool
	prunes func(dir string) bool // directories that are not walked; nil: none
	dest   string                // the directory that the files go to; "": none
}

// open finds the list and where its relative entries lie.
func (l *list) open(ctx context.Context, stdin io.Reader, t *transports) error {
	u, err := remoteURL(l.name)
	switch {
	case l.name == "-":
		l.name = "(standard input)"
		err = l.spoolFile(stdin)
	case err != nil:
		err = usagef("%w", err)
		if errors.Is(err, errNotURL) {
			err = usagef("LIST: %w", errNotURL)
		}
	case u != nil:
		err = l.download(ctx, u, t)
	default:
		err = l.openFile(ctx, l.name, t)
	}
	if err != nil {
		return err
	}
	return l.remember()
}

func (l *list) openFile(ctx context.Context, name string, t *transports) error {
	f, err := os.Open(name)
	if err != nil {
		return usagef("%w", err)
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return usagef("%w", err)
	}
	if fi.IsDir() {
		f.Close()
		return l.openDir(ctx, name, t)
	}
	if l.opts.Place, err = fileURL(filepath.Dir(name)); err != nil {
		f.Close()
		return err
	}
	if !fi.Mode().IsRegular() { // a pipe such as <(…) can be read once only
		defer f.Close()
		return l.spoolFile(f)
	}
	l.f = f
	return nil
}

// openDir makes the list of the files in a directory of this machine.
func (l *list) openDir(ctx context.Context, name string, t *transports) error {
	u, err := fileURL(name)
	if err != nil {
		return err
	}
	l.isWalk, l.opts.Place = true, u
	return l.retry(ctx, func() error { return l.walk(ctx, t.file, u) })
}

func (l *list) remember() error {
	fi, err := l.f.Stat()
	if err != nil {
		return err
	}
	l.size, l.time = fi.Size(), fi.ModTime().UnixNano()
	return nil
}

// check reads the whole list and finds what is wrong with it.
func (l *list) check(ctx context.Context, c *listing.Checker) error {
	_, err := l.f.Seek(0, io.SeekStart)
	if err == nil {
		err = c.Check(l.name, stoppable{ctx, l.f}, l.opts)
	}
	if ctx.Err() != nil {
		return &exitError{code: stopCode(context.Cause(ctx)), err: context.Cause(ctx)}
	}
	if err != nil {
		return l.error(err)
	}
	return nil
}

// stoppable is a reader that ends with its context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.r.Read(p)
}

// entries reads the list for the second time.
func (l *list) entries() iter.Seq2[listing.Entry, error] {
	return func(yield func(listing.Entry, error) bool) {
		if _, err := l.f.Seek(0, io.SeekStart); err != nil {
			yield(listing.Entry{}, err)
			return
		}
		for e, err := range listing.Read(l.name, l.f, l.opts) {
			if !yield(e, err) {
				return
			}
		}
		if fi, err := l.f.Stat(); err != nil || fi.Size() != l.size || fi.ModTime().UnixNano() != l.time {
			yield(listing.Entry{}, fmt.Errorf("%s: the list was changed while it was read", l.name))
		}
	}
}

// source is the directory of this machine that relative entries come from, "" if there is
// none.
func (l *list) source() string {
	base := cmp.Or(l.opts.Base, l.opts.Place)
	if base == nil || base.Scheme != "file" {
		return ""
	}
	return filepath.FromSlash(base.Path)
}

// liesIn says whether relative entries are those of a local directory.
func (l *list) liesIn(dir string) bool {
	source := l.source()
	if source == "" {
		return false
	}
	a, errA := os.Stat(source)
	b, errB := os.Stat(dir)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

func (l *list) close() {
	if l.f != nil {
		l.f.Close()
	}
}

// error gives a bad list its exit code and says what can be done.
func (l *list) error(err error) error {
	e := &exitError{code: exitUsage, err: err}
	switch {
	case errors.Is(err, listing.ErrBinary):
		return e.withHint("to pull one URL: echo URL | fsync pull -")
	case l.isWalk && strings.Contains(err.Error(), "differs only in case"):
		return e.withHint("--case-sensitive allows names that differ only in case, where the destination does")
	}
	return e
}

// shown returns the name of a list as messages have it.
func shown(name string) string {
	if u, err := remoteURL(name); err == nil && u != nil {
		return remote.Redact(u)
	}
	return name
}
