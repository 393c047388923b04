package main

import (
	"net/url"
	"path/filepath"
	"strings"
)

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
