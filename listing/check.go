package listing

import (
	"errors"
	"io"
	"math"
	"net/url"
	"slices"
	"strings"
)

// Totals is what a list comes to.
type Totals struct {
	Entries int64
	Bytes   int64 // the sum of the sizes that the list gives
	Unsized int64 // entries without a size

	// Origins are the distinct scheme://host:port of the list's http and https URLs, in
	// lower case and with the port written out, SSHOrigins those of its sftp URLs. No more
	// than two of each are kept: they tell whether there is only one.
	Origins, SSHOrigins []string
}

// Check reads a list to its end and returns its totals, and all that is wrong with it as
// *Errors: what Read finds, a list without entries, and paths that cannot lie in one
// directory together. Those are the same path twice, a path that is also a directory of
// another, and, unless o.CaseSensitive, either of them without regard to case (by
// strings.ToLower; names that differ in Unicode normalisation are not compared). The error
// lies at the later of the two lines.
//
// It needs about 20 bytes of memory for each entry and each directory that has entries.
func Check(name string, r io.Reader, o Options) (Totals, error) {
	var (
		totals  Totals
		found   Errors
		names   = newNames(!o.CaseSensitive)
		origins origins
	)
	for e, err := range Read(name, r, o) {
		if err == nil {
			totals.add(e)
			origins.add(e.URLs)
			err = names.add(e.Path, e.Line)
		}
		if err == nil {
			continue
		}
		bad, ok := errors.AsType[*Error](err)
		if !ok {
			bad = &Error{File: name, Line: e.Line, Msg: err.Error(), Err: err}
		}
		found.add(bad)
	}
	totals.Origins, totals.SSHOrigins = origins.web, origins.ssh
	if totals.Entries == 0 && found.Count == 0 {
		found.add(&Error{File: name, Msg: "the list is empty"})
	}
	if found.Count > 0 {
		return totals, &found
	}
	return totals, nil
}

func (t *Totals) add(e Entry) {
	t.Entries++
	switch {
	case e.Size < 0:
		t.Unsized++
	case e.Size > math.MaxInt64-t.Bytes:
		t.Bytes = math.MaxInt64 // more than any disk has: good enough to refuse
	default:
		t.Bytes += e.Size
	}
}

// origins collects the first two origins of a list, of the web and of SSH each.
type origins struct {
	web, ssh []string
	last     string // the last URL up to its path, which most others share
}

func (o *origins) add(urls []string) {
	for _, s := range urls {
		if o.last != "" && strings.HasPrefix(s, o.last) {
			continue
		}
		o.last = ""
		scheme := strings.Index(s, "://") + len("://")
		if slash := strings.IndexByte(s[scheme:], '/'); slash >= 0 {
			o.last = s[:scheme+slash+1]
		}
		found := o.of(s[:scheme])
		if found == nil || len(*found) == 2 {
			continue
		}
		u, err := url.Parse(s)
		if err != nil {
			continue
		}
		if origin := originOf(u); !slices.Contains(*found, origin) {
			*found = append(*found, origin)
		}
	}
}

// of returns where origins of a scheme belong, nil if they are not kept.
func (o *origins) of(scheme string) *[]string {
	switch scheme {
	case "http://", "https://":
		return &o.web
	case "sftp://":
		return &o.ssh
	}
	return nil
}
