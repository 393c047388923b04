package listing

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type (
	dict = map[string]any
	list = []any
)

// infoOf returns the info of a torrent of files without pieces longer than a byte, changed.
func infoOf(size int, change dict) dict {
	info := dict{"name": "n", "piece length": MaxPieceLength + 1, "pieces": strings.Repeat("x", sha1.Size)}
	if size == 0 {
		info["pieces"] = ""
	}
	for key, value := range change {
		info[key] = value
		if value == nil {
			delete(info, key)
		}
	}
	return info
}

func file(length int, path ...any) dict { return dict{"length": length, "path": list(path)} }

// sized is an entry of a torrent with those URLs.
func sized(line int, path string, size int64, urls ...string) Entry {
	e := at(line, path, urls...)
	e.Size = size
	return e
}

var (
	singleInfo = infoOf(5, dict{"length": 5})
	rawMD5     = strings.Repeat("\x01", 16)
)

// torrentForms are torrents in the forms that are found.
var torrentForms = []struct {
	name string
	text string
	want []Entry
}{
	{
		"mktorrent", "d8:announce20:http://t.example/ann10:created by13:mktorrent 1.113:creation datei1700000000e" +
			"4:infod6:lengthi3e4:name5:a.txt12:piece lengthi67108865e6:pieces20:aaaaaaaaaaaaaaaaaaaae8:url-list23:https://s.example/file\ne\n",
		[]Entry{sized(1, "a.txt", 3, "https://s.example/file")},
	},
	{
		"seed is a directory", bencode(dict{"info": infoOf(5, dict{"length": 5, "name": "a b#?%+é"}), "url-list": "http://s.example/d/"}),
		[]Entry{sized(1, "a b#?%+é", 5, "http://s.example/d/a%20b%23%3F%25%2B%C3%A9")},
	},
	{
		"seed is the file", bencode(dict{"info": singleInfo, "url-list": "https://s.example/get?id=1&x=2#part"}),
		[]Entry{sized(1, "n", 5, "https://s.example/get?id=1&x=2")},
	},
	{
		"several seeds", bencode(dict{"info": singleInfo, "url-list": list{"ftp://f.example/n", "", "https://s.example/n", 7, "  HTTP://u.example/n\n", "https://s.example/n", "https://%zz/", "//x/y", "z", "file:///etc/passwd"}}),
		[]Entry{sized(1, "n", 5, "https://s.example/n", "http://u.example/n")},
	},
	{
		"base is not used beside a seed, BEP 17 is no seed", bencode(dict{"info": singleInfo, "url-list": list{"https://s.example/n"}, "httpseeds": list{"https://h.example/seed.php"}}),
		[]Entry{sized(1, "n", 5, "https://s.example/n")},
	},
	{
		"a seed that is too long for the many files there may be", bencode(dict{"info": singleInfo, "url-list": list{"https://s.example/" + strings.Repeat("x", maxSeed), "https://s.example/" + strings.Repeat("x", maxSeed-18)}}),
		[]Entry{sized(1, "n", 5, "https://s.example/"+strings.Repeat("x", maxSeed-18))},
	},
	{"no seed", bencode(dict{"info": singleInfo, "url-list": ""}), []Entry{sized(1, "n", 5)}},
	{
		"no seed, several files", bencode(dict{"info": infoOf(5, dict{"files": list{file(2, "d", "a#"), file(3, "b")}}), "httpseeds": "https://h.example/"}),
		[]Entry{sized(1, "n/d/a#", 2, testBase+"n/d/a%23"), sized(2, "n/b", 3)},
	},
	{
		"several files", bencode(dict{"info": infoOf(5, dict{"name": "t o", "files": list{file(2, "d", "a#"), file(3, "b")}}), "url-list": list{"https://s.example/x", "https://t.example/"}}),
		[]Entry{
			sized(1, "t o/d/a#", 2, "https://s.example/x/t%20o/d/a%23", "https://t.example/t%20o/d/a%23"),
			sized(2, "t o/b", 3, "https://s.example/x/t%20o/b", "https://t.example/t%20o/b"),
		},
	},
	{
		"UTF-8 beside another encoding", bencode(dict{"encoding": "GBK", "info": infoOf(5, dict{
			"name": "\xc3\xfb", "name.utf-8": "名", "files": list{dict{"length": 5, "path": list{"\xc3\xfb"}, "path.utf-8": list{"字"}}},
		})}),
		[]Entry{sized(1, "名/字", 5, testBase+"%E5%90%8D/%E5%AD%97")},
	},
	{
		"padding and links", bencode(dict{"info": infoOf(5, dict{"files": list{
			file(2, "a"),
			dict{"attr": "p", "length": 2, "path": list{".pad", "2"}},
			dict{"attr": "l", "length": 9, "path": list{"l"}, "symlink path": list{"a"}},
			dict{"attr": "l", "path": list{"m"}},
			dict{"attr": "xh", "length": 1, "path": list{"b"}},
		}})}),
		[]Entry{sized(1, "n/a", 2), sized(5, "n/b", 1)},
	},
	{
		"hybrid", bencode(dict{"info": infoOf(5, dict{"length": 5, "meta version": 2, "file tree": dict{"n": dict{"": dict{"length": 5, "pieces root": rawMD5 + rawMD5}}}}), "piece layers": dict{}}),
		[]Entry{sized(1, "n", 5)},
	},
	{
		"digests", bencode(dict{"info": infoOf(5, dict{"files": list{
			dict{"length": 1, "path": list{"a"}, "md5sum": strings.ToUpper(emptyMD5), "md5": hex.EncodeToString([]byte(rawMD5)), "sha1": emptySHA1},
			dict{"length": 4, "path": list{"b"}, "md5": hex.EncodeToString([]byte(rawMD5)), "sha1": rawMD5 + "\xff\xff\xff\xff"},
			dict{"length": 0, "path": list{"c"}, "md5sum": "no", "sha1": 5},
		}})}),
		[]Entry{
			with(sized(1, "n/a", 1), mustDigest(emptyMD5), mustDigest(emptySHA1)),
			with(sized(2, "n/b", 4), Digest{"md5", rawMD5}, Digest{"sha1", rawMD5 + "\xff\xff\xff\xff"}),
			sized(3, "n/c", 0),
		},
	},
	{"lenient", "d4:infod6:lengthi005e12:piece lengthi067108865e004:name1:n6:pieces20:aaaaaaaaaaaaaaaaaaaa6:lengtx" + "i-99999999999999999999999eee", []Entry{sized(1, "n", 5)}},
	{
		"bad name among good", bencode(dict{"info": infoOf(5, dict{"files": list{file(2, "a"), file(0, "..", "a"), file(3, "b")}})}),
		[]Entry{sized(1, "n/a", 2), sized(3, "n/b", 3)},
	},
}

func TestTorrentForms(t *testing.T) {
	t.Parallel()
	for _, c := range torrentForms {
		entries, errs := readAll(c.text, testOptions())
		if diff := cmp.Diff(c.want, entries); diff != "" {
			t.Errorf("%s: %s\nerrors %v", c.name, diff, errs)
		}
	}
}

func with(e Entry, digests ...Digest) Entry {
	e.Digests = digests
	return e
}

// torrentErrors are torrents with the first thing that is wrong with them.
var torrentErrors = []struct {
	name, text, want string
}{
	{"no info", bencode(dict{"announce": "x"}), "the torrent has no info: it names no files"},
	{"info is a string", bencode(dict{"info": "x"}), "the torrent's info is not a dictionary"},
	{"no name", bencode(dict{"info": infoOf(5, dict{"length": 5, "name": nil})}), "the torrent has no name"},
	{"no piece length", bencode(dict{"info": infoOf(5, dict{"length": 5, "piece length": nil})}), `the torrent's "piece length" is not a number above 0`},
	{"piece length 0", bencode(dict{"info": infoOf(5, dict{"length": 5, "piece length": 0})}), `the torrent's "piece length" is not a number above 0`},
	{"huge piece length", "d4:infod6:lengthi5e4:name1:n12:piece lengthi9223372036854775808e6:pieces0:ee", `the torrent's "piece length" is not a number above 0`},
	{"no pieces", bencode(dict{"info": infoOf(5, dict{"length": 5, "pieces": nil})}), `the torrent's "pieces" is not a row of SHA-1 digests`},
	{"half a digest", bencode(dict{"info": infoOf(5, dict{"length": 5, "pieces": "0123456789"})}), `the torrent's "pieces" is not a row of SHA-1 digests`},
	{"too few pieces", bencode(dict{"info": infoOf(5, dict{"length": 5, "piece length": 4})}), "the torrent has 1 piece hashes, but its files need 2"},
	{"too many pieces", bencode(dict{"info": infoOf(5, dict{"length": 0})}), "the torrent has 1 piece hashes, but its files need 0"},
	{"v2 alone", bencode(dict{"info": infoOf(5, dict{"pieces": nil, "meta version": 2, "file tree": dict{}})}), "a torrent of BitTorrent v2 alone (BEP 52), which is not read: a hybrid or v1 torrent is"},
	{"no length", bencode(dict{"info": infoOf(5, nil)}), "1: the file's length is not a whole number of bytes"},
	{"negative", bencode(dict{"info": infoOf(5, dict{"length": -5})}), "1: the file's length is not a whole number of bytes"},
	{"negative among files", bencode(dict{"info": infoOf(5, dict{"files": list{file(6, "a"), file(-1, "b")}})}), "2: the file's length is not a whole number of bytes"},
	{"length of 20 digits", "d4:infod6:lengthi99999999999999999999e4:name1:n12:piece lengthi5e6:pieces0:ee", "1: the file's length is not a whole number of bytes"},
	{"sum of lengths", bencode(dict{"info": infoOf(5, dict{"files": list{file(1<<62, "a"), file(1<<62, "b")}})}), "2: the files up to here are longer than any torrent can be"},
	{"length and files", bencode(dict{"info": infoOf(5, dict{"length": 5, "files": list{file(5, "a")}})}), `the torrent's "files" is no list, or stands beside a "length"`},
	{"files are no list", bencode(dict{"info": infoOf(5, dict{"files": file(5, "a")})}), `the torrent's "files" is no list, or stands beside a "length"`},
	{"file is no dictionary", bencode(dict{"info": infoOf(5, dict{"files": list{"a"}})}), "1: the file is not a dictionary"},
	{"name is ..", bencode(dict{"info": infoOf(5, dict{"length": 5, "name": ".."})}), `the torrent has a path with an element "..", which is no file name`},
	{"name is a path", bencode(dict{"info": infoOf(5, dict{"length": 5, "name": "/etc/x"})}), `the torrent has a path with an element "/etc/x", which is no file name`},
	{"empty name", bencode(dict{"info": infoOf(5, dict{"files": list{file(5, "a")}, "name": ""})}), `the torrent has a path with an element "", which is no file name`},
	{"element ..", bencode(dict{"info": infoOf(5, dict{"files": list{file(5, "..", "x")}})}), `1: the torrent has a path with an element "..", which is no file name`},
	{"element with a slash", bencode(dict{"info": infoOf(5, dict{"files": list{file(5, "a/../../../x")}})}), `1: the torrent has a path with an element "a/../../../x", which is no file name`},
	{"empty element", bencode(dict{"info": infoOf(5, dict{"files": list{file(5, "", "x")}})}), `1: the torrent has a path with an element "", which is no file name`},
	{"element with NUL", bencode(dict{"info": infoOf(5, dict{"files": list{file(5, "a\x00b")}})}), `1: path "n/a\x00b" has a NUL byte`},
	{"stage name", bencode(dict{"info": infoOf(5, dict{"files": list{file(5, ".a.fsync")}})}), `1: path "n/.a.fsync" has an element ".a.fsync": names of that form belong to fsync's staged copies`},
	{"element is a number", bencode(dict{"info": infoOf(5, dict{"files": list{file(5, 7)}})}), "1: the file's path is not a list of strings"},
	{"no path", bencode(dict{"info": infoOf(5, dict{"files": list{file(5)}})}), "1: the file has no path"},
	{"many elements", bencode(dict{"info": infoOf(5, dict{"files": list{file(5, repeated("a", 5000)...)}})}), "1: the file's path is longer than 4095 bytes"},
	{"key twice", "d4:infod6:lengthi5e6:lengthi6e4:name1:n12:piece lengthi5e6:pieces0:ee", `the torrent's info has the key "length" twice`},
	{"info twice", "d4:infode4:infodee", `the torrent has the key "info" twice`},
	{"cut off", "d4:infod6:lengthi5e4:name5:n", "the torrent is cut off"},
	{"more behind", "d4:infodeexyz", "the torrent ends at byte 10, but 3 bytes follow"},
	{"damaged", "d4:infodeX", "the torrent is damaged at byte 9: no value of bencode begins or goes on so"},
	{"value missing", "d1:ai1e1:be", "the torrent is damaged at byte 10: no value of bencode begins or goes on so"},
	{"deep", "d4:info" + strings.Repeat("l", 1000000), "the torrent is nested more than 32 deep"},
	{"deep with an end", "d4:info" + strings.Repeat("l", 32) + strings.Repeat("e", 32) + "e", "the torrent is nested more than 32 deep"},
	{"huge string", "d4:infod6:pieces99999999999999999999:xee", "the torrent is cut off"},
	{"long string", "d4:infod6:pieces99999999999:xee", "the torrent is cut off"},
}

func repeated(s string, n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = s
	}
	return list
}

func TestTorrentErrors(t *testing.T) {
	t.Parallel()
	for _, c := range torrentErrors {
		_, errs := readAll(c.text, testOptions())
		want := "list: " + c.want
		if '0' < c.want[0] && c.want[0] <= '9' {
			want = "list:" + c.want
		}
		if len(errs) != 1 || errs[0] != want {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, errs, want)
		}
	}
	for _, o := range []Options{{}, {Place: mustURL(testBase)}} {
		_, errs := readAll(bencode(dict{"info": infoOf(5, dict{"length": 5}), "url-list": list{"ftp://f.example/n"}}), o)
		if diff := cmp.Diff([]string{"list: a torrent without web seeds: give --base URL, where its files lie"}, errs); diff != "" {
			t.Error(diff)
		}
	}
}

func TestIsTorrent(t *testing.T) {
	t.Parallel()
	whole := makeTorrent(64, randomParts(1, 1000))
	for _, c := range []struct {
		head string
		want bool
	}{
		{whole, true},
		{whole[:20], true},
		{"d8:announce35:https://tracker.exa", true},
		{"d13:announce-listll3:abcee", true},
		{"d10:createdby", false},
		{"d8:announce\nd8:other\n", false},
		{"de", false},
		{"d", false},
		{"", false},
		{"d1.txt\nd2.txt\n", false},
		{"d1:a\n", false},
		{"d1:\ni1\n", false},
		{"d99999999999999999999:a", false},
		{"i1e", false},
		{"d4:infox", false},
	} {
		if got := isTorrent([]byte(c.head)); got != c.want {
			t.Errorf("%.40q: got %v", c.head, got)
		}
	}
	if !isTorrent(bytes.Repeat([]byte("d1:a"), 1<<14)) {
		t.Error("a deep nest is not told as a torrent: its message would be that of another format")
	}
}

func FuzzTorrent(f *testing.F) {
	for _, c := range torrentErrors {
		if len(c.text) < 10000 {
			f.Add(c.text)
		}
	}
	f.Add(makeTorrent(64, randomParts(1, 10, 200, -46, 64, 0, 3)))
	f.Add(bencode(dict{"info": infoOf(5, dict{"length": 5}), "url-list": "https://s.example/"}))
	f.Fuzz(func(t *testing.T, text string) { checkPieceList(t, text) })
}
