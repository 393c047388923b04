package httptail

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// contentRange says which bytes of a file an answer holds (RFC 9110 §14.4).
type contentRange struct {
	first, last int64
	size        int64 // the complete length, -1 if unknown
}

func (r contentRange) String() string {
	if r.size < 0 {
		return fmt.Sprintf("bytes %d-%d/*", r.first, r.last)
	}
	return fmt.Sprintf("bytes %d-%d/%d", r.first, r.last, r.size)
}

// errContentRange is all that is said of a malformed value: a server's text is not
// repeated.
var errContentRange = errors.New("malformed Content-Range")

// parseContentRange reads the Content-Range of a 206. It takes nothing that §14.4 calls
// invalid, nor an unsatisfied range ("bytes */N"), which belongs to 416.
func parseContentRange(s string) (contentRange, error) {
	unit, rest, ok := strings.Cut(s, " ")
	if !ok || !strings.EqualFold(unit, "bytes") { // units are case-insensitive, §14.1
		return contentRange{}, errContentRange
	}
	span, size, ok := strings.Cut(rest, "/")
	if !ok {
		return contentRange{}, errContentRange
	}
	first, last, ok := strings.Cut(span, "-")
	if !ok {
		return contentRange{}, errContentRange
	}
	r := contentRange{size: -1}
	var err [3]error
	r.first, err[0] = parsePosition(first)
	r.last, err[1] = parsePosition(last)
	if size != "*" {
		r.size, err[2] = parsePosition(size)
	}
	if errors.Join(err[:]...) != nil {
		return contentRange{}, errContentRange
	}
	if r.last < r.first || r.size >= 0 && r.size <= r.last {
		return contentRange{}, fmt.Errorf("impossible Content-Range %q", r.String())
	}
	return r, nil
}

// parsePosition reads 1*DIGIT. A number has no upper bound in the grammar, so it is
// guarded here (§14.1.2); the highest int64 is refused too, to let callers add one.
func parsePosition(s string) (int64, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, errContentRange
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n == math.MaxInt64 {
		return 0, errContentRange
	}
	return n, nil
}

// rangeOf returns the range that a 206 holds, if it is one that begins at offset or
// before it and has the byte at offset.
func rangeOf(resp *http.Response, offset int64) (contentRange, error) {
	values := resp.Header.Values("Content-Range")
	if len(values) != 1 {
		return contentRange{}, fmt.Errorf("%d Content-Range headers", len(values))
	}
	r, err := parseContentRange(values[0])
	switch {
	case err != nil:
		return contentRange{}, err
	case resp.ContentLength >= 0 && resp.ContentLength != r.last-r.first+1:
		return contentRange{}, fmt.Errorf("Content-Range %q does not fit Content-Length %d", r.String(), resp.ContentLength)
	case r.first > offset:
		return contentRange{}, fmt.Errorf("asked for byte %d, got %q", offset, r.String())
	case r.last < offset:
		// Believed, it would be asked for again and again without getting on.
		return contentRange{}, fmt.Errorf("asked for byte %d, got only %q", offset, r.String())
	}
	return r, nil
}
