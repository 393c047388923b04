package listing

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// endless yields its text, then the same piece again and again, and counts what was read.
type endless struct {
	text  string
	piece string
	rest  []byte
	n     int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		e.rest = []byte(e.text)
	}
	if len(e.rest) == 0 {
		e.rest = []byte(e.piece)
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	e.n += n
	return n, nil
}

func TestEndlessLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, piece, want string }{
		{"plain", "a\n", "b", "list:2: the line is longer than 1048576 bytes"},
		{"from the start", "", "b", "list:1: the line is longer than 1048576 bytes"},
		{"comment", "#", "b", "list:1: the line is longer than 1048576 bytes"},
		{"sums", emptyMD5 + "  ", "b", "list:1: the line is longer than 1048576 bytes"},
		{"table", "path,size\na,1\n", "b", `list:3: the row is longer than 1048576 bytes: is a closing " missing?`},
		{"table, quoted", "path,size\na,1\n\"", "b\n", `list:3: the row is longer than 1048576 bytes: is a closing " missing?`},
		{"JSON", "{\"path\":\"a\"}\n{\"path\":\"", "b", "list:2: the line is longer than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &endless{text: c.text, piece: c.piece}
			if len(c.piece) == 1 {
				r.piece = strings.Repeat(c.piece, 1<<10)
			}
			var last error
			for _, err := range Read("list", r, testOptions()) {
				last = err
			}
			if last == nil || last.Error() != c.want {
				t.Errorf("got %v, want %s", last, c.want)
			}
			if r.n > 2*maxLine {
				t.Errorf("read %d bytes, want no more than %d", r.n, 2*maxLine)
			}
		})
	}
}

func TestLongLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("b/", 100<<10) // longer than the read buffer
	entries, errs := readAll("a\n# "+long+"\nc\n", testOptions())
	if diff := cmp.Diff([]Entry{at(1, "a"), at(3, "c")}, entries); diff != "" || errs != nil {
		t.Errorf("errors %q, entries (-want +got):\n%s", errs, diff)
	}
	_, errs = readAll(long+"\n", testOptions())
	if len(errs) != 1 || len(errs[0]) > 300 {
		t.Errorf("got %q, want one short error", errs)
	}
}

func TestReaderError(t *testing.T) {
	t.Parallel()
	cause := errors.New("the disk is on fire")
	for _, text := range []string{"", "a\nb", emptyMD5 + "  a\n" + emptyMD5, "path,size\na,1\nb,2", "{\"path\":\"a\"}\n{"} {
		var last error
		for _, err := range Read("list", io.MultiReader(strings.NewReader(text), iotest.ErrReader(cause)), testOptions()) {
			last = err
		}
		if e, ok := errors.AsType[*Error](last); !ok || !errors.Is(last, cause) || e.File != "list" {
			t.Errorf("%q: got %v, want an *Error of %v", text, last, cause)
		}
	}
}

func TestNULLate(t *testing.T) {
	t.Parallel()
	filler := strings.Repeat("#\n", sniffSize)
	for _, c := range []struct{ text, want string }{
		{filler + "a\nb\x00\nc\n", "list:65538: the line has a NUL byte"},
		{"path,size\n" + filler + "b\x00,1\n", "list:65538: the line has a NUL byte"},
	} {
		_, errs := readAll(c.text, testOptions())
		if diff := cmp.Diff([]string{c.want}, errs); diff != "" {
			t.Errorf("errors (-want +got):\n%s", diff)
		}
	}
}

// TestSlowReader feeds one byte at a time.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	for _, c := range tableCases {
		var got []Entry
		for e, err := range Read("list", iotest.OneByteReader(bytes.NewReader([]byte(c.text))), testOptions()) {
			if err != nil {
				t.Error(err)
			}
			got = append(got, e)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
