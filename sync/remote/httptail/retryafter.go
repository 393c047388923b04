package httptail

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAfter bounds what a server can ask for, so that no sum of it overflows. How much
// of it is honoured is the engine's decision.
const maxAfter = 100 * time.Hour

// retryAfter returns how long a server asks to wait (RFC 9110 §10.2.3): seconds, or a
// date, which is counted from the server's own Date where there is one.
func retryAfter(h http.Header, now time.Time) time.Duration {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if s == "" {
		return 0
	}
	if strings.Trim(s, "0123456789") == "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n > int64(maxAfter/time.Second) { // out of range: digits it is
			return maxAfter
		}
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxAfter)
}
