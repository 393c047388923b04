package listing

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// resolver makes absolute URLs of what a list says, and paths of URLs.
type resolver struct {
	remote  bool
	schemes []string

	base     *url.URL // a directory without query and fragment; nil: none
	prefix   string   // base as a string; it ends in /
	origin   string   // of base
	segments []string // of base's path, decoded
	baseErr  error    // why no relative entry can be resolved; nil: they can

	text strings.Builder // of URLs, with room for some more
	urls []string        // with room for some more
}

func newResolver(o Options) *resolver {
	r := &resolver{remote: o.Remote, schemes: o.Schemes}
	if r.schemes == nil {
		r.schemes = []string{"http", "https"}
	}
	base := o.Base
	if base == nil {
		base = o.Place
	}
	if base == nil {
		r.baseErr = errors.New("a relative entry, and no directory that it lies in is known: give --base URL")
		return r
	}
	escaped := base.EscapedPath()
	escaped = "/" + strings.TrimPrefix(escaped[:strings.LastIndexByte(escaped, '/')+1], "/")
	decoded, _ := url.PathUnescape(escaped) // what EscapedPath returns is well-formed
	r.base = &url.URL{Scheme: strings.ToLower(base.Scheme), User: base.User, Host: base.Host, Path: decoded, RawPath: escaped}
	r.prefix = r.base.String()
	r.origin = originOf(r.base)
	r.segments = strings.Split(strings.TrimSuffix(escaped, "/"), "/")
	for i, s := range r.segments {
		r.segments[i], _ = url.PathUnescape(s)
	}
	r.baseErr = r.checkScheme(r.base)
	if r.baseErr == nil && r.base.Scheme == "sftp" {
		r.baseErr = checkSSH(r.base)
	}
	return r
}

// below returns the URL of a raw path below base. Percent signs in it are literal. The
// path is clean and local.
func (r *resolver) below(path string) (string, error) {
	if r.baseErr != nil {
		return "", fmt.Errorf("%s: %w", show(path), r.baseErr)
	}
	return r.prefix + escapePath(path), nil
}

// plain returns a plain path, see isPlainPath, and its URL below base. Both are cut from one
// string, and those of many entries from one block.
func (r *resolver) plain(path string) (string, []string) {
	n := len(r.prefix) + len(path)
	if r.text.Cap()-r.text.Len() < n {
		r.text = strings.Builder{}
		r.text.Grow(max(n, blockSize))
	}
	if len(r.urls) == cap(r.urls) {
		r.urls = make([]string, 0, 64)
	}
	at := r.text.Len()
	r.text.WriteString(r.prefix)
	r.text.WriteString(path)
	u := r.text.String()[at:]
	r.urls = append(r.urls, u)
	k := len(r.urls)
	return u[len(r.prefix):], r.urls[k-1 : k : k]
}

// escapePath percent-encodes a raw path. A plus sign is encoded too: some object stores
// take it for a blank.
func escapePath(path string) string {
	for i := range len(path) {
		if !plainByte(path[i]) {
			escaped := (&url.URL{Path: "/" + path}).EscapedPath()
			return strings.ReplaceAll(escaped[1:], "+", "%2B")
		}
	}
	return path
}

// plainByte reports bytes that stand for themselves in a URL's path.
func plainByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '/' || c == '.' || c == '-' || c == '_' || c == '~'
}

// isURL tells an absolute URL from a relative path. A path may hold a colon, so what is
// no scheme that somebody would pull from needs :// to be a URL.
func isURL(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !isScheme(scheme) {
		return false
	}
	switch strings.ToLower(scheme) {
	case "http", "https", "ftp", "sftp", "file", "data", "magnet":
		return true
	}
	return strings.HasPrefix(rest, "//")
}

// isScheme follows RFC 3986 §3.1.
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		letter := 'a' <= c && c <= 'z'
		other := '0' <= s[i] && s[i] <= '9' || strings.IndexByte("+-.", s[i]) >= 0
		if !letter && (i == 0 || !other) {
			return false
		}
	}
	return s != ""
}

// reference resolves an absolute URL or, against base, a relative reference.
func (r *resolver) reference(ref string) (*url.URL, error) {
	// Blanks are common in hand-written URLs, and no valid one has any.
	escaped := strings.ReplaceAll(ref, " ", "%20")
	if !isURL(escaped) && r.base == nil {
		return nil, fmt.Errorf("%s: %w", show(ref), r.baseErr)
	}
	// The error of package url repeats pieces of the URL that may be secret.
	u, err := url.Parse(escaped)
	if err != nil {
		return nil, fmt.Errorf("%s is not a valid URL", show(ref))
	}
	if !u.IsAbs() {
		u = r.resolve(u)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, r.checkURL(u)
}

// resolve makes a relative reference absolute as a browser does (RFC 3986 §5.2.2). That takes
// out the base's .. elements, which over SFTP mean what the server's directories make of
// them: there a path below the base is put behind it.
func (r *resolver) resolve(u *url.URL) *url.URL {
	path := u.EscapedPath()
	if r.base.Scheme != "sftp" || u.Host != "" || path == "" || path[0] == '/' || hasDots(path) {
		return r.base.ResolveReference(u)
	}
	below := *u
	below.Scheme, below.User, below.Host = r.base.Scheme, r.base.User, r.base.Host
	below.Path, below.RawPath = r.base.Path+u.Path, r.base.EscapedPath()+path
	return &below
}

// hasDots says that a path has an element . or .. .
func hasDots(path string) bool {
	for element := range strings.SplitSeq(path, "/") {
		if element == "." || element == ".." {
			return true
		}
	}
	return false
}

func (r *resolver) checkURL(u *url.URL) error {
	if err := r.checkScheme(u); err != nil {
		return err
	}
	switch {
	case u.Opaque != "":
		return fmt.Errorf("the URL %s has no // after its scheme", show(u.Scheme+":…"))
	case u.Scheme == "file":
		return r.checkFile(u)
	case u.Hostname() == "":
		return fmt.Errorf("the URL %s has no host", showURL(u))
	case u.Scheme == "sftp":
		return r.checkSSH(u)
	}
	return nil
}

// checkSSH keeps a list from the network to the host, and the login, that the user named:
// with the user's keys there is more to be had from other hosts, and from this machine's own
// sshd, than the list's author can get.
func (r *resolver) checkSSH(u *url.URL) error {
	if err := checkSSH(u); err != nil {
		return err
	}
	if r.remote && (r.base == nil || originOf(u) != r.origin || u.User.Username() != r.base.User.Username()) {
		return fmt.Errorf("the list came over the network: it may name no SSH login but that of --base, or its own (%s)", showURL(u))
	}
	return nil
}

func (r *resolver) checkScheme(u *url.URL) error {
	if !slices.Contains(r.schemes, u.Scheme) {
		return fmt.Errorf("URLs of scheme %q cannot be pulled (known: %s)", u.Scheme, strings.Join(r.schemes, ", "))
	}
	return nil
}

func (r *resolver) checkFile(u *url.URL) error {
	switch {
	case u.Host != "" && u.Host != "localhost":
		return fmt.Errorf("the URL %s names a file of another machine", showURL(u))
	case u.User != nil || u.RawQuery != "" || u.ForceQuery:
		return fmt.Errorf("the URL %s has more than a path: in a file name, write ? as %%3F", showURL(u))
	case !strings.HasPrefix(u.Path, "/"):
		return fmt.Errorf("the URL %s has no absolute path", showURL(u))
	case r.remote && !r.isBelow(u):
		return fmt.Errorf("the list came over the network: it may not name a file of this machine (%s)", showURL(u))
	}
	return nil
}

// isBelow reports that a file lies below base, however its path is encoded.
func (r *resolver) isBelow(u *url.URL) bool {
	if _, ok := r.relative(u); !ok {
		return false
	}
	elements := strings.FieldsFunc(u.Path, func(c rune) bool { return c == '/' || c == filepath.Separator })
	return !slices.Contains(elements, "..")
}

// relative returns the decoded segments of u's path below base; false if u does not lie
// there.
func (r *resolver) relative(u *url.URL) ([]string, bool) {
	if r.base == nil || originOf(u) != r.origin {
		return nil, false
	}
	segments := strings.Split(u.EscapedPath(), "/")
	if len(segments) <= len(r.segments) {
		return nil, false
	}
	for i, s := range segments {
		segments[i], _ = url.PathUnescape(s)
	}
	if !slices.Equal(segments[:len(r.segments)], r.segments) {
		return nil, false
	}
	return segments[len(r.segments):], true
}

// path returns where a URL's file goes: its path relative to base if it lies below, else
// its last segment. The query has no part in it.
func (r *resolver) path(u *url.URL) (string, error) {
	escaped := u.EscapedPath()
	last, _ := url.PathUnescape(escaped[strings.LastIndexByte(escaped, '/')+1:])
	segments, ok := r.relative(u)
	if !ok {
		segments = []string{last}
	}
	if last == "" {
		return "", fmt.Errorf("the URL %s names no file: give it a path (out= in a plain list, else a path column or key)", showURL(u))
	}
	for _, s := range segments {
		if s == "." || s == ".." || strings.ContainsAny(s, "/\x00") {
			return "", fmt.Errorf("the URL %s has a segment %s, which is no file name", showURL(u), show(s))
		}
	}
	segments = slices.DeleteFunc(segments, func(s string) bool { return s == "" }) // double slashes
	return cleanPath(strings.Join(segments, "/"))
}
