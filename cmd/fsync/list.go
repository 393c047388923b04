package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fsync/listing"
	"fsync/sync"
	"fsync/sync/remote"
)

// list is a list that can be read twice alike: a regular file, or a spooled copy of what
// cannot be (standard input, a download), which has no name and is gone with the process.
type list struct {
	name string // for messages
	f    *os.File
	opts listing.Options
	size int64
	time int64

	totals listing.Totals
	walked walked // if it is the list of a directory
	isWalk bool
}

// openList finds the list and where its relative entries lie.
func openList(ctx context.Context, name, base string, caseSensitive bool, stdin io.Reader, t *transports) (*list, error) {
	l := &list{name: name, opts: listing.Options{Schemes: schemes, CaseSensitive: caseSensitive}}
	var err error
	if base != "" {
		if l.opts.Base, err = baseURL(base); err != nil {
			return nil, err
		}
	}
	if err := t.bindTo(l.opts.Base); err != nil {
		return nil, err
	}
	u, err := remoteURL(name)
	switch {
	case name == "-":
		l.name = "(standard input)"
		err = l.spool(stdin)
	case err != nil:
		err = usagef("%w", err)
	case u != nil:
		err = l.download(ctx, u, t)
	default:
		err = l.openFile(name)
	}
	if err != nil {
		return nil, err
	}
	return l, l.remember()
}

func isURL(s string) bool {
	scheme, _, ok := strings.Cut(s, "://")
	return ok && scheme != "" && !strings.ContainsAny(scheme, "/.\\ ")
}

// baseURL parses --base: a URL, host:path, or the path of a local directory. It names a
// directory, with or without a slash at its end.
func baseURL(base string) (*url.URL, error) {
	u, err := remoteURL(base)
	switch {
	case err != nil:
		return nil, usagef("--base: %w", err)
	case u == nil:
		return fileURL(base)
	case u.Host == "" && u.Scheme != "file":
		return nil, usagef("--base: not a URL")
	}
	u.RawQuery, u.Fragment = "", ""
	return asDirectory(u), nil
}

func asDirectory(u *url.URL) *url.URL {
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
		if u.RawPath != "" {
			u.RawPath += "/"
		}
	}
	return u
}

// fileURL returns the file: URL of a local directory.
func fileURL(dir string) (*url.URL, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, usagef("%w", err)
	}
	abs = filepath.ToSlash(abs)
	if !strings.HasPrefix(abs, "/") {
		abs = "/" + abs // C:/…
	}
	return asDirectory(&url.URL{Scheme: "file", Path: abs}), nil
}

func (l *list) openFile(name string) (err error) {
	if l.f, err = os.Open(name); err != nil {
		return usagef("%w", err)
	}
	fi, err := l.f.Stat()
	if err != nil {
		return usagef("%w", err)
	}
	if fi.IsDir() {
		return usagef("%s: a directory, not a list", name)
	}
	if l.opts.Base == nil {
		if l.opts.Base, err = fileURL(filepath.Dir(name)); err != nil {
			return err
		}
	}
	if !fi.Mode().IsRegular() { // a pipe such as <(…) can be read once only
		f := l.f
		l.f = nil
		defer f.Close()
		return l.spool(f)
	}
	return nil
}

// download gets a list over the network, or makes it of the files of a directory there. A
// body that was cut is an error: half a list looks like a list.
func (l *list) download(ctx context.Context, u *url.URL, t *transports) error {
	l.name = remote.Redact(u)
	l.opts.Remote = u.Scheme != "file"
	if l.opts.Base == nil {
		l.opts.Base = placeOf(u)
	}
	if err := t.bindTo(u); err != nil {
		return err
	}
	src, err := t.source(u)
	if err != nil {
		return usagef("%s: %w", l.name, err)
	}
	if w, ok := src.(walker); ok && isDirectory(u) {
		l.isWalk = true
		return l.retry(ctx, func() error { return l.walk(ctx, w, u) })
	}
	return l.retry(ctx, func() error { return l.fetch(ctx, src, u) })
}

// placeOf returns where the relative entries of a downloaded list lie.
func placeOf(u *url.URL) *url.URL {
	base := *u
	if u.Scheme != "sftp" { // there, .. is for the server to resolve
		base = *u.ResolveReference(&url.URL{Path: "."})
	}
	base.RawQuery, base.Fragment = "", ""
	return &base
}

// retry tries a few times to get the list.
func (l *list) retry(ctx context.Context, get func() error) error {
	for try := 1; ; try++ {
		err := get()
		if err == nil {
			return nil
		}
		re, ok := errors.AsType[*remote.Error](err)
		if try == listTries || !ok || re.Kind != remote.Temporary || re.After > longestListWait {
			return l.downloadError(ctx, err)
		}
		select {
		case <-time.After(max(re.After, time.Duration(try)*time.Second)):
		case <-ctx.Done():
			return l.downloadError(ctx, ctx.Err())
		}
	}
}

const (
	listTries       = 4
	longestListWait = time.Minute
)

// fetch gets the list once, from its first byte to its last.
func (l *list) fetch(ctx context.Context, src sync.Source, u *url.URL) error {
	tail, err := src.Open(ctx, remote.Request{URL: u})
	if err != nil {
		return err
	}
	defer tail.Body.Close()
	if !tail.Framed {
		return usagef("%s: the server does not say how long the list is, so it may be cut", l.name).
			withHint("get it by other means, and: fsync pull - <FILE")
	}
	return l.spool(tail.Body)
}

func (l *list) downloadError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &exitError{code: stopCode(context.Cause(ctx)), err: context.Cause(ctx)}
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e
	}
	e := usagef("%s: %w", l.name, err)
	if _, ok := errors.AsType[*remote.Error](err); ok {
		e = usagef("%w", err) // it names the URL
	}
	switch knows, ok := errors.AsType[hinter](err); {
	case ok:
		return e.withHint("%s", knows.Hint())
	case l.mayBeDirectory(err):
		return e.withHint("with a slash at its end, all files in it are the list")
	}
	return e
}

// mayBeDirectory says that a list over SFTP is no file.
func (l *list) mayBeDirectory(err error) bool {
	return strings.HasPrefix(l.name, "sftp:") && !l.isWalk && strings.HasSuffix(err.Error(), "is a directory")
}

// maxSpool bounds a list that is kept on disk while it is read twice.
const maxSpool = 16 << 30

// newSpool opens a file without a name.
func (l *list) newSpool() error {
	f, err := os.CreateTemp("", "fsync-list-")
	if err != nil {
		return noPlace(err)
	}
	_ = os.Remove(f.Name()) // Windows keeps it until it is closed
	if l.f != nil {
		l.f.Close() // an earlier try's
	}
	l.f = f
	return nil
}

func noPlace(err error) error { return usagef("no place for a copy of the list: %w", err) }

// spool copies what can be read once only to a file without a name.
func (l *list) spool(r io.Reader) error {
	if err := l.newSpool(); err != nil {
		return err
	}
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	// What is no list at all is found before the rest of an ISO is copied.
	if err == nil {
		if err := l.notList(head[:n]); err != nil {
			return err
		}
	}
	if _, err := l.f.Write(head[:n]); err != nil {
		return noPlace(err)
	}
	if n == len(head) {
		m, err := io.Copy(l.f, io.LimitReader(r, maxSpool))
		if err != nil {
			return err
		}
		if m == maxSpool {
			return usagef("%s: longer than %d bytes", l.name, int64(maxSpool))
		}
	}
	return nil
}

// notList looks at the beginning of a list.
func (l *list) notList(head []byte) error {
	for _, err := range listing.Read(l.name, bytes.NewReader(head), l.opts) {
		if errors.Is(err, listing.ErrNotList) {
			return l.error(err)
		}
		break
	}
	return nil
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
func (l *list) check() error {
	_, err := l.f.Seek(0, io.SeekStart)
	if err == nil {
		l.totals, err = listing.Check(l.name, l.f, l.opts)
	}
	if err != nil {
		return l.error(err)
	}
	return nil
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
			yield(listing.Entry{}, fmt.Errorf("%s: the list was changed while it was pulled", l.name))
		}
	}
}

// liesIn says whether relative entries are those of a local directory.
func (l *list) liesIn(dir string) bool {
	if l.opts.Base == nil || l.opts.Base.Scheme != "file" {
		return false
	}
	a, errA := os.Stat(filepath.FromSlash(l.opts.Base.Path))
	b, errB := os.Stat(dir)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

func (l *list) close() { l.f.Close() }

// error gives a bad list its exit code and says what can be done.
func (l *list) error(err error) error {
	e := &exitError{code: exitUsage, err: err}
	switch {
	case errors.Is(err, listing.ErrBinary):
		return e.withHint("to pull one URL: echo URL | fsync pull -")
	case l.isWalk:
		return e.withHint("--case-sensitive allows names that differ only in case, where the destination does")
	}
	return e
}
