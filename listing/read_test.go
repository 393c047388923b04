package listing

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	emptyMD5    = "d41d8cd98f00b204e9800998ecf8427e"
	emptySHA1   = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	emptySHA512 = "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce" +
		"47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
)

const testBase = "https://host.example/dir/"

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

func mustDigest(sum string) Digest {
	d, err := NewDigest("", sum)
	if err != nil {
		panic(err)
	}
	return d
}

func testOptions() Options {
	return Options{Base: mustURL(testBase), Schemes: []string{"http", "https", "file", "sftp"}}
}

// readAll returns what Read yields, errors as their texts.
func readAll(text string, o Options) (entries []Entry, errs []string) {
	for e, err := range Read("list", strings.NewReader(text), o) {
		if err != nil {
			errs = append(errs, err.Error())
			continue
		}
		entries = append(entries, e)
	}
	return entries, errs
}

// at is an entry below testBase, or with the URLs given, without a size.
func at(line int, path string, urls ...string) Entry {
	if urls == nil {
		urls = []string{testBase + path}
	}
	return Entry{Path: path, URLs: urls, Size: -1, Line: line}
}

func (e Entry) sized(n int64) Entry     { e.Size = n; return e }
func (e Entry) dated(t time.Time) Entry { e.ModTime = t; return e }
func (e Entry) summed(sums ...string) Entry {
	for _, s := range sums {
		e.Digests = append(e.Digests, mustDigest(s))
	}
	return e
}

var jan2 = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

type readCase struct {
	name string
	text string
	want []Entry
}

var plainCases = []readCase{
	{"relative", "a.txt\nsub/b.txt\n", []Entry{at(1, "a.txt"), at(2, "sub/b.txt")}},
	{"no final newline", "a.txt\nb", []Entry{at(1, "a.txt"), at(2, "b")}},
	{"CRLF", "a.txt\r\n\r\nb\r\n", []Entry{at(1, "a.txt"), at(3, "b")}},
	{"byte order mark", "\ufeffa.txt\n", []Entry{at(1, "a.txt")}},
	{"comments and blanks", "# x\n\n   \na\n#b\n", []Entry{at(4, "a")}},
	{"cleaned", "./a//b/./c\n", []Entry{at(1, "a/b/c")}},
	{"hash in front", "./#a\n", []Entry{at(1, "#a", testBase+"%23a")}},
	{"percent is literal", "100%25 a+b?.txt\n", []Entry{at(1, "100%25 a+b?.txt", testBase+"100%2525%20a%2Bb%3F.txt")}},
	{"blank at the end is kept", "a \n", []Entry{at(1, "a ", testBase+"a%20")}},
	{"colon", "pkg_1:2.deb\n", []Entry{at(1, "pkg_1:2.deb", testBase+"pkg_1:2.deb")}},
	{"not UTF-8", "a\xff\n", []Entry{at(1, "a\xff", testBase+"a%FF")}},
	{"colon in the first element", "a:b/c\n", []Entry{at(1, "a:b/c", testBase+"a:b/c")}},
	{"braces and brackets are names", "{a}.txt\n[b] c.txt\n", []Entry{
		at(1, "{a}.txt", testBase+"%7Ba%7D.txt"), at(2, "[b] c.txt", testBase+"%5Bb%5D%20c.txt"),
	}},
	{"comma list is no header", "name, or.not\n", []Entry{at(1, "name, or.not", testBase+"name,%20or.not")}},
	{"header-like name", "./name,file\n", []Entry{at(1, "name,file", testBase+"name,file")}},

	{"URL elsewhere", "https://x.example/p/q.iso?sig=a/b\n", []Entry{at(1, "q.iso", "https://x.example/p/q.iso?sig=a/b")}},
	{"URL below base", testBase + "s/q%20r.iso\n", []Entry{at(1, "s/q r.iso", testBase+"s/q%20r.iso")}},
	{"base with its port, in capitals", "HTTPS://HOST.example:443/dir/s/q\n", []Entry{at(1, "s/q", "https://HOST.example:443/dir/s/q")}},
	{"base, encoded otherwise", "https://host.example/%64ir/s/q\n", []Entry{at(1, "s/q", "https://host.example/%64ir/s/q")}},
	{"another port", "https://host.example:444/dir/s/q\n", []Entry{at(1, "q", "https://host.example:444/dir/s/q")}},
	{"another scheme", "http://host.example/dir/s/q\n", []Entry{at(1, "q", "http://host.example/dir/s/q")}},
	{"like base", "https://host.example/dirt/s/q\n", []Entry{at(1, "q", "https://host.example/dirt/s/q")}},
	{"double slash below base", testBase + "/s//q\n", []Entry{at(1, "s/q", testBase+"/s//q")}},
	{"blanks round and in a URL, fragment", "https://x.example/a b#f \n", []Entry{at(1, "a b", "https://x.example/a%20b")}},
	{"file URL", "file:///srv/a\n", []Entry{at(1, "a", "file:///srv/a")}},

	{"SSH", "bob@host:a b%20?#.txt \nbob@host:/srv/x\n./bob@host:y\nhost:z\nme you@host:w\n", []Entry{
		at(1, "a b%20?#.txt ", "sftp://bob@host/~/a%20b%2520%3F%23.txt%20"),
		at(2, "x", "sftp://bob@host/srv/x"),
		at(3, "bob@host:y", testBase+"bob@host:y"), at(4, "host:z"), at(5, "me you@host:w", testBase+"me%20you@host:w"),
	}},
	{"SSH mirrors", "bob@host:x\thttps://a.example/y\n out=z\n", []Entry{at(1, "z", "sftp://bob@host/~/x", "https://a.example/y")}},

	{"aria2 mirrors", "https://a.example/x\thttps://b.example/y\t\n", []Entry{at(1, "x", "https://a.example/x", "https://b.example/y")}},
	{"aria2 options", "https://a.example/\n  out=s/x\n# c\n\n\tchecksum=sha-1=" + emptySHA1 + "\n dir=d\n split=4\nb\n", []Entry{
		at(1, "d/s/x", "https://a.example/").summed(emptySHA1), at(8, "b"),
	}},
	{"aria2 out of a relative path", "a%b\n out=c\n", []Entry{at(1, "c", testBase+"a%25b")}},
	{"aria2 dir of a relative path", "a\n dir=./d/\n", []Entry{at(1, "d/a", testBase+"a")}},
}

var sumsCases = []readCase{
	{"GNU", emptyMD5 + "  a b\n" + emptySHA1 + " *c\n\n# x\n" + emptySHA512 + "  ./d/e\r\n", []Entry{
		at(1, "a b", testBase+"a%20b").summed(emptyMD5), at(2, "c").summed(emptySHA1), at(5, "d/e").summed(emptySHA512),
	}},
	{"capitals", strings.ToUpper(emptyMD5) + "  a", []Entry{at(1, "a").summed(emptyMD5)}},
	{"one blank, TAB", emptyMD5 + " a\n" + emptyMD5 + "\tb\n", []Entry{at(1, "a").summed(emptyMD5), at(2, "b").summed(emptyMD5)}},
	{"blanks of the name", emptyMD5 + "   a \n", []Entry{at(1, " a ", testBase+"%20a%20").summed(emptyMD5)}},
	{"escaped", `\` + emptyMD5 + `  a\\b\nc\rd` + "\n", []Entry{at(1, "a\\b\nc\rd", testBase+"a%5Cb%0Ac%0Dd").summed(emptyMD5)}},
	{"backslash not escaped", emptyMD5 + `  a\nb` + "\n", []Entry{at(1, `a\nb`, testBase+`a%5Cnb`).summed(emptyMD5)}},
	{"BSD", "SHA256 (a (1) = b) = " + emptySHA256 + "\n", []Entry{at(1, "a (1) = b", testBase+"a%20%281%29%20=%20b").summed(emptySHA256)}},
	{"BSD escaped", `\MD5 (a\nb) = ` + emptyMD5 + "\n", []Entry{at(1, "a\nb", testBase+"a%0Ab").summed(emptyMD5)}},
	{"openssl", "SHA2-256(a)= " + emptySHA256 + "\n", []Entry{at(1, "a").summed(emptySHA256)}},
	{"percent is literal", emptyMD5 + "  a%2fb\n", []Entry{at(1, "a%2fb", testBase+"a%252fb").summed(emptyMD5)}},
}

var tableCases = []readCase{
	{"CSV", "path,size,mtime,sha256\na,1,2024-01-02T03:04:05Z," + emptySHA256 + "\nb,,,\n", []Entry{
		at(2, "a").sized(1).dated(jan2).summed(emptySHA256), at(3, "b"),
	}},
	{"TSV", "size\tpath\r\n1\ta, b\r\n\r\n# x\r\n2\tc\r\n", []Entry{at(2, "a, b", testBase+"a,%20b").sized(1), at(5, "c").sized(2)}},
	{"any case, quoted header, byte order mark", "\ufeff\"Path\",SIZE\na,1\n", []Entry{at(2, "a").sized(1)}},
	{"comments first", "# x\n\npath,size\na,1", []Entry{at(4, "a").sized(1)}},
	{"quoted, over two lines", "path,size\n\"a\"\"\nb\",1\nc,2\n", []Entry{at(2, "a\"\nb", testBase+"a%22%0Ab").sized(1), at(4, "c").sized(2)}},
	{"quoted hash", "path,size\n\"#a\",1\n", []Entry{at(2, "#a", testBase+"%23a").sized(1)}},
	{"unknown columns", "path,Storage Class (x),size\na,?,1\n", []Entry{at(2, "a").sized(1)}},
	{"aliases", "file,length,modified,checksum\na,5,1704164645,sha256:" + emptySHA256 + "\nb,6,,sha-1=" + emptySHA1 + "\nc,7,," + emptyMD5 + "\n", []Entry{
		at(2, "a").sized(5).dated(jan2).summed(emptySHA256), at(3, "b").sized(6).summed(emptySHA1), at(4, "c").sized(7).summed(emptyMD5),
	}},
	{"path before name", "name,path\nx,s/x\n", []Entry{at(2, "s/x")}},
	{"several digests", "path,md5,sha1,digest\na," + emptyMD5 + "," + emptySHA1 + ",md5:" + emptyMD5 + "\n", []Entry{at(2, "a").summed(emptyMD5, emptySHA1)}},
	{"URLs alone", "url,size\nhttps://x.example/p/a,1\n" + testBase + "s/b,2\n", []Entry{
		at(2, "a", "https://x.example/p/a").sized(1), at(3, "s/b").sized(2),
	}},
	{"mirrors", "url,path,url,mirror\nhttps://x.example/1,a,,https://y.example/2\n", []Entry{at(2, "a", "https://x.example/1", "https://y.example/2")}},
	{"reference", "url,path\ns/b%20c,\n../d,e\n//x.example/f,\n", []Entry{
		at(2, "s/b c", testBase+"s/b%20c"), at(3, "e", "https://host.example/d"), at(4, "f", "https://x.example/f"),
	}},
	{"reference above base", "url,size\n../../d,1\n", []Entry{at(2, "d", "https://host.example/d").sized(1)}},
	{"no URL in its cell", "url,path\n,a\n", []Entry{at(2, "a")}},
	{"blanks", "path, size, url\n a , 1 , https://x.example/b \nc,\t, \n", []Entry{at(2, " a ", "https://x.example/b").sized(1), at(3, "c")}},
	{"time without a zone", "path,mtime\na,2024-01-02 03:04:05\n", []Entry{at(2, "a")}},
}

var jsonCases = []readCase{
	{"all keys", `{"path":"a","size":1,"mtime":"2024-01-02T03:04:05Z","sha256":"` + emptySHA256 + `"}`, []Entry{
		at(1, "a").sized(1).dated(jan2).summed(emptySHA256),
	}},
	{"blanks, comments, CRLF", "# x\r\n\r\n {\"path\":\"a\"} \r\n{ \"path\":\"b\"}\r\n", []Entry{at(3, "a"), at(4, "b")}},
	{"mirrors", `{"urls":["https://y.example/2"],"mirror":"https://z.example/3","url":"https://x.example/1"}`, []Entry{
		at(1, "1", "https://x.example/1", "https://y.example/2", "https://z.example/3"),
	}},
	{"null and unknown", `{"path":"a","size":null,"url":null,"x":{"y":[1]}}`, []Entry{at(1, "a")}},
	{"numbers as times", `{"path":"a","mtime":1704164645}` + "\n" + `{"path":"b","mtime":1704164645.000000001}`, []Entry{
		at(1, "a").dated(jan2), at(2, "b").dated(jan2.Add(1)),
	}},
	{"escapes", `{"path":"\u00fc\ud83d\ude00\ufffd"}`, []Entry{at(1, "ü😀\ufffd", testBase+"%C3%BC%F0%9F%98%80%EF%BF%BD")}},
	{"large size", `{"path":"a","size":9007199254740993}`, []Entry{at(1, "a").sized(9007199254740993)}},
}

func allCases() map[string][]readCase {
	return map[string][]readCase{
		"plain": plainCases, "sums": sumsCases, "table": tableCases, "json": jsonCases, "deb822": deb822Cases, "rpm": rpmCases,
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for format, cases := range allCases() {
		for _, c := range cases {
			t.Run(format+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				got, errs := readAll(c.text, testOptions())
				if diff := cmp.Diff(c.want, got); diff != "" || errs != nil {
					t.Errorf("%q: errors %q, entries (-want +got):\n%s", c.text, errs, diff)
				}
			})
		}
	}
}

func TestReadGolden(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]Entry{
		"native.tsv": {
			at(3, "a.iso").sized(12).dated(jan2).summed(emptySHA256),
			at(4, "sub/100%.txt", testBase+"sub/100%25.txt").sized(0).dated(time.Date(2024, 1, 2, 2, 4, 5, 123456789, time.UTC)),
			at(5, "sub/with \"quotes\"\nand a newline", testBase+"sub/with%20%22quotes%22%0Aand%20a%20newline").sized(7).dated(jan2.Add(5e8)),
			at(7, "b.bin", "https://cdn.example/x/b.bin?sig=1").dated(jan2),
		},
		"mirrors.aria2": {
			at(2, "images/a.iso", "https://one.example/pub/a.iso", "https://two.example/a.iso").summed(emptySHA256),
			at(8, "texts/sub/b c.txt", testBase+"sub/b%20c.txt"),
			at(10, "d e.txt", testBase+"d%20e.txt"),
		},
		"CHECKSUM.signed": {
			at(5, "Some-Image-1.0.iso").summed(emptySHA256),
			at(6, "dashed").summed(emptySHA512),
		},
		"files.jsonl": {
			at(1, "a.iso").sized(12).dated(jan2).summed(emptySHA256),
			at(2, "b.bin", "https://one.example/b.bin", "https://two.example/x").dated(jan2),
			at(3, "sub/ü\n.txt", testBase+"sub/%C3%BC%0A.txt").dated(jan2.Add(250 * time.Millisecond)).summed(emptyMD5),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", "testdata", "listing", name))
			if err != nil {
				t.Fatal(err)
			}
			got, errs := readAll(string(text), testOptions())
			if diff := cmp.Diff(want, got); diff != "" || errs != nil {
				t.Errorf("errors %q, entries (-want +got):\n%s", errs, diff)
			}
		})
	}
}

// TestReadStops breaks out of the loop at each entry and error.
func TestReadStops(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a\n..\nb\n c=d\ne", emptyMD5 + "  a\nbad\n" + emptyMD5 + "  b\n", "path,size\na,1\nb\nc,x\nd,1\n", "{\"path\":\"a\"}\n{}\n{\"path\":\"b\"}\n",
		debPackages + "\nPackage: x\n", debSources, rpmPrimary, pack(t, "zstd", rpmPrimary),
	} {
		for stop := range 6 {
			n := 0
			for range Read("list", strings.NewReader(text), testOptions()) {
				if n++; n > stop {
					break
				}
			}
		}
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want time.Time
	}{
		{"2024-01-02T03:04:05Z", jan2},
		{"2024-01-02T04:04:05.5+01:00", jan2.Add(5e8)},
		{"2024-01-02 04:04:05.123456789 +0100", jan2.Add(123456789)},
		{"2024-01-02 03:04:05Z", jan2},
		{"2024-01-02 03:04:05+00:00", jan2},
		{"1704164645", jan2},
		{"1704164645.1", jan2.Add(1e8)},
		{"1704164645.1234567899", jan2.Add(123456789)},
		{"0", time.Unix(0, 0).UTC()},
		{"-1.25", time.Unix(-2, 75e7).UTC()},
		{"-0.5", time.Unix(-1, 5e8).UTC()},
		{"Tue, 02 Jan 2024 03:04:05 GMT", jan2},
		{"2024-01-02 03:04:05", time.Time{}},
		{"2024-01-02T03:04:05.25", time.Time{}},
		{"2024-01-02T03:04", time.Time{}},
		{"2024-01-02", time.Time{}},
	} {
		got, err := parseTime(c.text)
		if err != nil || !got.Equal(c.want) || got.Location() != time.UTC {
			t.Errorf("%q: got %v, error %v, want %v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{
		"yesterday", "1704164645123", "1e9", "1.", ".5", "-", "+1", "0x10", "1_0", " 1", "NaN", "2024-13-02T03:04:05Z", "2024-01-02T25:04:05Z",
		"Tue, 02 Jan 2024 03:04:05 CET", "02/01/2024", "99999999999999999999",
	} {
		if got, err := parseTime(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
