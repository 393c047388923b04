package httptail

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

const maxRedirects = 10

// isRedirect says whether an answer sends the client elsewhere with the same GET
// (RFC 9110 §15.4).
func isRedirect(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location") != ""
	}
	return false
}

// location returns where a redirect leads. User information in it is not taken: a
// credential comes from the user, never from a server.
func (x *exchange) location() (*url.URL, error) {
	next, err := x.url.Parse(x.resp.Header.Get("Location"))
	switch {
	case err != nil: // err would repeat the query
		return nil, errors.New("redirect to something that is no URL")
	case next.Scheme != "http" && next.Scheme != "https":
		return nil, fmt.Errorf("redirect to a URL of scheme %q", next.Scheme)
	case next.Host == "" || next.Opaque != "":
		return nil, errors.New("redirect to a URL without a host")
	case x.url.Scheme == "https" && next.Scheme == "http":
		return nil, errors.New("redirect from https to http refused")
	}
	next.User, next.Fragment, next.RawFragment = nil, "", ""
	return next, nil
}
