package listing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	metalink4Head = `<metalink xmlns="urn:ietf:params:xml:ns:metalink">` + "\n"
	metalink3Head = `<metalink version="3.0" xmlns="http://www.metalinker.org/"><files>` + "\n"
	metalink3Tail = "</files></metalink>"
)

// file4 is a Metalink 4 with a file a of 10 bytes, file3 the same of version 3.
func file4(children string) string {
	return metalink4Head + `<file name="a">` + "\n<size>10</size>\n" + children + "</file>\n<file name=\"ok\"/></metalink>"
}

func file3(children string) string {
	return metalink3Head + `<file name="a">` + "\n<size>10</size>\n" + children + "</file>\n<file name=\"ok\"/>" + metalink3Tail
}

// fedoraMetalink is a list of mirrors in the form of Fedora's MirrorManager.
const fedoraMetalink = `<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic" pubdate="Tue, 18 Mar 2025 10:00:00 GMT" generator="mirrormanager" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files>
  <file name="repomd.xml">
   <mm0:timestamp>1742292000</mm0:timestamp>
   <size>4096</size>
   <verification>
    <hash type="md5">` + emptyMD5 + `</hash>
    <hash type="sha256">` + emptySHA256 + `</hash>
    <hash type="ed2k">31d6cfe0d16ae931b73c59d7e0c089c0</hash>
   </verification>
   <mm0:alternates>
    <mm0:alternate>
     <size>4000</size>
     <verification><hash type="md5">` + "00000000000000000000000000000000" + `</hash></verification>
    </mm0:alternate>
   </mm0:alternates>
   <resources maxconnections="1">
    <url protocol="rsync" type="rsync" location="DE" preference="100">rsync://r.example/repodata/repomd.xml</url>
    <url protocol="http" type="http" location="FR" preference="98">http://b.example/repodata/repomd.xml</url>
    <url protocol="https" type="https" location="DE" preference="99">https://a.example/repodata/repomd.xml</url>
    <url type="bittorrent" preference="100">https://a.example/repomd.torrent</url>
    <url type="http">http://last.example/repomd.xml?a=1&amp;b=2</url>
   </resources>
  </file>
 </files>
</metalink>
`

// rfcMetalink has what RFC 5854 §1.1 shows, and more.
const rfcMetalink = "\ufeff" + `<?xml version="1.0" encoding="UTF-8"?>
<!-- <metalink>
-->
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <published>2009-05-15T12:23:23Z</published>
  <generator>example</generator>
  <file name="dir/example.ext">
    <size> 14471447 </size>
    <identity>Example</identity>
    <version>1.0</version>
    <language>en</language>
    <hash type="sha-256">
      ` + emptySHA256 + `
    </hash>
    <hash type="SHA-1">` + emptySHA1 + `</hash>
    <hash type="whirlpool">00</hash>
    <url location="de" priority="2">ftp://ftp.example.com/example.ext</url>
    <url location="fr">http://none.example/example.ext</url>
    <url location="fr" priority="7">http://seven.example/example.ext</url>
    <url priority="1"><![CDATA[http://one.example/a b?x=1&y=2]]></url>
    <url priority="x">http://bad.example/example.ext</url>
    <url priority="2">
      http://two.example/example.ext
    </url>
    <metaurl mediatype="torrent" priority="1">http://example.com/example.ext.torrent</metaurl>
    <signature mediatype="application/pgp-signature">-----BEGIN</signature>
  </file>
  <x:file xmlns:x="urn:other" name="other"><size>1</size></x:file>
  <file name="below &amp; &#233;"></file><file name="./relative"><url>../x/relative</url></file>
</metalink>
`

func TestMetalinkForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []Entry
	}{
		{"MirrorManager", fedoraMetalink, []Entry{with(sized(4, "repomd.xml", 4096,
			"https://a.example/repodata/repomd.xml", "http://b.example/repodata/repomd.xml", "http://last.example/repomd.xml?a=1&b=2"),
			mustDigest(emptyMD5), mustDigest(emptySHA256))}},
		{"RFC 5854", rfcMetalink, []Entry{
			with(sized(7, "dir/example.ext", 14471447, "http://one.example/a%20b?x=1&y=2", "http://two.example/example.ext",
				"http://seven.example/example.ext", "http://none.example/example.ext", "http://bad.example/example.ext"),
				mustDigest(emptySHA256), mustDigest(emptySHA1)),
			at(29, "below & é", testBase+"below%20&%20%C3%A9"),
			at(29, "relative", "https://host.example/x/relative"),
		}},
		{"blank and comment lines ahead", "\n# <html>\n" + file4(""), []Entry{sized(4, "a", 10), at(7, "ok")}},
		{"prefix", `<m:metalink xmlns:m="urn:ietf:params:xml:ns:metalink"><m:file name="a"><m:size>1</m:size></m:file></m:metalink>`, []Entry{sized(1, "a", 1)}},
		{
			"equal preferences stay in order", file3(`<resources><url preference="5">http://b.example/</url><url preference="5">http://a.example/</url><url preference="0">http://c.example/</url></resources>`),
			[]Entry{sized(2, "a", 10, "http://b.example/", "http://a.example/", "http://c.example/"), at(5, "ok")},
		},
	} {
		entries, errs := readAll(c.text, testOptions())
		if diff := cmp.Diff(c.want, entries); diff != "" || errs != nil {
			t.Errorf("%s: %s\nerrors %v", c.name, diff, errs)
		}
	}
}

func TestMetalinkPieces(t *testing.T) {
	t.Parallel()
	sum := func(algorithm string, i int) string { return fmt.Sprintf("%0*x", 2*sumSize(algorithm), i) }
	hashes := func(algorithm string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "<hash>%s</hash>\n", sum(algorithm, i))
		}
		return b.String()
	}
	want := func(algorithm string, length int64, n int) *Pieces {
		p := &Pieces{Algorithm: algorithm, Length: length}
		for i := range n {
			p.Sums += mustDigest(sum(algorithm, i)).Sum
		}
		return p
	}
	numbered := func(numbers ...int) string {
		var b strings.Builder
		for _, n := range numbers {
			fmt.Fprintf(&b, `<hash piece="%d">%s</hash>`, n, sum("sha1", n))
		}
		return `<verification><pieces type="sha1" length="4">` + b.String() + "</pieces></verification>"
	}
	for _, c := range []struct {
		name, text string
		want       *Pieces
	}{
		{"exact", file4(`<pieces length="5" type="sha-256">` + hashes("sha256", 2) + "</pieces>"), want("sha256", 5, 2)},
		{"the last is short", file4(`<pieces length="4" type="sha-512">` + hashes("sha512", 3) + "</pieces>"), want("sha512", 4, 3)},
		{"one piece", file4(`<pieces length="67108864" type="md5">` + hashes("md5", 1) + "</pieces>"), want("md5", 67108864, 1)},
		{"too long a piece", file4(`<pieces length="67108865" type="md5">` + hashes("md5", 1) + "</pieces>"), nil},
		{"unknown algorithm", file4(`<pieces length="5" type="sha3-256">` + hashes("sha256", 2) + "</pieces>"), nil},
		{"the strongest last", file4(`<pieces length="5" type="md5">` + hashes("md5", 2) + `</pieces><pieces length="10" type="sha-256">` + hashes("sha256", 1) + "</pieces>"), want("sha256", 10, 1)},
		{"the strongest first", file4(`<pieces length="10" type="sha-256">` + hashes("sha256", 1) + `</pieces><pieces length="5" type="sha-1">` + hashes("sha1", 2) + "</pieces>"), want("sha256", 10, 1)},
		{"something else within", file4(`<pieces length="10" type="sha-1"> x <y><hash>1</hash></y>` + hashes("sha1", 1) + "</pieces>"), want("sha1", 10, 1)},
		{"version 3", file3(numbered(0, 1, 2)), want("sha1", 4, 3)},
		{"version 3 in disorder", file3(numbered(0, 2, 1)), want("sha1", 4, 3)},
		{"version 3 reversed", file3(numbered(2, 1, 0)), want("sha1", 4, 3)},
	} {
		entries, errs := readAll(c.text, testOptions())
		if len(entries) != 2 || errs != nil {
			t.Errorf("%s: %d entries, errors %v", c.name, len(entries), errs)
			continue
		}
		if diff := cmp.Diff(c.want, entries[0].Pieces); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestMetalinkEmpty: an empty file has no pieces, whatever its list says.
func TestMetalinkEmpty(t *testing.T) {
	t.Parallel()
	empty := metalink4Head + `<file name="a"><size>0</size><pieces length="5" type="sha-1"><hash>` + emptySHA1 + "</hash></pieces></file></metalink>"
	if entries, errs := readAll(empty, testOptions()); len(entries) != 1 || entries[0].Pieces != nil || errs != nil {
		t.Errorf("an empty file: %+v, errors %v", entries, errs)
	}
}

func TestMetalinkNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		numbers []string
		want    string
	}{
		{[]string{"0", "1", "1"}, "piece 1 has two hashes"},
		{[]string{"0", "1", "3"}, "the hash of piece 3 is given, but there are only 3"},
		{[]string{"1", "2", "3"}, "the hash of piece 3 is given, but there are only 3"},
		{[]string{"0", "999999999999", "2"}, "the hash of piece 999999999999 is given, but there are only 3"},
		{[]string{"0", "-1", "2"}, `the number "-1" of a piece is not a whole number`},
		{[]string{"", "1", "2"}, `the number "" of a piece is not a whole number`},
		{[]string{"0", "1"}, "2 pieces of 4 bytes do not fit a file of 10 bytes"},
	} {
		var b strings.Builder
		for _, n := range c.numbers {
			fmt.Fprintf(&b, `<hash piece="%s">%s</hash>`, n, emptySHA1)
		}
		entries, errs := readAll(file3(`<verification><pieces type="sha1" length="4">`+b.String()+"</pieces></verification>"), testOptions())
		if diff := cmp.Diff([]string{"list:4: " + c.want}, errs); diff != "" || len(entries) != 1 {
			t.Errorf("%v: %s\n%d entries, want the one after it", c.numbers, diff, len(entries))
		}
	}
}

func TestIsMetalink(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]bool{
		"<metalink>":                                      true,
		"<metalink\n":                                     false,
		"<m:metalink xmlns:m='x'/>":                       true,
		"<METALINK >":                                     true,
		"\n \n <metalink x='y'>":                          true,
		"<?xml?><!-- > --><?x y?>\n<metalink>":            true,
		"<?xml?><!DOCTYPE metalink><metalink>":            true,
		"<!DOCTYPE metalink [<!ENTITY a '>'>]><metalink>": true,
		"<!DOCTYPE html><metalink>":                       true,
		"<!-- <metalink> -->":                             false,
		"<!-- <metalink> --><html>":                       false,
		"<!-- <metalink> ":                                false,
		"<html><body><metalink></body></html>":            false,
		"<metalinks>":                                     false,
		"<metalink":                                       false,
		"metalink >":                                      false,
		"":                                                false,
		"#":                                               false,
		"<":                                               false,
		"<?":                                              false,
	} {
		if got := isMetalink([]byte(head)); got != want {
			t.Errorf("%q: got %v", head, got)
		}
	}
}
