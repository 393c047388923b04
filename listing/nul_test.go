package listing

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadNUL(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.NUL = true
	for _, c := range []struct {
		name, text string
		want       []Entry
		errs       []string
	}{
		{"nothing", "", nil, nil},
		{"paths", "a\x00./sub/b\x00", []Entry{at(1, "a"), at(2, "sub/b")}, nil},
		{"the last without an end", "a\x00b", []Entry{at(1, "a"), at(2, "b")}, nil},
		{"one without an end", "a\nb", []Entry{at(1, "a\nb", testBase+"a%0Ab")}, nil},
		{"as they are", "# a\n\x00 b \x00c\td\x00\ufeffe\x00{\"f\x00\n\x00\r\n\x00", []Entry{
			at(1, "# a\n", testBase+"%23%20a%0A"), at(2, " b ", testBase+"%20b%20"), at(3, "c\td", testBase+"c%09d"),
			at(4, "\ufeffe", testBase+"%EF%BB%BFe"), at(5, "{\"f", testBase+"%7B%22f"), at(6, "\n", testBase+"%0A"), at(7, "\r\n", testBase+"%0D%0A"),
		}, nil},
		{"what would be another format", "path,size\x00" + emptyMD5 + "  a\x00<html>\x00", []Entry{
			at(1, "path,size", testBase+"path,size"), at(2, emptyMD5+"  a", testBase+emptyMD5+"%20%20a"), at(3, "<html>", testBase+"%3Chtml%3E"),
		}, nil},
		{"URLs", "https://x.example/a\x00bob@host:b\x00", []Entry{at(1, "a", "https://x.example/a"), at(2, "b", "sftp://bob@host/~/b")}, nil},
		{"wrong names", "..\x00a/../b\x00/c\x00ok\x00", []Entry{at(4, "ok")}, []string{
			`list:1: path ".." has an element ".."`, `list:2: path "a/../b" has an element ".."`,
			`list:3: path "/c" is absolute: give it relative to the directory that is pulled to`,
		}},
		{"empty names", "a\x00\x00b\x00\x00", []Entry{at(1, "a"), at(3, "b")}, []string{"list:2: the name is empty", "list:4: the name is empty"}},
		{"a disk image", strings.Repeat("\x00", 1<<20), nil, []string{"list: binary data, not a list"}},
		{"lines", "a\nb\n", nil, []string{"list: the list has lines and no NUL byte: read it without -0"}},
		{"a long name", "a\x00" + strings.Repeat("b/", 100<<10) + "\x00c", []Entry{at(1, "a"), at(3, "c")}, []string{
			`list:2: path "` + strings.Repeat("b/", 100) + `…" is longer than 4095 bytes`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{c.text, pack(t, "gzip", c.text)} {
				entries, errs := readAll(text, o)
				if diff := cmp.Diff(c.want, entries); diff != "" {
					t.Errorf("entries (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.errs, errs); diff != "" {
					t.Errorf("errors (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestEndlessName(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.NUL = true
	r := &endless{text: "a\x00", piece: strings.Repeat("b", 1<<10)}
	var last error
	for _, err := range Read("list", r, o) {
		last = err
	}
	const want = "list:2: the name is longer than 1048576 bytes: does it end in a NUL byte?"
	if last == nil || last.Error() != want || r.n > 2*maxLine {
		t.Errorf("got %v of %d bytes, want %s", last, r.n, want)
	}
}
