package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"fsync/listing"
	"fsync/sync"
	"fsync/sync/remote"
	"fsync/sync/remote/httptail/indexpage"
)

// download gets a list over the network, or makes it of the files of a directory there. A
// body that was cut is an error: half a list looks like a list.
func (l *list) download(ctx context.Context, u *url.URL, t *transports) error {
	l.name = remote.Redact(u)
	l.opts.Remote = u.Scheme != "file"
	l.opts.Place = placeOf(u)
	if err := t.bindTo(u); err != nil {
		return err
	}
	src, err := t.source(u)
	if err != nil {
		return usagef("%s: %w", l.name, err)
	}
	w, walks := src.(walker)
	if !walks {
		return l.get(ctx, src, u)
	}
	if isDirectory(u) {
		err := l.getTree(ctx, w, u)
		if u.Scheme == "sftp" || !errors.Is(err, indexpage.ErrNotIndex) {
			return err
		}
		if getErr := l.get(ctx, src, u); !errors.Is(getErr, listing.ErrHTML) {
			return getErr // a server may call a list so
		}
		return err
	}
	err = l.get(ctx, src, u)
	if !errors.Is(err, listing.ErrHTML) {
		return err
	}
	// The URL of a directory without its slash leads to the same page.
	dir := asDirectory(&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host, Path: u.Path, RawPath: u.RawPath})
	walkErr := l.getTree(ctx, w, dir)
	if re, ok := errors.AsType[*remote.Error](walkErr); errors.Is(walkErr, indexpage.ErrNotIndex) || ok && re.Status == http.StatusNotFound {
		return err
	}
	return walkErr
}

// getTree makes the list of the files below a directory.
func (l *list) getTree(ctx context.Context, w walker, dir *url.URL) error {
	file := l.opts
	l.isWalk, l.opts.Place = true, dir
	err := l.retry(ctx, func() error { return l.walk(ctx, w, dir) })
	if err != nil {
		l.isWalk, l.opts = false, file
	}
	return err
}

// get fetches a list that is a file.
func (l *list) get(ctx context.Context, src sync.Source, u *url.URL) error {
	if err := l.retry(ctx, func() error { return l.fetch(ctx, src, u) }); err != nil {
		return err
	}
	return l.sniff()
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
