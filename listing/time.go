package listing

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// httpDate is the IMF-fixdate of RFC 9110 §5.6.7.
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

// Unix seconds of the years 1 and 9999: what RFC 3339 can write. Times in milliseconds
// lie outside.
const (
	minUnix = -62135596800
	maxUnix = 253402300799
)

// parseTime reads a modification time:
//
//	2024-01-02T03:04:05.678Z, …+01:00   RFC 3339; a blank may stand for the T and before the zone
//	1704164645, 1704164645.678          Unix seconds, exact to the nanosecond
//	Tue, 02 Jan 2024 03:04:05 GMT       HTTP
//	2024-01-02 03:04[:05]               no zone: the zero time, it settles nothing
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	if t, ok := parseUnix(s); ok {
		return t, nil
	}
	for _, layout := range []string{httpDate, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05 -0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02"} {
		if _, err := time.Parse(layout, s); err == nil {
			return time.Time{}, nil
		}
	}
	return time.Time{}, fmt.Errorf("time %s is neither RFC 3339 (2024-01-02T03:04:05Z) nor Unix seconds nor an HTTP date", show(s))
}

// parseUnix reads seconds with a decimal fraction. Digits after the ninth are dropped, as
// find -printf %T@ writes ten. No float: they hold microseconds at best.
func parseUnix(s string) (time.Time, bool) {
	whole, fraction, hasFraction := strings.Cut(s, ".")
	digits := strings.TrimPrefix(whole, "-")
	if !isDigits(digits) || hasFraction && !isDigits(fraction) {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds < minUnix || seconds > maxUnix {
		return time.Time{}, false
	}
	nanos, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if digits != whole {
		nanos = -nanos
	}
	return time.Unix(seconds, nanos).UTC(), true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
