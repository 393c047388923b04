package listing

import (
	"net/url"
	"strconv"
	"strings"
)

// maxShown bounds what a message repeats of the list.
const maxShown = 200

// show quotes a piece of the list for a message. The piece may be a URL that somebody
// mistyped or put in the wrong column, so what may be user information or a query is
// replaced by dots, rather too much than too little.
func show(s string) string {
	s = redact(s)
	if len(s) > maxShown {
		s = s[:maxShown] + "…"
	}
	return strconv.Quote(s)
}

// showURL quotes a URL without user information, query and fragment.
func showURL(u *url.URL) string {
	r := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return show(r.String())
}

func redact(s string) string {
	start := 0
	slashes := strings.Index(s, "//")
	if slashes >= 0 {
		start = slashes + 2
	}
	isURL := slashes >= 0 || strings.Contains(s, ":/")
	at := strings.LastIndexByte(s, '@')
	query := -1
	if isURL {
		query = strings.IndexAny(s, "?#")
	}
	if at >= 0 && query >= 0 && query < at || at >= 0 && at < start {
		return s[:min(start, at)] + "…" // a password with a ? in it, or a query with an @
	}
	if query >= 0 {
		s = s[:query] + "?…"
	}
	if at < 0 {
		return s
	}
	user := s[start:at]
	if strings.Contains(user, ":") || isURL && !strings.Contains(user, "/") {
		s = s[:start] + "…" + s[at:]
	}
	return s
}
