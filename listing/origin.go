package listing

import (
	"net"
	"net/url"
	"strings"
)

// originOf returns scheme://host:port in lower case, the default port written out: what a
// credential is bound to (RFC 6454 §4). Package remote has the same for the engine; this
// package depends on nothing.
func originOf(u *url.URL) string {
	scheme := strings.ToLower(u.Scheme)
	port := u.Port()
	if port == "" {
		switch scheme {
		case "http":
			port = "80"
		case "https":
			port = "443"
		case "sftp":
			port = "22"
		}
	}
	return scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
