package listing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const rpmHead = `<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="2">
`

// rpmPrimary is like Fedora's primary.xml.
var rpmPrimary = rpmHead + `<package type="rpm">
  <name>0ad</name>
  <arch>x86_64</arch>
  <version epoch="0" ver="0.0.26" rel="21.fc40"/>
  <checksum type="sha256" pkgid="YES">` + emptySHA256 + `</checksum>
  <summary>Cross-Platform RTS Game of Ancient Warfare</summary>
  <description>0 A.D. (pronounced "zero ey-dee") is a free, open-source, cross-platform
real-time strategy (RTS) game &amp; more.</description>
  <packager>Fedora Project</packager>
  <url>http://play0ad.com</url>
  <time file="1711543236" build="1711542123"/>
  <size package="8092164" installed="28421340" archive="28426620"/>
  <location href="Packages/0/0ad-0.0.26-21.fc40.x86_64.rpm"/>
  <format>
    <rpm:license>GPL-2.0-or-later</rpm:license>
    <rpm:header-range start="4504" end="25753"/>
    <rpm:provides>
      <rpm:entry name="0ad" flags="EQ" epoch="0" ver="0.0.26" rel="21.fc40"/>
    </rpm:provides>
    <file>/usr/bin/0ad</file>
    <!-- <location href="x"/> -->
  </format>
</package>
<package type="rpm"><name>b</name><location href="b%2F^~+1.rpm"/><size package="0"/><checksum type="sha" pkgid="YES">
` + emptySHA1 + `
</checksum></package>
</metadata>
`

func rpmList(packages ...string) string {
	return rpmHead + "<package>" + strings.Join(packages, "</package>\n<package>") + "</package>\n</metadata>\n"
}

func rpmLocation(attributes string) string { return "<location " + attributes + "/>" }

var rpmCases = []readCase{
	{"Fedora", rpmPrimary, []Entry{
		at(3, "Packages/0/0ad-0.0.26-21.fc40.x86_64.rpm").sized(8092164).summed(emptySHA256),
		at(26, "b%2F^~+1.rpm", testBase+"b%252F%5E~%2B1.rpm").sized(0).summed(emptySHA1),
	}},
	{"prefix, no declaration, on one line", `<m:metadata xmlns:m="http://linux.duke.edu/metadata/common"><m:package><m:location href='a'/></m:package><m:package><m:location href='b'/></m:package></m:metadata>`, []Entry{at(1, "a"), at(1, "b")}},
	{"above the base, from the root", rpmList(rpmLocation(`href="../d/a%:b.rpm"`), rpmLocation(`href="//c/d.rpm"`)), []Entry{
		at(3, "a%:b.rpm", "https://host.example/d/a%25:b.rpm"), at(4, "c/d.rpm"),
	}},
	{"URLs", rpmList(rpmLocation(`href="https://x.example/p/a%20b.rpm?k=1"`), rpmLocation(`xml:base="https://x.example/os" href="p/a b.rpm"`), rpmLocation(`xml:base="https://x.example/os/" href="../c.rpm"`)), []Entry{
		at(3, "a b.rpm", "https://x.example/p/a%20b.rpm?k=1"), at(4, "p/a b.rpm", "https://x.example/os/p/a%20b.rpm"),
		at(5, "c.rpm", "https://x.example/os/../c.rpm"),
	}},
	{"other elements", rpmHead + "<x><package><location href='a'/></package></x><rpm:package/><package><x:location xmlns:x='y' href='b'/><location href='c'/></package></metadata>", []Entry{at(3, "c")}},
	{"comments and blanks around", "# <x> & y\n\n" + strings.TrimPrefix(rpmList(rpmLocation("href='a'")), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") + "<!-- x -->\n\n", []Entry{at(4, "a")}},
	{"no packages", rpmHead + "</metadata>", nil},
}

func TestRPMErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"no location", "<name>a</name>", []string{"list:3: the package has no <location href>"}},
		{"empty location", "<location href=''/>", []string{"list:3: the package has no <location href>"}},
		{"two locations", "<location href='a'/><location href='b'/>", []string{"list:3: the package has two locations"}},
		{"parent", "<location href='../..'/>", []string{`list:3: the URL "https://host.example/" names no file: give it a path (out= in a plain list, else a path column or key)`}},
		{"size", "\n<location href='a'/>\n<size package='1k'/>", []string{`list:3: size "1k" is not a whole number of bytes`}},
		{"digest", "<location href='a'/><checksum type='crc32'>00</checksum>", []string{`list:3: unknown digest algorithm "crc32" (known: md5, sha1, sha224, sha256, sha384, sha512)`}},
		{"media", "<location xml:base='media://1234#1' href='a.rpm'/>", []string{`list:3: URLs of scheme "media" cannot be pulled (known: http, https, file, sftp)`}},
		{"relative base", "<location xml:base='u:s3cret@x/y' href='a.rpm'/>", []string{`list:3: xml:base "…@x/y" is not a URL`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			entries, errs := readAll(rpmList(c.text, rpmLocation("href='ok'")), testOptions())
			if diff := cmp.Diff(c.want, errs); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if len(entries) != 1 || entries[0].Path != "ok" {
				t.Errorf("got %v, want ok alone", entries)
			}
		})
	}
}

// TestRPMEnds holds what ends reading.
func TestRPMEnds(t *testing.T) {
	t.Parallel()
	laughs := `<!DOCTYPE metadata [<!ENTITY a "ha">`
	for i := range 9 {
		laughs += fmt.Sprintf(`<!ENTITY %c "%s">`, 'b'+i, strings.Repeat(fmt.Sprintf("&%c;", 'a'+i), 10))
	}
	document := strings.TrimPrefix(rpmList("<name>&j;</name>"), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
	for _, c := range []struct{ name, text, want string }{
		{"billion laughs", laughs + "]>\n" + document, "list:1: " + errXMLType.Error()},
		{"billion laughs, declared", `<?xml version="1.0"?>` + laughs + "]>\n" + document, "list:1: " + errXMLType.Error()},
		{"Latin-1", strings.Replace(rpmPrimary, "UTF-8", "ISO-8859-1", 1), `list:1: the XML document is written in "ISO-8859-1": XML is read in UTF-8 alone`},
		{"entity, comments ahead", "#\n\n" + rpmList("<name>&nbsp;</name>"), "list:5: " + errXMLAmp.Error()},
		{"entity", rpmList("<name>&nbsp;</name>"), "list:3: " + errXMLAmp.Error()},
		{"element in a checksum", rpmList("\n<checksum type='md5'><b/></checksum>"), "list:4: the XML document has an element <b> where a text is due"},
		{"long checksum", rpmList("<checksum type='md5'>" + strings.Repeat("0", 2000) + "</checksum>"), "list:3: a text of the XML document is longer than 1024 bytes, which is all that there may be"},
		{"deep", rpmHead + strings.Repeat("<a>", 1<<20), "list:3: " + errXMLDepth.Error()},
		{"deep in a package", rpmHead + "<package>" + strings.Repeat("<a>", 1<<20), "list:3: " + errXMLDepth.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			entries, errs := readAll(c.text, testOptions())
			if diff := cmp.Diff([]string{c.want}, errs); diff != "" || entries != nil {
				t.Errorf("entries %v, errors (-want +got):\n%s", entries, diff)
			}
		})
	}
}

// TestRPMCut cuts behind the first package at every byte.
func TestRPMCut(t *testing.T) {
	t.Parallel()
	end := strings.LastIndex(rpmPrimary, "</metadata>") + len("</metadata>")
	for n := strings.Index(rpmPrimary, "</package>") + len("</package>"); n < end; n++ {
		entries, errs := readAll(rpmPrimary[:n], testOptions())
		if len(entries) == 0 || len(errs) != 1 || !strings.HasSuffix(errs[0], errXMLCut.Error()) {
			t.Errorf("cut at %d: got %d entries and %q, want %v", n, len(entries), errs, errXMLCut)
		}
	}
}

func TestRPMPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ place, base, want string }{
		{"https://x.example/os/repodata/", "", "https://x.example/os/a"},
		{"https://x.example/os/repodata/0123-primary.xml.gz", "", "https://x.example/os/a"},
		{"https://x.example/repodata/", "", "https://x.example/a"},
		{"https://x.example/repodata/old/", "", "https://x.example/repodata/old/a"},
		{"https://x.example/myrepodata/", "", "https://x.example/myrepodata/a"},
		{"file:///srv/d%20e/repodata/", "", "file:///srv/d%20e/a"},
		{"https://x.example/os/repodata/", "https://y.example/repodata/", "https://y.example/repodata/a"},
	} {
		o := Options{Schemes: testOptions().Schemes, Place: mustURL(c.place)}
		if c.base != "" {
			o.Base = mustURL(c.base)
		}
		entries, errs := readAll(rpmList(rpmLocation("href='a'")), o)
		if len(entries) != 1 || entries[0].URLs[0] != c.want || entries[0].Path != "a" {
			t.Errorf("%s: got %v, %q, want %s", c.place, entries, errs, c.want)
		}
	}
}
