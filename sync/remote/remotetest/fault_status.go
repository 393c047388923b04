package remotetest

import (
	"fmt"
	"net/http"
	"time"
)

// page is a body that people are to read.
const page = "<!DOCTYPE html><html><head><title>%s</title></head><body><form>user, password</form></body></html>\n"

// Status answers with that status and, where it can have a body, a page.
func Status(status int) Fault {
	return Fault{Name: fmt.Sprintf("status %d", status), serve: func(c *call) {
		if status == http.StatusNoContent || status == http.StatusNotModified {
			c.w.WriteHeader(status)
			return
		}
		c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		c.w.WriteHeader(status)
		fmt.Fprintf(c.w, page, http.StatusText(status))
	}}
}

// RetryAfter answers with that status and Retry-After; after "date" means a date two
// seconds ahead.
func RetryAfter(status int, after string) Fault {
	name := fmt.Sprintf("status %d, Retry-After %s", status, after)
	return Fault{Name: name, serve: func(c *call) {
		value := after
		if after == "date" {
			value = time.Now().UTC().Add(2 * time.Second).Format(http.TimeFormat)
		}
		c.w.Header().Set("Retry-After", value)
		Status(status).serve(c)
	}}
}

// LoginPage answers with 200 and a page, as captive portals do.
func LoginPage() Fault {
	return Fault{Name: "login page", serve: func(c *call) { Status(http.StatusOK).serve(c) }}
}
