package httptail

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"fsync/sync/remote"
)

// nameOf is how errors call a URL.
func nameOf(u *url.URL) string { return printable(remote.Redact(u)) }

// at returns the URL of a directory of that relative path. The query of the root is its
// own: it does not go with what is resolved against it (RFC 3986 §5.2.2).
func (w *walk) at(rel string) *url.URL {
	if rel == "" {
		return w.root
	}
	var path strings.Builder
	path.WriteString(w.root.EscapedPath())
	for name := range strings.SplitSeq(rel, "/") {
		path.WriteString(url.PathEscape(name))
		path.WriteByte('/')
	}
	u := &url.URL{Scheme: w.root.Scheme, User: w.root.User, Host: w.root.Host, RawPath: path.String()}
	u.Path, _ = url.PathUnescape(u.RawPath) // it was escaped here
	return u
}

// within returns where a request for a directory may be redirected to: there the names of
// its files would mean something else, and a page of another place may be that of a login.
func within(dir *url.URL) func(next *url.URL) error {
	return func(next *url.URL) error {
		if remote.OriginOf(dir) != remote.OriginOf(next) {
			return fmt.Errorf("redirect to another origin, %s: if that is right, give its URL", nameOf(next))
		}
		if _, ok := descent(dir, next); !ok {
			return fmt.Errorf("redirect out of the directory, to %s", nameOf(next))
		}
		return nil
	}
}

var errNoName = errors.New("not a name")

// descent returns the names that lead from a directory down to another one, none if they
// are the same; ok is false if it is not below.
func descent(dir, to *url.URL) (names []string, ok bool) {
	from, err := segments(dir)
	if err != nil {
		return nil, false
	}
	names, err = segments(to)
	if err != nil || len(names) < len(from) {
		return nil, false
	}
	for i := range from {
		if names[i] != from[i] {
			return nil, false
		}
	}
	names = names[len(from):]
	for _, name := range names {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			return nil, false
		}
	}
	return names, true
}

// segments returns the decoded segments of a directory's path.
func segments(dir *url.URL) ([]string, error) {
	path, ok := strings.CutSuffix(dir.EscapedPath(), "/")
	if !ok {
		return nil, errNoName
	}
	segs := strings.Split(path, "/")
	for i, seg := range segs {
		name, err := url.PathUnescape(seg)
		if err != nil {
			return nil, err
		}
		segs[i] = name
	}
	return segs, nil
}
