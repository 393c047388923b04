package remotetest

import (
	"net/http"
	"strings"
)

// redirect sends the client elsewhere.
func (c *call) redirect(status int, location string) {
	c.w.Header().Set("Location", location)
	Status(status).serve(c)
}

// RedirectLoop leads back to itself.
func RedirectLoop() Fault {
	return Fault{Name: "redirect loop", serve: func(c *call) { c.redirect(http.StatusFound, c.r.URL.Path) }}
}

// RedirectTo leads to that URL.
func RedirectTo(status int, location string) Fault {
	return Fault{Name: "redirect", serve: func(c *call) { c.redirect(status, location) }}
}

// CrossOrigin leads to the server's second origin, which has the file. It speaks plain
// HTTP, so from a server that speaks TLS this is the step that no client may take.
func CrossOrigin() Fault {
	return Fault{Name: "redirect to another origin", serve: func(c *call) {
		if strings.HasSuffix(c.s.other.URL, c.r.Host) {
			c.honest()
			return
		}
		c.redirect(http.StatusTemporaryRedirect, c.s.OtherURL(c.name).String()+"?token=secret#fragment")
	}}
}

// SignedURL leads to a signed URL that is good for one request: the second one gets 403,
// as does a client that keeps using it instead of coming back.
func SignedURL() Fault {
	return Fault{Name: "signed URL", serve: func(c *call) {
		token := c.r.URL.Query().Get("signature")
		switch {
		case token == "":
			c.redirect(http.StatusFound, c.s.OtherURL(c.name).String()+"?signature="+itoa(int64(c.n)))
		case token == itoa(int64(c.n-1)):
			c.honest()
		default:
			Status(http.StatusForbidden).serve(c)
		}
	}}
}

// SignedURLExpired leads to a signed URL that is not good any more, the first time.
func SignedURLExpired() Fault {
	return Fault{Name: "expired signed URL", serve: func(c *call) {
		switch {
		case c.r.URL.Query().Get("signature") == "":
			c.redirect(http.StatusFound, c.s.OtherURL(c.name).String()+"?signature="+itoa(int64(c.n)))
		case c.n <= 2:
			Status(http.StatusForbidden).serve(c)
		default:
			c.honest()
		}
	}}
}

// NoLocation redirects to nowhere.
func NoLocation() Fault {
	return Fault{Name: "redirect without Location", serve: func(c *call) { Status(http.StatusFound).serve(c) }}
}

// RedirectScheme leads out of HTTP.
func RedirectScheme() Fault {
	return Fault{Name: "redirect to file:", serve: func(c *call) { c.redirect(http.StatusFound, "file:///etc/passwd") }}
}
