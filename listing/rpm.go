package listing

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

const (
	rpmSpace   = "http://linux.duke.edu/metadata/common"
	xmlSpace   = "http://www.w3.org/XML/1998/namespace"
	maxRPMText = 1 << 10 // bytes of a checksum
)

// rpmOthers are the root elements of what else lies in repodata.
var rpmOthers = map[string]string{
	"repomd": "an RPM repomd.xml", "filelists": "an RPM filelists.xml", "otherdata": "an RPM other.xml",
	"updates": "an RPM updateinfo.xml", "comps": "an RPM comps.xml",
}

// rpmOther refuses what lies beside the list of an RPM repository; nil: it is none of it.
func rpmOther(root xml.StartElement) error {
	name, ok := rpmOthers[root.Name.Local]
	if !ok {
		return nil
	}
	return &Error{Msg: name + ", not a list of files: give the file …-primary.xml.gz (or .zst, .xz) beside it, which repomd.xml names", Err: ErrNotList}
}

// isRPM tells the primary.xml of an RPM repository by its root element.
func isRPM(root xml.StartElement) bool {
	for _, a := range root.Attr {
		if a.Value == rpmSpace {
			return root.Name.Local == "metadata"
		}
	}
	return false
}

// readRPM reads the primary.xml of an RPM repository. It gives a file's time as well, but
// that is the time on the machine that made the list: a mirror need not have it.
func (p *parser) readRPM() {
	p.repeats = true
	p.resolver = newResolver(p.options.within(func(dir string) string {
		if strings.HasSuffix(dir, "/repodata/") {
			return strings.TrimSuffix(dir, "repodata/")
		}
		return dir
	}))
	x := newXMLReader(p.lines.r)
	for {
		t, err := x.token()
		e, begins := t.(xml.StartElement)
		switch {
		case err == io.EOF:
			return
		case err != nil:
			p.fail(p.lines.line+x.line(), err)
			return
		case !begins || x.depth == 1:
			continue
		}
		more := true
		if e.Name == (xml.Name{Space: rpmSpace, Local: "package"}) {
			more, err = p.rpmPackage(x)
		} else {
			err = x.skip()
		}
		if err != nil {
			p.fail(p.lines.line+x.line(), err)
		}
		if err != nil || !more {
			return
		}
	}
}

// rpmPackage reads a package element to its end and yields its entry, or what is wrong with
// it. The error ends reading.
func (p *parser) rpmPackage(x *xmlReader) (more bool, err error) {
	d := newDraft(p.lines.line + x.line())
	var bad error
	for depth := x.depth; x.depth >= depth; {
		t, err := x.token()
		if err != nil {
			return false, err
		}
		e, begins := t.(xml.StartElement)
		if !begins {
			continue
		}
		wrong, err := d.setRPM(e, x)
		if err != nil {
			return false, err
		}
		if bad == nil {
			bad = wrong
		}
	}
	switch {
	case bad != nil:
		return p.fail(d.line, bad), nil
	case d.source == "" && d.urls == nil:
		return p.fail(d.line, errors.New("the package has no <location href>")), nil
	}
	d.keepStrong()
	return p.emit(d), nil
}

// setRPM reads an element of a package to its end. Bad is what is wrong with its values; err
// ends reading.
func (d *draft) setRPM(e xml.StartElement, x *xmlReader) (bad, err error) {
	if e.Name.Space != rpmSpace {
		return nil, x.skip()
	}
	switch e.Name.Local {
	case "checksum":
		kind, _ := xmlAttr(e, "", "type")
		if kind == "sha" {
			kind = "sha1" // createrepo's name for it before 2010
		}
		sum, err := x.text(maxRPMText)
		if err != nil {
			return nil, err
		}
		return d.addDigest(kind, strings.Trim(sum, " \t\r\n")), nil
	case "size":
		if size, ok := xmlAttr(e, "", "package"); ok {
			bad = d.setSize(size)
		}
	case "location":
		href, _ := xmlAttr(e, "", "href")
		base, _ := xmlAttr(e, xmlSpace, "base")
		bad = d.setLocation(base, href)
	}
	return bad, x.skip()
}

// setLocation takes a location. An href is a URL, or a raw path below base: dnf escapes
// percent signs in it since 2020 (github.com/rpm-software-management/libdnf pull 954). A
// base is a directory.
func (d *draft) setLocation(base, href string) error {
	if d.source != "" || d.urls != nil {
		return errors.New("the package has two locations")
	}
	if href == "" || isURL(href) {
		if href != "" {
			d.urls = []string{href}
		}
		return nil
	}
	href = strings.TrimLeft(href, "/") // put behind the base, as dnf does
	dots := hasDots(href)
	switch {
	case base != "":
		u, err := url.Parse(base)
		if err != nil || !isURL(base) {
			return fmt.Errorf("xml:base %s is not a URL", show(base))
		}
		u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", ""
		d.urls = []string{strings.TrimRight(u.String(), "/") + "/" + escapePath(href)}
		if !dots {
			d.path = href // else it is where the URL lies
		}
	case dots:
		d.urls = []string{"./" + escapePath(href)} // ./ as a colon may follow
	default:
		d.source = href
	}
	return nil
}
