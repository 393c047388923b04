// Package filetail fetches the tails of files that this machine can open itself, such
// as those of a mounted share, by file: URLs.
//
// A file has no entity tag. What stands for one is the pair of its size and modification
// time, looked at before the first byte and after the last: a body whose file moved in
// between ends in an error and not in io.EOF.
package filetail

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fsync/sync/remote"
)

// Client opens tails of file: URLs. It is safe for concurrent use.
type Client struct{}

// Open asks for a file from req.Offset on. An offset beyond its end gives an empty body
// that starts at the end. req.Unless is compared by size and modification time. The body
// implements remote.Filer, and has a method Verify() error for one whose bytes were
// moved through that.
func (*Client) Open(ctx context.Context, req remote.Request) (*remote.Tail, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	path, err := pathOf(req)
	if err != nil {
		return nil, err
	}
	name := remote.Redact(req.URL)
	f, info, err := open(path)
	if err != nil {
		return nil, failure(name, err)
	}
	v := versionOf(info, req.URL)
	if same(v, req) {
		f.Close()
		return &remote.Tail{Version: v, NotModified: true, Framed: true, Body: http.NoBody}, nil
	}
	start := min(req.Offset, v.Size)
	end := v.Size
	if req.Length > 0 && start <= math.MaxInt64-req.Length {
		end = min(end, start+req.Length)
	}
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		f.Close()
		return nil, failure(name, err)
	}
	b := &body{file: f, before: info, name: name, off: start, end: end}
	b.stopped = func() error { return context.Cause(ctx) }
	return &remote.Tail{Version: v, Start: start, End: end, Framed: true, Body: b}, nil
}

// pathOf returns the local path that a request's URL means (RFC 8089 §2).
func pathOf(req remote.Request) (string, error) {
	u := req.URL
	if u == nil {
		return "", remote.Errorf(remote.Final, "no URL")
	}
	switch name := remote.Redact(u); {
	case u.Scheme != "file":
		return "", remote.Errorf(remote.Final, "%s: not a file URL", name)
	case u.Host != "" && !strings.EqualFold(u.Host, "localhost"):
		return "", remote.Errorf(remote.Final, "%s: a file URL names no other host", name)
	case !strings.HasPrefix(u.Path, "/") || strings.Contains(u.Path, "\x00"):
		return "", remote.Errorf(remote.Final, "%s: not an absolute path", name)
	case req.Offset < 0 || req.Length < 0:
		return "", remote.Errorf(remote.Final, "bad range: %d bytes from byte %d on", req.Length, req.Offset)
	}
	return filepath.FromSlash(u.Path), nil
}

var errNotRegular = errors.New("not a regular file")

// open opens a regular file. It looks first, because opening some devices does
// something, and looks again at what it got; O_NONBLOCK keeps a FIFO that came in
// between from blocking.
func open(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// versionOf returns what is known of a file's state. A time less than 2 s old, or in the
// future, may stay the same when the file is written again.
func versionOf(info fs.FileInfo, u *url.URL) remote.Version {
	t := info.ModTime()
	return remote.Version{
		ModTime:  t,
		WeakTime: time.Since(t) < 2*time.Second,
		Size:     info.Size(),
		Place:    remote.PlaceOf(u),
	}
}

// same says whether the file is still the version of req.Unless. A time there that is a
// whole second was perhaps cut to it on its way through a stamp or a list; it was strong
// when it was noted, so no other state has that second.
func same(now remote.Version, req remote.Request) bool {
	if req.Unless == nil || req.Length > 0 {
		return false
	}
	was, is := req.Unless.StrongTime(), now.StrongTime()
	if was.IsZero() || is.IsZero() || now.Size == 0 || now.Size != req.Unless.Size {
		return false
	}
	return was.Equal(is) || was.Nanosecond() == 0 && was.Equal(is.Truncate(time.Second))
}

// failure says whether a failure may pass: what the share or its disk could not do now
// may, what the path is may not.
func failure(name string, err error) *remote.Error {
	text := err
	var path *fs.PathError
	if errors.As(err, &path) { // name is said already
		text = path.Err
	}
	kind := remote.Temporary
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		kind, text = remote.Final, missing{err}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, errNotRegular), errors.Is(err, syscall.ELOOP),
		errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EINVAL), errors.Is(err, fs.ErrClosed):
		kind = remote.Final
	}
	return remote.Errorf(kind, "%s: %w", name, text)
}

// missing tells in our words that there is nothing, whatever the system calls it.
type missing struct{ error }

func (missing) Error() string   { return "no such file" }
func (m missing) Unwrap() error { return m.error }
