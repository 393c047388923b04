package httptail

import (
	"net/http"
	"testing"
)

// rangeRows are answers to a request from byte 100 on. They seed the fuzzing too.
var rangeRows = []struct {
	name   string
	header []string
	length int64  // Content-Length
	want   string // "" for refused
}{
	{"good", []string{"bytes 100-199/200"}, 100, "bytes 100-199/200"},
	{"no length", []string{"bytes 100-199/200"}, -1, "bytes 100-199/200"},
	{"unknown size", []string{"bytes 100-199/*"}, 100, "bytes 100-199/*"},
	{"one byte", []string{"bytes 100-100/101"}, 1, "bytes 100-100/101"},
	{"starts before", []string{"bytes 64-199/200"}, 136, "bytes 64-199/200"},
	{"whole file", []string{"bytes 0-199/200"}, 200, "bytes 0-199/200"},
	{"a part", []string{"bytes 100-149/200"}, 50, "bytes 100-149/200"},
	{"unit in capitals", []string{"BYTES 100-199/200"}, 100, "bytes 100-199/200"},
	{"leading zeros", []string{"bytes 0100-0199/0200"}, 100, "bytes 100-199/200"},
	{"largest", []string{"bytes 100-9223372036854775805/9223372036854775806"}, -1, "bytes 100-9223372036854775805/9223372036854775806"},
	{"missing", nil, 100, ""},
	{"empty", []string{""}, 100, ""},
	{"twice", []string{"bytes 100-199/200", "bytes 100-199/200"}, 100, ""},
	{"two in one", []string{"bytes 100-199/200, bytes 100-199/200"}, 100, ""},
	{"wrong unit", []string{"items 100-199/200"}, 100, ""},
	{"no unit", []string{"100-199/200"}, 100, ""},
	{"starts after", []string{"bytes 101-199/200"}, 99, ""},
	{"ends before", []string{"bytes 0-99/200"}, 100, ""},
	{"length too small", []string{"bytes 100-199/200"}, 99, ""},
	{"length too large", []string{"bytes 100-199/200"}, 101, ""},
	{"length of the file", []string{"bytes 100-199/200"}, 200, ""},
	{"length nought", []string{"bytes 100-199/200"}, 0, ""},
	{"backwards", []string{"bytes 199-100/200"}, -1, ""},
	{"last is the size", []string{"bytes 100-200/200"}, 101, ""},
	{"size below first", []string{"bytes 100-199/50"}, 100, ""},
	{"unsatisfied", []string{"bytes */200"}, -1, ""},
	{"unsatisfied, unknown", []string{"bytes */*"}, -1, ""},
	{"no size", []string{"bytes 100-199"}, 100, ""},
	{"empty size", []string{"bytes 100-199/"}, 100, ""},
	{"no last", []string{"bytes 100-/200"}, 100, ""},
	{"no first", []string{"bytes -199/200"}, 100, ""},
	{"Go's answer to a suffix of nothing", []string{"bytes 0--1/0"}, 0, ""},
	{"negative", []string{"bytes -1-199/200"}, -1, ""},
	{"signs", []string{"bytes +100-+199/+200"}, 100, ""},
	{"hexadecimal", []string{"bytes 0x64-199/200"}, 100, ""},
	{"two spaces", []string{"bytes  100-199/200"}, 100, ""},
	{"tab", []string{"bytes\t100-199/200"}, 100, ""},
	{"space at the end", []string{"bytes 100-199/200 "}, 100, ""},
	{"spaces within", []string{"bytes 100 - 199 / 200"}, 100, ""},
	{"equals sign", []string{"bytes=100-199/200"}, 100, ""},
	{"more slashes", []string{"bytes 100-199/200/300"}, 100, ""},
	{"overflow", []string{"bytes 100-18446744073709551715/18446744073709551716"}, 100, ""},
	{"overflow by one", []string{"bytes 100-9223372036854775807/*"}, -1, ""},
	{"size overflows", []string{"bytes 100-199/99999999999999999999"}, 100, ""},
	{"other digits", []string{"bytes ١٠٠-199/200"}, 100, ""},
}

func TestRangeOf(t *testing.T) {
	for _, row := range rangeRows {
		resp := &http.Response{Header: http.Header{"Content-Range": row.header}, ContentLength: row.length}
		r, err := rangeOf(resp, 100)
		switch {
		case row.want == "" && err == nil:
			t.Errorf("%s: %q was believed as %s", row.name, row.header, r)
		case row.want != "" && (err != nil || r.String() != row.want):
			t.Errorf("%s: %q = %s, %v; want %s", row.name, row.header, r, err, row.want)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	for _, row := range rangeRows {
		for _, h := range row.header {
			f.Add(h, row.length, int64(100))
		}
	}
	f.Fuzz(func(t *testing.T, s string, length, offset int64) {
		r, err := parseContentRange(s)
		if err == nil {
			again, err := parseContentRange(r.String())
			if err != nil || again != r {
				t.Fatalf("%q = %+v, written and read again %+v, %v", s, r, again, err)
			}
			if r.first < 0 || r.last < r.first || r.last+1 <= 0 || r.size >= 0 && r.size <= r.last || r.size < -1 {
				t.Fatalf("%q = %+v", s, r)
			}
		}
		resp := &http.Response{Header: http.Header{"Content-Range": {s}}, ContentLength: length}
		r, err = rangeOf(resp, offset)
		if err == nil && (r.first > offset || r.last < offset || length >= 0 && r.last-r.first+1 != length) {
			t.Fatalf("%q with length %d, asked for %d, was believed as %+v", s, length, offset, r)
		}
	})
}
