package listing

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// otherSHA256 is one that differs from emptySHA256.
var otherSHA256 = strings.Repeat("0123456789abcdef", 4)

// debPackages is like the Packages of Debian, and of dpkg-scanpackages for its second
// stanza.
var debPackages = `Package: 0ad
Version: 0.0.26-3
Installed-Size: 28591
Maintainer: Debian Games Team <pkg-games-devel@lists.alioth.debian.org>
Architecture: amd64
Depends: 0ad-data (>= 0.0.26), libc6 (>= 2.34), libboost-filesystem1.74.0 (>= 1.74.0)
Description: Real-time strategy game of ancient warfare
 A second line, as in small archives.
 .
 Filename: not/a/field
Homepage: https://play0ad.com/
Description-md5: d943033bedada21853d2ae54a2578a7b
Tag: game::strategy, interface::graphical, interface::x11, role::program,
 uitoolkit::sdl, uitoolkit::wxwidgets
Section: games
Priority: optional
Filename: pool/main/0/0ad/0ad_0.0.26-3_amd64.deb
Size: 7891488
MD5sum: ` + emptyMD5 + `
SHA256: ` + emptySHA256 + `

sha1: ` + emptySHA1 + `
FILENAME:./lib/libstdc++6_4%3a5_all.deb
size:	12
pAcKage: libstdc++6
MD5Sum: ` + emptyMD5 + `


Package: c
Filename: pool/c_1.deb
Size: 0
SHA512: ` + emptySHA512 + `
`

// debSources is like the Sources of Debian.
var debSources = `Package: aalib
Binary: libaa-bin, libaa1, libaa1-dev
Version: 1.4p5-50
Build-Depends: debhelper-compat (= 13), libgpm-dev [linux-any]
Package-List:
 libaa-bin deb text optional arch=any
 libaa1 deb libs optional arch=any
Files:
 ` + emptyMD5 + ` 2078 aalib_1.4p5-50.dsc
 ` + emptyMD5 + ` 391028 aalib_1.4p5.orig.tar.gz
Checksums-Sha256:
 ` + emptySHA256 + ` 2078 aalib_1.4p5-50.dsc
 ` + otherSHA256 + ` 391028 aalib_1.4p5.orig.tar.gz
 ` + emptySHA256 + ` 14216 aalib_1.4p5-50.debian.tar.xz
Directory: pool/main/a/aalib
Priority: source
Section: graphics

Package: b
Format: 1.0
Directory: .
Version: 2
Checksums-Sha1:
 ` + emptySHA1 + `   7   b_2.dsc
Files:
 ` + emptyMD5 + ` 7 b_2.dsc
`

var debPackagesEntries = []Entry{
	at(1, "pool/main/0/0ad/0ad_0.0.26-3_amd64.deb").sized(7891488).summed(emptySHA256),
	at(22, "lib/libstdc++6_4%3a5_all.deb", testBase+"lib/libstdc%2B%2B6_4%253a5_all.deb").sized(12).summed(emptySHA1, emptyMD5),
	at(29, "pool/c_1.deb").sized(0).summed(emptySHA512),
}

var debSourcesEntries = []Entry{
	at(9, "pool/main/a/aalib/aalib_1.4p5-50.dsc").sized(2078).summed(emptySHA256),
	at(10, "pool/main/a/aalib/aalib_1.4p5.orig.tar.gz").sized(391028).summed(otherSHA256),
	at(14, "pool/main/a/aalib/aalib_1.4p5-50.debian.tar.xz").sized(14216).summed(emptySHA256),
	at(24, "b_2.dsc").sized(7).summed(emptySHA1, emptyMD5),
}

var deb822Cases = []readCase{
	{"Packages", debPackages, debPackagesEntries},
	{"Packages, CRLF", strings.ReplaceAll(debPackages, "\n", "\r\n"), debPackagesEntries},
	{"Packages, byte order mark", "\ufeff" + debPackages, debPackagesEntries},
	{"Packages, cut at 64 KiB", debPackages + "\n" + filler(100<<10) + "Filename: d\n", append(debPackagesEntries[:3:3], at(34, "d"))},
	{"Packages, first stanza above 64 KiB", "Version: 1\nPackage: ab\n" + filler(100<<10) + "Filename: d\n", []Entry{at(1, "d")}},
	{"Sources", debSources, debSourcesEntries},
	{"Sources, no line end", strings.TrimSuffix(debSources, "\n"), debSourcesEntries},
	{"a blank within a line", "Package: ab\nFilename: a b\n \nSize: 3", []Entry{at(1, "a b", testBase+"a%20b").sized(3)}},
}

// filler is a field of n bytes over many lines, and one more field.
func filler(n int) string {
	return "Description: x\n" + strings.Repeat(" .\n", 1) + "Tag: " + strings.Repeat("x", n) + "\n"
}

func TestDeb822Errors(t *testing.T) {
	t.Parallel()
	const ok = "\n\nPackage: ok\nFilename: ok\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"no Filename", "Package: ab\nStatus: install ok installed\nVersion: 1" + ok, []string{
			`list:1: the stanza of "ab" has neither a Filename nor a Directory: only Packages and Sources of an archive say where files lie`,
		}},
		{"no files", "Package: ab\nDirectory: d" + ok, []string{`list:1: the stanza of "ab" names no files`}},
		{"sizes", "Package: ab\nFilename: a\nSize: -1" + ok, []string{`list:3: size "-1" is not a whole number of bytes`}},
		{"digest", "Package: ab\nFilename: a\nSHA256: 12\nSize: x" + ok, []string{`list:3: a sha256 digest has 64 hexadecimal digits, not 2`}},
		{"twice", "Package: ab\nFilename: a\nfilename: b" + ok, []string{`list:3: "filename" is given twice in a stanza`}},
		{"no field", "Package: ab\nFilename: a\n\nFilename: b\n# c" + ok, []string{`list:5: neither "Field: value" nor a line that goes on with one`}},
		{"blank first", "Package: ab\nFilename: a\n\n b\nFilename: b" + ok, []string{`list:4: the stanza begins with a blank`}},
		{"NUL", "Package: ab\nFilename: a\n" + filler(sniffSize) + "Size:\x00 1" + ok, []string{`list:6: the line has a NUL byte`}},
		{"parent", "Package: ab\nFilename: ../a" + ok, []string{`list:1: path "../a" has an element ".."`}},
		{"file elsewhere", "Package: ab\nDirectory: d\nFiles:\n " + emptyMD5 + " 1 ../../a" + ok, []string{`list:4: file "../../a" of a source package has a slash`}},
		{"parent of a directory", "Package: ab\nDirectory: d/..\nFiles:\n " + emptyMD5 + " 1 a\n " + emptyMD5 + " 1 .." + ok, []string{
			`list:4: path "d/../a" has an element ".."`, `list:5: path "d/../.." has an element ".."`,
		}},
		{"absolute", "Package: ab\nDirectory: /d\nFiles:\n " + emptyMD5 + " 1 a" + ok, []string{`list:4: path "/d/a" is absolute: give it relative to the directory that is pulled to`}},
		{"line of a block", "Package: ab\nDirectory: d\nFiles:\n " + emptyMD5 + " a" + ok, []string{`list:4: not a line of "files": "HEX SIZE NAME"`}},
		{"two sizes", "Package: ab\nDirectory: d\nFiles:\n " + emptyMD5 + " 1 a\nChecksums-Sha1:\n " + emptySHA1 + " 2 a" + ok, []string{`list:6: two sizes of "a" are given: 1 and 2`}},
		{"two digests", "Package: ab\nDirectory: d\nFiles:\n " + emptyMD5 + " 1 a\n " + strings.Repeat("0", 32) + " 1 a" + ok, []string{`list:5: two different md5 digests are given`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			entries, errs := readAll(c.text, testOptions())
			if diff := cmp.Diff(c.want, errs); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if len(entries) == 0 || entries[len(entries)-1].Path != "ok" {
				t.Errorf("got %v, want ok at last", entries)
			}
		})
	}
}

// TestNotDeb822 holds plain lists that look a little like stanzas.
func TestNotDeb822(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"Package: a\n", "Package: Ab\nFilename: b\n", "Package: ab\nFilename: b\nc\n", "Package: ab\nSection: b\n", "Filename: a\nDirectory: b\n",
	} {
		_, errs := readAll(text, testOptions())
		entries, more := readAll("x\n"+text, testOptions())
		if len(entries) != 1+strings.Count(text, "\n") || errs != nil || more != nil {
			t.Errorf("%q: got %v, errors %q %q, want a plain list", text, entries, errs, more)
		}
	}
}

func TestDeb822Repeats(t *testing.T) {
	t.Parallel()
	again := strings.Replace(debSources, "aalib_1.4p5-50.d", "aalib_1.4p5-51.d", 6)
	totals, err := Check("Sources", strings.NewReader(debSources[:strings.Index(debSources, "\nPackage: b")]+"\n"+again), testOptions())
	if err != nil || totals.Entries != 6 {
		t.Errorf("got %d entries, %v, want 6", totals.Entries, err)
	}
	other := strings.Replace(again, "391028", "391029", 2)
	_, err = Check("Sources", strings.NewReader(debSources+"\n"+other), testOptions())
	if errs, ok := errors.AsType[*Errors](err); !ok || errs.Count != 1 || errs.List[0].Line != 37 {
		t.Errorf("another size: got %v, want an error in line 37", err)
	}
}

func TestDeb822Place(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ place, base, want string }{
		{"https://deb.example/debian/dists/stable/main/binary-amd64/", "", "https://deb.example/debian/a"},
		{"https://deb.example/debian/dists/stable/main/binary-amd64/Packages.gz?x=y", "", "https://deb.example/debian/a"},
		{"https://deb.example/dists/s/main/source/by-hash/SHA256/0", "", "https://deb.example/a"},
		{"https://u:p@deb.example/a%2Fb/dists/old/dists/new/", "", "https://u:p@deb.example/a%2Fb/dists/old/a"},
		{"https://deb.example/flat/./", "", "https://deb.example/flat/./a"},
		{"https://deb.example/dists", "", "https://deb.example/a"},
		{"file:///srv/debian/dists/stable/main/binary-amd64/", "", "file:///srv/debian/a"},
		{"sftp://h.example/~/d%20e/dists/x/", "", "sftp://h.example/~/d%20e/a"},
		{"https://deb.example/debian/dists/stable/", "https://other.example/dists/x/", "https://other.example/dists/x/a"},
		{"", "", ""},
	} {
		o := Options{Schemes: testOptions().Schemes}
		if c.place != "" {
			o.Place = mustURL(c.place)
		}
		if c.base != "" {
			o.Base = mustURL(c.base)
		}
		entries, errs := readAll("Package: ab\nFilename: a\n", o)
		switch {
		case c.want == "" && (len(errs) != 1 || !strings.HasSuffix(errs[0], noBase)):
			t.Errorf("no place: got %v, %q, want %s", entries, errs, noBase)
		case c.want != "" && (len(entries) != 1 || entries[0].URLs[0] != c.want):
			t.Errorf("%s: got %v, %q, want %s", c.place, entries, errs, c.want)
		}
	}
}

func TestEndlessStanza(t *testing.T) {
	t.Parallel()
	begin := "Package: ab\nDirectory: d\nFiles:\n"
	for _, piece := range []string{" .\n", fmt.Sprintf(" %s 1 %s\n", emptyMD5, strings.Repeat("x", 200)), "Field: x\n"} {
		r := &endless{text: begin, piece: piece}
		var last error
		for _, err := range Read("list", r, testOptions()) {
			last = err
		}
		if last == nil || !strings.HasSuffix(last.Error(), errStanza.Error()) || r.n > 2*maxStanza {
			t.Errorf("%q: got %v after %d bytes, want %v", piece, last, r.n, errStanza)
		}
	}
}
