package listing

import (
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// metalinkErrors are Metalinks with all that is wrong with them. A good last entry "ok" shows
// that reading went on.
var metalinkErrors = []struct {
	name, text string
	want       []string
}{
	{"parent", metalink4Head + `<file name="../../.ssh/authorized_keys"/><file name="ok"/></metalink>`, []string{`list:2: path "../../.ssh/authorized_keys" has an element ".."`}},
	{"parent inside", metalink4Head + `<file name="a/../b"/><file name="ok"/></metalink>`, []string{`list:2: path "a/../b" has an element ".."`}},
	{"absolute", metalink3Head + `<file name="/etc/passwd"><size>1</size></file><file name="ok"/>` + metalink3Tail, []string{`list:2: path "/etc/passwd" is absolute: give it relative to the directory that is pulled to`}},
	{"drive", metalink4Head + `<file name="C:\x"/><file name="ok"/></metalink>`, []string{`list:2: path "C:\\x" begins with a drive letter`}},
	{"no name", metalink4Head + `<file><size>1</size><hash>x</hash></file><file name="ok"/></metalink>`, []string{"list:2: a file without a name"}},
	{"no size", file4(`</file><file name="b"><size></size>`), []string{`list:4: size "" is not a whole number of bytes`}},
	{"bad size", file4(`</file><file name="b"><size>-1</size>`), []string{`list:4: size "-1" is not a whole number of bytes`}},
	{"two sizes", file4("<size>10</size>"), []string{"list:4: the file has two sizes"}},
	{"no type", file4("<hash>" + emptyMD5 + "</hash>"), []string{"list:4: a hash without its type"}},
	{"short hash", file4(`<hash type="sha-256">` + emptyMD5 + "</hash>"), []string{"list:4: a sha256 digest has 64 hexadecimal digits, not 32"}},
	{"two hashes", file4(`<hash type="md5">` + emptyMD5 + "</hash>\n" + `<hash type="MD5">` + strings.Repeat("0", 32) + "</hash>"), []string{"list:5: two different md5 digests are given"}},
	{"no URL to pull", file4("<url>ftp://a.example/a</url><url>rsync://b/c</url><url>ftp://c.example/a</url>"), []string{`list:2: the file's URLs cannot be pulled (schemes: "ftp, rsync"; known: http, https, file, sftp)`}},
	{"a torrent alone", file3(`<resources><url type="bittorrent">http://a.example/a.torrent</url></resources>`), []string{`list:2: the file's URLs cannot be pulled (schemes: "bittorrent"; known: http, https, file, sftp)`}},
	{"empty URL", file4("<url> </url>"), []string{"list:4: an empty URL"}},
	{"bad URL", file4("<url>https://user:secret@h.example/%zz</url>"), []string{`list:2: "https://…@h.example/%zz" is not a valid URL`}},
	{"many URLs", file4(strings.Repeat("<url>http://a.example/a</url>", 1001)), []string{"list:4: the file has more than 1000 URLs"}},
	{"pieces without a size", metalink4Head + "<file name='b'>\n<pieces type='sha-1' length='4'><hash>" + emptySHA1 + "</hash></pieces></file><file name='ok'/></metalink>", []string{"list:3: pieces are given, but no size"}},
	{"too few pieces", file4("<pieces type='sha-1' length='4'>\n<hash>" + emptySHA1 + "</hash></pieces>"), []string{"list:4: 1 pieces of 4 bytes do not fit a file of 10 bytes"}},
	{"too many pieces", file4("<pieces type='sha-1' length='10'><hash>" + emptySHA1 + "</hash><hash>" + emptySHA1 + "</hash></pieces>"), []string{"list:4: 2 pieces of 10 bytes do not fit a file of 10 bytes"}},
	{"no pieces in pieces", file4("<pieces type='sha-1' length='10'></pieces>"), []string{"list:4: 0 bytes are no row of sha1 digests"}},
	{"piece of another length", file4("<pieces type='sha-1' length='10'>\n<hash>" + emptyMD5 + "</hash></pieces>"), []string{"list:5: the hash of a piece has 40 hexadecimal digits, not 32"}},
	{"piece not in hexadecimal", file4("<pieces type='sha-1' length='10'><hash>" + strings.Repeat("x", 40) + "</hash></pieces>"), []string{"list:4: the hash of a piece is not hexadecimal"}},
	{"length of pieces", file4("<pieces type='sha-1' length='0'><hash>x</hash></pieces>"), []string{`list:4: the length "0" of the pieces is not a number above 0`}},
	{"no length of pieces", file4("<pieces type='sha-1'><hash>x</hash></pieces>"), []string{`list:4: the length "" of the pieces is not a number above 0`}},
	{"several", file4("<url/></file>\n<file name='..'></file>\n<file><url>x</url>"), []string{"list:4: an empty URL", `list:5: path ".." has an element ".."`, "list:6: a file without a name"}},
}

func TestMetalinkErrors(t *testing.T) {
	t.Parallel()
	for _, c := range metalinkErrors {
		entries, errs := readAll(c.text, testOptions())
		if diff := cmp.Diff(c.want, errs); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if len(entries) == 0 || entries[len(entries)-1].Path != "ok" {
			t.Errorf("%s: entries %+v, want ok as the last", c.name, entries)
		}
	}
	_, errs := readAll(file4(""), Options{})
	want := `"a": ` + noBase
	if len(errs) != 2 || !strings.HasSuffix(errs[0], want) {
		t.Errorf("no base: %q, want %q", errs, want)
	}
}

// TestMetalinkEnds has what ends reading, with nothing yielded from there on.
func TestMetalinkEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		entries    int
		want       string
	}{
		{"another name space", `<metalink xmlns="urn:x"><file name="a"/></metalink>`, 0, `list:1: the document is no Metalink of version 4 or 3: its first element is <metalink> of name space "urn:x"`},
		{"no name space", "\n<metalink>", 0, `list:2: the document is no Metalink of version 4 or 3: its first element is <metalink> of name space ""`},
		{"cut off", metalink4Head + "<file name='a'/>\n<file name='b'><size>1</size>", 1, "list:3: the XML document ends too early: it is cut off"},
		{"cut off after an error", metalink4Head + "<file>\n<size>1</size>", 0, "list:2: a file without a name"},
		{"not well-formed", metalink4Head + "<file name='a'></size></file>", 0, "list:2: the XML document is not well-formed: element <file> closed by </size>"},
		{"bomb", `<?xml version="1.0"?><!DOCTYPE metalink [<!ENTITY a "aaaa">]>` + metalink4Head + `<file name="&a;"/></metalink>`, 0, "list:1: " + errXMLType.Error()},
		{"deep", metalink4Head + strings.Repeat("<file name='a'>", 100), 0, "list:2: " + errXMLDepth.Error()},
		{"an element in a text", file4("<url>http://a.example/<b/></url>"), 0, "list:4: the XML document has an element <b> where a text is due"},
		{"long URL", file4("<url>http://a.example/" + strings.Repeat("a", maxMetalinkURL) + "</url>"), 0, "list:4: a text of the XML document is longer than 65536 bytes, which is all that there may be"},
	} {
		entries, errs := readAll(c.text, testOptions())
		if len(entries) != c.entries || len(errs) == 0 || errs[0] != c.want {
			t.Errorf("%s: %d entries, errors\n%q, want\n%q", c.name, len(entries), errs, c.want)
		}
	}
}

// TestMetalinkMemory has 100 files with 64 KB of piece hashes each: none is held once the next
// one is read.
func TestMetalinkMemory(t *testing.T) {
	hash := "<hash>" + hex.EncodeToString(make([]byte, 64)) + "</hash>"
	text := io.MultiReader(
		strings.NewReader(metalink4Head),
		&repeatReader{text: "<file name='b'><size>1000</size><pieces length='1' type='sha-512'>" + strings.Repeat(hash, 1000) + "</pieces></file>", left: 100},
		strings.NewReader("</metalink>"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	highest := uint64(0)
	entries := 0
	for e, err := range Read("list", text, testOptions()) {
		if err != nil || e.Pieces.Count() != 1000 {
			t.Fatalf("entry %d: error %v", entries, err)
		}
		entries++
		runtime.GC()
		runtime.ReadMemStats(&after)
		highest = max(highest, after.HeapAlloc)
	}
	if entries != 100 {
		t.Errorf("%d entries, want 100", entries)
	}
	if highest > before.HeapAlloc+4<<20 {
		t.Errorf("%d bytes are held", highest-before.HeapAlloc)
	}
}

func TestMetalinkHashBound(t *testing.T) {
	t.Parallel()
	f := metalinkFile{hashed: maxPieceSums - 40}
	f.m = &metalinkReader{x: newXMLReader(newLines(strings.NewReader(
		"<pieces>" + strings.Repeat("<hash>"+emptySHA1+"</hash>", 3) + "</pieces>")).r)}
	if _, err := f.m.x.token(); err != nil {
		t.Fatal(err)
	}
	_, err := f.pieceSums("sha1")
	if err == nil || err.Error() != fmt.Sprintf("the hashes of the file's pieces are longer than %d bytes", maxPieceSums) {
		t.Errorf("error %v", err)
	}
}

// repeatReader reads a text over and over.
type repeatReader struct {
	text string
	at   int
	left int
}

func (r *repeatReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text[r.at:])
	if r.at += n; r.at == len(r.text) {
		r.at = 0
		r.left--
	}
	return n, nil
}

func FuzzMetalink(f *testing.F) {
	for _, c := range metalinkErrors {
		f.Add(c.text)
	}
	f.Add(fedoraMetalink)
	f.Add(rfcMetalink)
	for i := range 3 {
		hashes := `<hash piece="` + strconv.Itoa(i) + `">` + emptySHA1 + `</hash><hash piece="1">` + emptySHA1 + "</hash>"
		f.Add(file3("<verification><pieces length='5' type='sha1'>" + hashes + "</pieces></verification>"))
		f.Add(file4("<pieces length='5' type='sha-1'>" + hashes + "</pieces>"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkPieceList(t, text)
		checkPieceList(t, metalink4Head+text+"</metalink>")
		checkPieceList(t, metalink3Head+text+metalink3Tail)
	})
}
