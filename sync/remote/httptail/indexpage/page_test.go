package indexpage

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// at is where the pages of these tests come from.
const at = "http://example.org/pub/a%20b/"

func listing(lines string) string {
	return "<html><head><title>Index of /pub</title></head><body><h1>Index of /pub</h1><hr><pre><a href=\"../\">../</a>\n" + lines + "</pre><hr></body></html>"
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for href, want := range map[string]string{ // "" is no entry, "!" is one that is skipped
		"x": "x", "x/": "x/", "./x": "x", "././x/": "x/", " x\n": "x", "/pub/a%20b/x": "x", "/pub/a b/x/": "x/", "/pub/%61%20b/x": "x",
		"http://example.org/pub/a%20b/x": "x", "HTTP://EXAMPLE.org:80/pub/a%20b/x/": "x/", "//example.org/pub/a%20b/x": "x",
		"a%3Ab": "a:b", "./a:b": "a:b", "%3Fx%23": "?x#", "%2e": "!", "%2E%2e/": "!", "a%2Fb": "!", "a%00b": "!", "100%": "!", "%zz": "!",
		"a\\b": "!", "a\x01b": "!", "a\nb": "!", "&amp;lt;": "&lt;", "é": "é", "\xff": "\xff", "x//": "", "x%20": "x ", "...": "...", "..x": "..x",
		"": "", "/": "", ".": "", "./": "", "..": "", "../": "", "../x": "", "x/y": "", "x/../y": "", "/x": "", "/pub/": "", "/pub/a%20b/": "", "/pub/a%20b": "",
		"?C=N;O=D": "", "x?y": "", "x#y": "", "#": "", "/pub/a%20b/?C=N": "", "/pub/a%20c/x": "", "/pub/a%2520b/x": "", "//x": "", "///x": "",
		"https://example.org/pub/a%20b/x": "", "http://example.org:8080/pub/a%20b/x": "", "http://example.com/pub/a%20b/x": "", "//example.com/pub/a%20b/x": "",
		"http://example.org@evil.example/pub/a%20b/x": "", "http://u:p@example.org/pub/a%20b/x": "", "http://example.org": "", "http:x": "",
		"javascript:alert(1)": "", "data:text/html,x": "", "mailto:a@b": "", "a:b": "", "ftp://example.org/pub/a%20b/x": "", "file:///etc/passwd": "",
	} {
		page := listing(fmt.Sprintf("<a href=\"%s\">text</a>   11-Nov-2026 10:00   7\n", strings.ReplaceAll(href, `"`, "&quot;")))
		got, err := entriesOf(t, []byte(page), at)
		if err != nil {
			t.Errorf("%q: %v", href, err)
		}
		name := ""
		for n, e := range got {
			if name = n; e.Skipped != "" {
				name = "!"
			} else if !e.Dir && e.Size != 7 {
				t.Errorf("%q: size %d", href, e.Size)
			}
		}
		if name != want || len(got) > 1 {
			t.Errorf("%q is %q, want %q", href, name, want)
		}
	}
}

// TestSkippedTwin: a link that is none hides no name that looks like it.
func TestSkippedTwin(t *testing.T) {
	t.Parallel()
	n := 0
	for e, err := range Parse(strings.NewReader(listing(`<a href="100%">x</a> <a href="100%25">x</a> <a href="100%25">x</a>`)), sampleURL(t, at)) {
		if n++; err != nil || e.Name != "100%" {
			t.Error(e, err)
		}
	}
	if n != 2 {
		t.Errorf("%d entries", n)
	}
}

func TestNotIndex(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]string{
		"nothing": "", "space": " \n", "text": "http://example.org/x\n", "binary": "\x7fELF\x00\x00", "home page": `<!DOCTYPE html><html><head><title>Welcome</title></head><body><ul><li><a href="a">a</a></ul></body></html>`,
		"login":           `<html><title>Log in</title><body><form action="login"><pre><a href="forgot">?</a></pre></form></body></html>`,
		"title only":      `<html><head><title>Index of /x</title></head><body><p><a href="a">a</a></p></body></html>`,
		"says so in text": `<html><title>Blog</title><body><p>Index of /pub</p><ul><li><a href="a">a</a></li></ul></body></html>`,
		"an index of us":  `<html><title>Index of authors</title><body><ul><li><a href="a">a</a></li></ul></body></html>`,
		"title too late":  `<html><body><ul><li><a href="a">a</a></li></ul><h1>Index of /</h1></body></html>`,
		"base":            strings.Replace(listing(`<a href="x">x</a>`), "<head>", `<head><base href="/other/">`, 1),
		"base elsewhere":  strings.Replace(listing(`<a href="x">x</a>`), "<head>", `<head><base href="http://evil.example/pub/a%20b/">`, 1),
		"like Caddy":      `<html><title>x</title><body><table aria-describedby="summary"><tr><td><a href="a">a</a></td></tr></table></body></html>`,
		"huge tag":        `<html><title>Index of /x</title><body><pre><a href="` + strings.Repeat("x", maxToken+1) + `">x</a></pre></body></html>`,
		"long head":       "<html>" + strings.Repeat("<p>text", maxHead/6) + listing(""),
		"xml":             `<?xml version="1.0"?><list><file mtime="2026-11-11T10:00:00Z" size="1">a</file></list>`,
		"an object":       `{"name":"x"}`, "numbers": "[1,2]", "strings": `["a"]`, "no type": `[{"name":"a"}]`, "no name": `[{"type":"file"}]`, "two values": "[] []", "text after": "[]x",
		"size of another kind": `[{"name":"a","type":"file","size":"x"}]`, "deep": strings.Repeat("[", 100000), "INI": "[section]\nkey=value\n",
		"long element": `[{"name":"a","type":"file","mtime":"` + strings.Repeat("x", maxItem+1024) + `"}]`, "endless name": `[{"name":"` + strings.Repeat("\xff", maxItem) + `"}]`,
	} {
		if got, err := entriesOf(t, []byte(page), at); !errors.Is(err, ErrNotIndex) || len(got) > 0 && name != "two values" && name != "like Caddy" {
			t.Errorf("%s: %d entries, %v", name, len(got), err)
		}
	}
}

func TestBase(t *testing.T) {
	t.Parallel()
	for _, href := range []string{"", "./", "/pub/a%20b/", at} {
		page := strings.Replace(listing(`<a href="x">x</a>`), "<head>", `<head><base href="`+href+`">`, 1)
		if got, err := entriesOf(t, []byte(page), at); err != nil || len(got) != 1 {
			t.Errorf("%q: %v, %v", href, got, err)
		}
	}
}

// TestSizes: what stands in the place of a size.
func TestSizes(t *testing.T) {
	t.Parallel()
	const header = `     <a href="?C=N;O=D">Name</a>      <a href="?C=M;O=A">Last modified</a>   <a href="?C=S;O=A">Size</a>  Description<hr>`
	const unsized = `     Name      Last modified     Description<hr>`
	for line, want := range map[string]int64{
		"11-Nov-2026 10:00   1234": 1234, "11-Nov-2026 10:00   1234\r": 1234, "11-Nov-2026 10:00   0": 0, "11-Nov-2026 10:00   1K": -1, "11-Nov-2026 10:00   -": -1,
		"11-Nov-2026 10:00   12 bytes": -1, "11-Nov-2026 10:00  1.2": -1, "11-Nov-2026 10:00  -5": -1, "11-Nov-2026 10:00 9999999999999999999": -1, "11-Nov-2026 10:00": -1,
		"1234": -1, "on 11-Nov-2026 10:00  12": -1, "\n11-Nov-2026 10:00  12": -1, "2026-11-11 10:00   12": 12, "11-Nov-2026 10:00 \n 12": -1,
		"+" + "2026-11-11 10:00  972   ": 972, "+2026-11-11 10:00  1.0K  972": -1, "+2026-11-11 10:00    -   972": -1, "+2026-11-11 10:00   20   30 files": 20, "+11-Nov-2026 10:00   20   text": 20,
		"-2026-11-11 10:00  20 files": -1, "-2026-11-11 10:00  20": -1,
	} {
		text := listing("<a href=\"x\">x</a>   " + line + "\n<a href=\"y\">y</a>")
		if rest, ok := strings.CutPrefix(line, "+"); ok {
			text = strings.Replace(listing("<img> <a href=\"x\">x</a>   "+rest+"\n<hr>"), "<a href=\"../\">../</a>\n", header, 1)
		} else if rest, ok := strings.CutPrefix(line, "-"); ok {
			text = strings.Replace(listing("<img> <a href=\"x\">x</a>   "+rest+"\n<hr>"), "<a href=\"../\">../</a>\n", unsized, 1)
		}
		got, err := entriesOf(t, []byte(text), at)
		if e, ok := got["x"]; err != nil || !ok || e.Size != want {
			t.Errorf("%q: %v, %v; want %d", line, got, err, want)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	page := "\xef\xbb\xbf [ {\"name\":\"\xff\u00e9\U0010F7FFa\\u00e9\", \"type\":\"file\", \"size\":5, \"mtime\":\"never\"}, {\"name\":\"a/b\",\"type\":\"file\"}, {\"name\":\"..\",\"type\":\"directory\"},\n" +
		`{"name":"\u0000","type":"file"}, {"name":"","type":"file"}, {"name":"fifo","type":"other"}, {"name":"d","type":"directory","size":4096,"new":[{}]}, {"name":"n","type":"file","size":-1}]` + "\r\n"
	var got []string
	for e, err := range Parse(iotestOneByte(page), sampleURL(t, at)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%q %v %d %v", e.Name, e.Dir, e.Size, e.Skipped != ""))
	}
	want := []string{
		fmt.Sprintf("%q false 5 false", "\xff\u00e9\U0010F7FFa\u00e9"), `"a/b" false -1 true`, `".." true -1 true`, `"\x00" false -1 true`, `"" false -1 true`,
		`"fifo" false -1 true`, `"d" true -1 false`, `"n" false -1 false`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestTwice: a name is yielded once, but a file and a directory of one name are two: whoever
// makes a list of them has to know.
func TestTwice(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		listing(`<a href="a">a</a> <a href="b">b</a> <a href="a/">a</a> <a href="./a">a</a> <a href="a/">a</a>`),
		`[{"name":"a","type":"file"},{"name":"b","type":"file"},{"name":"a","type":"directory"},{"name":"a","type":"file"},{"name":"a","type":"directory"}]`,
	} {
		var got []string
		for e, err := range Parse(strings.NewReader(page), sampleURL(t, at)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(e.Name, e.Dir))
		}
		if want := "[afalse bfalse atrue]"; fmt.Sprint(got) != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}

// TestUnclosed: a page that somebody else ended, as a proxy may, but whose list goes on.
func TestUnclosed(t *testing.T) {
	t.Parallel()
	page := strings.Replace(listing(`<a href="x">x</a>`), "</pre>", "", 1)
	if _, err := parseFrom(strings.NewReader(page), at); !errors.Is(err, ErrCut) {
		t.Error(err)
	}
}

// TestMany: the names that are kept of a page are bounded.
func TestMany(t *testing.T) {
	t.Parallel()
	const names = 10_000
	var page strings.Builder
	for i := range names + 1 {
		fmt.Fprintf(&page, "<a href=%x>", i)
	}
	u := sampleURL(t, at)
	for bound, want := range map[int]int{names: names, names + 1: names + 1} {
		n, err := count(parse(strings.NewReader(listing(page.String())), u, maxPage, bound))
		if n != want || (err == nil) != (bound > names) || err != nil && err.Error() != "the index page has more than 10000 names" {
			t.Errorf("%d names, %v", n, err)
		}
	}
}

// TestEndless: a page is bounded, and what cannot be one is given up early.
func TestEndless(t *testing.T) {
	t.Parallel()
	in := &endless{head: "<html><title>Index of /</title><body><pre>", again: "<p>some text\n"}
	if _, err := count(parse(in, sampleURL(t, at), 3<<20, maxNames)); err == nil || err.Error() != "the index page is longer than 3 MiB" || in.n > 3<<20 {
		t.Errorf("after %d bytes: %v", in.n, err)
	}
	in = &endless{head: "<html>", again: "<p>some text\n"}
	if _, err := parseFrom(in, at); !errors.Is(err, ErrNotIndex) || in.n > 2*maxHead {
		t.Errorf("after %d bytes: %v", in.n, err)
	}
	in = &endless{again: "\n \t"}
	if _, err := parseFrom(in, at); !errors.Is(err, ErrNotIndex) || in.n > 2*maxHead {
		t.Errorf("after %d bytes: %v", in.n, err)
	}
	broken := errors.New("broken")
	for _, page := range []string{"", "<html>", listing("")[:120], `[{"name":"a","type":"file"},`, `[{"na`} {
		if _, err := parseFrom(io.MultiReader(strings.NewReader(page), failing{broken}), at); !errors.Is(err, broken) {
			t.Errorf("%q: %v", page, err)
		}
	}
}
