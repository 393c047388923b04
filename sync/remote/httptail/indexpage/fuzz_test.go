package indexpage

import (
	"bytes"
	"io"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// endless reads head, then again for ever.
type endless struct {
	head, again string
	n           int64
}

func (e *endless) Read(p []byte) (int, error) {
	from := e.head
	if e.head == "" {
		from = e.again
	}
	n := copy(p, from)
	if e.head != "" {
		e.head = e.head[n:]
	} else {
		e.again = e.again[n:] + e.again[:n]
	}
	e.n += int64(n)
	return n, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func iotestOneByte(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) }

func parseFrom(r io.Reader, at string) (n int, err error) {
	u, err := url.Parse(at)
	if err != nil {
		return 0, err
	}
	return count(Parse(r, u))
}

// count counts what is yielded before an error.
func count(entries iter.Seq2[Entry, error]) (n int, err error) {
	for _, err := range entries {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) == 0 {
		f.Fatal("no samples", err)
	}
	for _, file := range files {
		page, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(page, "/list/")
	}
	f.Add([]byte(listing(`<a href="http://h/list/x">`)), "/list/")
	f.Fuzz(func(t *testing.T, page []byte, path string) {
		at := &url.URL{Scheme: "http", Host: "h", Path: "/" + strings.TrimPrefix(path, "/")}
		n := 0
		for e, err := range Parse(bytes.NewReader(page), at) {
			if err != nil {
				continue
			}
			if n++; n > len(page) {
				t.Fatalf("%d entries in %d bytes", n, len(page))
			}
			if len(e.Name) > len(page) || e.Size < -1 {
				t.Fatalf("%q: size %d", e.Name, e.Size)
			}
			if e.Skipped == "" && (e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00")) {
				t.Fatalf("%q is no name", e.Name)
			}
		}
		for range Parse(bytes.NewReader(page), at) {
			break // who has seen enough gets no more
		}
	})
}
