package listing

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	noTable = "a TAB in a path: a table needs a header row that names its columns (path, size …); a name with a TAB can be written in JSON Lines"
	noBase  = "a relative entry, and no directory that it lies in is known: give --base URL"
)

// errorCases are lists with bad lines. A good last entry "ok" shows that reading went on.
var errorCases = []struct {
	name string
	text string
	want []string
}{
	{"parent", "..\nok", []string{`list:1: path ".." has an element ".."`}},
	{"parent inside", "a/../b\nok", []string{`list:1: path "a/../b" has an element ".."`}},
	{"parent inside, not clean", "a//../b\nok", []string{`list:1: path "a//../b" has an element ".."`}},
	{"absolute", "/etc/passwd\nok", []string{`list:1: path "/etc/passwd" is absolute: give it relative to the directory that is pulled to`}},
	{"drive", "C:\\x\nok", []string{`list:1: path "C:\\x" begins with a drive letter`}},
	{"directory", "a/\nok", []string{`list:1: path "a/" is a directory, not a file`}},
	{"stage name", "d/.a.fsync\nok", []string{`list:1: path "d/.a.fsync" has an element ".a.fsync": names of that form belong to fsync's staged copies`}},
	{"encoded parent", "https://x.example/%2e%2e\nok", []string{`list:1: the URL "https://x.example/%2e%2e" has a segment "..", which is no file name`}},
	{"encoded slash", "https://x.example/..%2f..%2fetc\nok", []string{`list:1: the URL "https://x.example/..%2f..%2fetc" has a segment "../../etc", which is no file name`}},
	{"parent below base", testBase + "s/../../t\nok", []string{`list:1: the URL "https://host.example/dir/s/../../t" has a segment "..", which is no file name`}},
	{"encoded NUL", "https://x.example/a%00\nok", []string{`list:1: the URL "https://x.example/a%00" has a segment "a\x00", which is no file name`}},
	{"URL of a stage name", "https://x.example/.a%2Efsync\nok", []string{`list:1: path ".a.fsync" has an element ".a.fsync": names of that form belong to fsync's staged copies`}},
	{"URL without a name", "https://x.example/a/\nok", []string{`list:1: the URL "https://x.example/a/" names no file: give it a path (out= in a plain list, else a path column or key)`}},
	{"URL without a path", "https://x.example?a=b\nok", []string{`list:1: the URL "https://x.example" names no file: give it a path (out= in a plain list, else a path column or key)`}},
	{"URL of base itself", testBase + "\nok", []string{`list:1: the URL "https://host.example/dir/" names no file: give it a path (out= in a plain list, else a path column or key)`}},
	{"scheme", "gopher://x.example/a\nmagnet:?xt=b\nok", []string{
		`list:1: URLs of scheme "gopher" cannot be pulled (known: http, https, file, sftp)`,
		`list:2: URLs of scheme "magnet" cannot be pulled (known: http, https, file, sftp)`,
	}},
	{"no host", "https:///a\nok", []string{`list:1: the URL "https:///a" has no host`}},
	{"one slash", "https:/a\nok", []string{`list:1: the URL "https:///a" has no host`}},
	{"opaque", "https:a\nok", []string{`list:1: the URL "https:…" has no // after its scheme`}},
	{"bad escape", "https://x.example/%zz\nok", []string{`list:1: "https://x.example/%zz" is not a valid URL`}},
	{"file of another machine", "file://x.example/a\nok", []string{`list:1: the URL "file://x.example/a" names a file of another machine`}},
	{"file with a query", "file:///a?b\nok", []string{`list:1: the URL "file:///a" has more than a path: in a file name, write ? as %3F`}},
	{"TAB in a path", "a\t12\nok", []string{"list:1: " + noTable}},
	{"path and URL", "a\thttps://x.example/a\nok", []string{"list:1: a path and a URL on one line: a table needs a header row that names its columns (path, url …)"}},

	{"option first", " out=a\nok", []string{"list:1: an indented line is an option of the entry above it, and there is none"}},
	{"not an option", "https://x.example/a\n https://y.example/?b=c\nok", []string{"list:2: an indented line must be an option NAME=VALUE: out=, dir= or checksum= (a path that begins with a blank can be written in JSON Lines)"}},
	{"options of value", "a\n header=Authorization: secret\n referer=secret\n foo=secret\n split=2\nok", []string{
		"list:2: option header= is not read: use --header",
		"list:3: option referer= is not read: fsync sends none; if the server needs one use --header",
		"list:4: option foo= is not read: take it out if the files do not need it",
	}},
	{"bad options", "a\n out=../b\nc\n dir=/d\nd\n checksum=foo=00\ne\n dir=..\nok", []string{
		`list:1: path "../b" has an element ".."`,
		`list:4: option dir="/d" is absolute: make it relative to the directory that is pulled to`,
		`list:6: unknown digest algorithm "foo" (known: md5, sha1, sha224, sha256, sha384, sha512)`,
		`list:7: path "../e" has an element ".."`,
	}},
	{"two digests", "a\n checksum=md5=" + emptyMD5 + "\n checksum=md5=" + strings.Repeat("0", 32) + "\nok", []string{"list:3: two different md5 digests are given"}},

	{"sums", emptyMD5 + "  ../a\nfoo\n" + emptyMD5 + "  \n" + `\` + emptyMD5 + `  a\t` + "\n" + emptyMD5 + "  -\nFOO (a) = 00\nSIZE (a) = 12 bytes\n" + emptyMD5 + "  ok", []string{
		`list:1: path "../a" has an element ".."`,
		`list:2: neither "HEX  name" nor "SHA256 (name) = HEX"`,
		`list:3: neither "HEX  name" nor "SHA256 (name) = HEX"`,
		`list:4: name "a\\t" has an escape other than \\, \n and \r`,
		`list:5: the name "-" stands for standard input, not for a file`,
		`list:6: unknown digest algorithm "FOO" (known: md5, sha1, sha224, sha256, sha384, sha512)`,
		`list:7: neither "HEX  name" nor "SHA256 (name) = HEX"`,
	}},

	{"table", "path,size,mtime,md5\na,-1,,\nb,1.5,,\nc,,yesterday,\nd,,,00\ne\n,,,\n../f,,,\ng,\"x\"y,,\nh,a\"b,,\nok,1,,", []string{
		`list:2: size "-1" is not a whole number of bytes`,
		`list:3: size "1.5" is not a whole number of bytes`,
		`list:4: time "yesterday" is neither RFC 3339 (2024-01-02T03:04:05Z) nor Unix seconds nor an HTTP date`,
		`list:5: a md5 digest has 32 hexadecimal digits, not 2`,
		`list:6: the row has 1 fields, the header has 4`,
		`list:7: neither a path nor a URL is given`,
		`list:8: path "../f" has an element ".."`,
		`list:9: column 5 has a stray " in a quoted field, or the field does not end`,
		`list:10: column 4 has a " in a field without quotes: write "a ""b"" c"`,
	}},
	{"table, sizes", "path,size\na,9223372036854775808\nb,0x10\nc,1_0\nok,1", []string{
		`list:2: size "9223372036854775808" is not a whole number of bytes`,
		`list:3: size "0x10" is not a whole number of bytes`,
		`list:4: size "1_0" is not a whole number of bytes`,
	}},
	{"table, two lines of one name", "path,size,size\nok,1,2", []string{`list:1: "size" is given twice`}},
	{"table, lines after quoted newlines", "# x\npath,size\n\"x\ny\",-\n../c,2\nok,3", []string{`list:3: size "-" is not a whole number of bytes`, `list:5: path "../c" has an element ".."`}},

	{"json", `{"path":1}
{"path":"a","size":"1"}
{"path":"a","size":1.5}
{"path":"a","size":-1}
{"path":"a","mtime":true}
{"path":"a","mtime":1e9}
{"url":[1]}
{"path":"\ud800"}
{"path":"a","Path":"b"}
["a"]
"x"
{"path":"a"} {"path":"b"}
{}
{"path":"..\u002fa"}
{"path":"a\u0000"}
{"path":"ok"}
{"path":"a`, []string{
		`list:1: "path" is not a string`,
		`list:2: "size" is not a number`,
		`list:3: size "1.5" is not a whole number of bytes`,
		`list:4: size "-1" is not a whole number of bytes`,
		`list:5: "mtime" is not a string`,
		`list:6: time "1e9" is neither RFC 3339 (2024-01-02T03:04:05Z) nor Unix seconds nor an HTTP date`,
		`list:7: "url" holds something else than strings`,
		`list:8: "path" has an escape that is no character`,
		`list:9: "path" is given twice`,
		`list:10: the line is not a JSON object`,
		`list:11: the line is not a JSON object`,
		`list:12: not valid JSON: invalid character '{' after top-level value`,
		`list:13: neither a path nor a URL is given`,
		`list:14: path "../a" has an element ".."`,
		`list:15: path "a\x00" has a NUL byte`,
		`list:17: the JSON object does not end on its line: the list is cut off, or not one object a line`,
	}},
	{"json, not UTF-8", "{\"path\":\"a\xff\"}\n{\"path\":\"ok\"}", []string{"list:1: the line is not valid UTF-8, as JSON must be"}},
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	for _, c := range errorCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			entries, errs := readAll(c.text, testOptions())
			if diff := cmp.Diff(c.want, errs); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			isHeader := strings.HasPrefix(c.want[0], `list:1: "size"`)
			if !isHeader && (len(entries) != 1 || entries[0].Path != "ok") {
				t.Errorf("entries: got %v, want ok alone", entries)
			}
		})
	}
}

func TestReadBase(t *testing.T) {
	t.Parallel()
	schemes := []string{"http", "https", "file", "sftp"}
	const noLogin = "the list came over the network: it may name no SSH login but that of --base, or its own"
	for _, c := range []struct {
		name string
		text string
		o    Options
		url  string
		want string // the error
	}{
		{"none", "a", Options{}, "", `list:1: "a": ` + noBase},
		{"none, reference", "url,size\na,1", Options{}, "", `list:2: "a": ` + noBase},
		{"file of a local list", "file:///etc/a", Options{Schemes: schemes}, "file:///etc/a", ""},
		{"file of a remote list", "file:///etc/a", Options{Schemes: schemes, Remote: true}, "", `list:1: the list came over the network: it may not name a file of this machine ("file:///etc/a")`},
		{"other spelling", "FILE:/etc/a", Options{Schemes: schemes, Remote: true}, "", `list:1: the list came over the network: it may not name a file of this machine ("file:///etc/a")`},
		{"scheme by default", "file:///etc/a", Options{}, "", `list:1: URLs of scheme "file" cannot be pulled (known: http, https)`},
		{"file base of a remote list", "a", Options{Schemes: schemes, Remote: true, Base: mustURL("file:///srv/d/")}, "file:///srv/d/a", ""},
		{"out of a file base", "url,path\n../e/a,b", Options{Schemes: schemes, Remote: true, Base: mustURL("file:///srv/d/")}, "", `list:2: the list came over the network: it may not name a file of this machine ("file:///srv/e/a")`},
		{"out of a file base, encoded", "url,path\nx%2f..%2f..%2fe,b", Options{Schemes: schemes, Remote: true, Base: mustURL("file:///srv/d/")}, "", `list:2: the list came over the network: it may not name a file of this machine ("file:///srv/d/x%2f..%2f..%2fe")`},
		{"SSH in a remote list", "bob@h.example:a", Options{Schemes: schemes, Remote: true, Base: mustURL("https://h.example/d/")}, "", `list:1: ` + noLogin + ` ("sftp://h.example/~/a")`},
		{"its own login", "sftp://bob@h.example/e/a", Options{Schemes: schemes, Remote: true, Base: mustURL("sftp://bob:pw@H.example:22/d/")}, "sftp://bob@h.example/e/a", ""},
		{"another user", "sftp://root@h.example/d/a", Options{Schemes: schemes, Remote: true, Base: mustURL("sftp://bob@h.example/d/")}, "", `list:1: ` + noLogin + ` ("sftp://h.example/d/a")`},
		{"no user", "sftp://h.example/d/a", Options{Schemes: schemes, Remote: true, Base: mustURL("sftp://bob@h.example/d/")}, "", `list:1: ` + noLogin + ` ("sftp://h.example/d/a")`},
		{"another host", "sftp://bob@localhost/d/a", Options{Schemes: schemes, Remote: true, Base: mustURL("sftp://bob@h.example/d/")}, "", `list:1: ` + noLogin + ` ("sftp://localhost/d/a")`},
		{"another port", "sftp://bob@h.example:23/d/a", Options{Schemes: schemes, Remote: true, Base: mustURL("sftp://bob@h.example/d/")}, "", `list:1: ` + noLogin + ` ("sftp://h.example:23/d/a")`},
		{"SSH in a local list", "sftp://bob@h.example/d/a", Options{Schemes: schemes}, "sftp://bob@h.example/d/a", ""},
		{"base of unknown scheme", "a", Options{Base: mustURL("sftp://h.example/d/")}, "", `list:1: "a": URLs of scheme "sftp" cannot be pulled (known: http, https)`},
		{"base with query and file", "a", Options{Base: mustURL("https://u:p@h.example/d%2fe/index?q=1#f")}, "https://u:p@h.example/d%2fe/a", ""},
		{"base without a path", "a", Options{Base: mustURL("https://h.example")}, "https://h.example/a", ""},
		{"reference keeps the user", "url,path\na,b", Options{Base: mustURL("https://u:p@h.example/d/")}, "https://u:p@h.example/d/a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			entries, errs := readAll(c.text, c.o)
			if got := strings.Join(errs, "\n"); got != c.want {
				t.Errorf("error: got %q, want %q", got, c.want)
			}
			if c.url != "" && (len(entries) != 1 || entries[0].URLs[0] != c.url) {
				t.Errorf("got %v, want URL %s", entries, c.url)
			}
		})
	}
}

func TestNotAList(t *testing.T) {
	t.Parallel()
	iso := append(make([]byte, 32<<10), "\x01CD001\x01"...)
	const pretty = "list: a JSON document over several lines: fsync reads JSON Lines, one object a line (jq -c . makes them)"
	const html = "list: an HTML page, not a list (is it a login page?)"
	const aRelease = "list: a Release file of a Debian archive: give the Packages and Sources files that it names as lists"
	for _, c := range []struct {
		name string
		text string
		is   error
		want string
	}{
		{"ISO", string(iso), ErrBinary, "list: binary data, not a list"},
		{"NUL late in the first 64 KiB", strings.Repeat("a\n", 32000) + "\x00", ErrBinary, "list: binary data, not a list"},
		{"gzip", "\x1f\x8b\x08abc", nil, "list: gzip data that ends too early: the list is cut off"},
		{"zstd", "\x28\xb5\x2f\xfd\x04", nil, "list: zstd data that ends too early: the list is cut off"},
		{"xz", "\xfd7zXZ\x00\x00", nil, "list: xz data that ends too early: the list is cut off"},
		{"bzip2", "BZh91AY&SYabc", nil, "list: bzip2 data that ends too early: the list is cut off"},
		{"UTF-16", "\xff\xfea\x00\n\x00", ErrNotList, "list: a text in UTF-16: lists are read in UTF-8"},
		{"HTML", "\ufeff\n# x\n  <!DOCTYPE html>\n<html>", ErrHTML, html},
		{"HTML with a comment", "<!-- x -->\n<html>", ErrHTML, html},
		{"XHTML", "<?xml version='1.0'?>\n<html>", ErrHTML, html},
		{"XML", "<?xml version='1.0'?>\n<Error>", ErrNotList, "list: an XML document, not a list"},
		{"JSON array", `[{"path":"a"}]`, ErrNotList, "list: a JSON array: fsync reads JSON Lines, one object a line (jq -c '.[]' makes them)"},
		{"JSON array over lines", "[\n  {", ErrNotList, "list: a JSON array: fsync reads JSON Lines, one object a line (jq -c '.[]' makes them)"},
		{"repomd.xml", "<?xml version='1.0'?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">", ErrNotList, "list: an RPM repomd.xml, not a list of files: give the file …-primary.xml.gz (or .zst, .xz) beside it, which repomd.xml names"},
		{"filelists.xml", "<filelists>", ErrNotList, "list: an RPM filelists.xml, not a list of files: give the file …-primary.xml.gz (or .zst, .xz) beside it, which repomd.xml names"},
		{"Release", "Origin: Debian\nSuite: stable\nMD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 main/x\n", ErrNotList, aRelease},
		{"InRelease", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nSHA256:\n e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/x\n", ErrNotList, aRelease},
		{"names that end in NUL", "a\x00b\x00", ErrBinary, "list: binary data, not a list"},
		{"pretty JSON", "{\n  \"path\": \"a\"\n}", ErrNotList, pretty},
		{"pretty JSON, key on the first line", "{ \"files\": [\n  {", ErrNotList, pretty},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var errs []error
			for e, err := range Read("list", strings.NewReader(c.text), testOptions()) {
				if err == nil {
					t.Fatalf("got entry %v, want none", e)
				}
				errs = append(errs, err)
			}
			if len(errs) != 1 || errs[0].Error() != c.want {
				t.Fatalf("got %q, want %q", errs, c.want)
			}
			for _, sentinel := range []error{ErrNotList, ErrBinary, ErrHTML} {
				if got, want := errors.Is(errs[0], sentinel), sentinel == c.is || sentinel == ErrNotList && c.is != nil; got != want {
					t.Errorf("errors.Is(err, %q): got %v, want %v", sentinel, got, want)
				}
			}
		})
	}
}

// TestSecrets puts a secret wherever a list may hold one, each in a list that is wrong.
func TestSecrets(t *testing.T) {
	t.Parallel()
	urls := []string{
		"https://u:s3cret@x.example/", "https://s3cret@x.example/", "https://u:s3/cret@x.example/", "https://u:s3?cret@x.example/",
		"https://x.example/?k=s3cret", "https://x.example/..%2f?k=s3cret", "https://x.example/%zz?k=s3cret", "https://u:s3cret@x.example:bad/",
		"https:/u:s3cret@x.example/../a", "//u:s3cret@x.example/a", "https//u:s3cret@x.example/..", "u:s3cret@x.example/..", "https://u:s3%cret@x.example/",
		"foo://u:s3cret@x.example/a?k=s3cret", "https://x.example/#s3cret", "https://x.example/?k=s3cret@x", "file://u:s3cret@localhost/a",
	}
	for _, u := range urls {
		quoted := `"` + strings.ReplaceAll(u, `"`, `""`) + `"`
		for _, text := range []string{
			u, "a\t" + u, u + "\t/x", "a\n " + u + "\n header=s3cret\n http-passwd=s3cret\n out=" + u + "\n dir=" + u + "\n checksum=" + u,
			emptyMD5 + "  " + u + "\n" + u, emptyMD5 + "  x\n" + u, emptyMD5 + "  a\n\\" + emptyMD5 + "  " + u + `\x`,
			"path,url\n," + quoted, "path,url\n" + quoted + ",", "path,size\na," + quoted, "path,mtime\na," + quoted, "path,md5\na," + quoted, "path,digest\na," + quoted,
			`{"path":"` + u + `"}`, `{"url":"` + u + `"}`, `{"path":"a","digest":"` + u + `"}`, `{"path":"a","mtime":"` + u + `"}`, `{"x":0}` + u, `{"path":"a"}` + "\n" + u,
			strings.Repeat(u, 2) + "/..",
		} {
			_, errs := readAll(text, testOptions())
			for _, e := range errs {
				for _, secret := range []string{"s3", "cret"} {
					if strings.Contains(strings.ReplaceAll(e, "secret", ""), secret) {
						t.Errorf("%q: the message has a secret: %s", text, e)
					}
				}
			}
		}
	}
}
