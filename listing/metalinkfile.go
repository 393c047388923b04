package listing

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxMirrors bounds the URLs of one file.
const maxMirrors = 1000

// metalinkFile is a file of a Metalink that is being read.
type metalinkFile struct {
	m     *metalinkReader
	draft draft
	depth int // of its element

	mirrors []mirror
	foreign []string // schemes of URLs that cannot be pulled, each once, no more than a few
	pieces  metalinkPieces
	hashed  int // bytes of all piece hashes
}

// mirror is a URL of a file. The lower its rank the earlier it is tried.
type mirror struct {
	ref  string
	rank int
}

// child takes an element within the file. What a puller has no use for is skipped: other
// name spaces, metaurl (a torrent), signatures, descriptions.
func (f *metalinkFile) child(e xml.StartElement) error {
	old := f.m.space == metalink3Space
	switch {
	case f.m.is(e, "size"):
		return f.setSize()
	case f.m.is(e, "hash"):
		return f.addHash(e)
	case f.m.is(e, "pieces"):
		return f.addPieces(e)
	case f.m.is(e, "url"):
		return f.addURL(e)
	case old && (f.m.is(e, "verification") || f.m.is(e, "resources")):
		return nil // hashes and URLs come next
	}
	return f.m.x.skip()
}

// text returns the text of the element that began last, without the blanks round it.
func (f *metalinkFile) text(limit int) (string, error) {
	text, err := f.m.x.text(limit)
	return strings.TrimSpace(text), err
}

func (f *metalinkFile) setSize() error {
	text, err := f.text(maxMetalinkText)
	if err != nil {
		return err
	}
	if f.draft.size >= 0 {
		return errors.New("the file has two sizes")
	}
	return f.draft.setSize(text)
}

// addHash takes a digest of the whole file, unless fsync cannot compute it.
func (f *metalinkFile) addHash(e xml.StartElement) error {
	text, err := f.text(maxMetalinkText)
	if err != nil {
		return err
	}
	written, _ := xmlAttr(e, "", "type")
	if written == "" {
		return errors.New("a hash without its type")
	}
	algorithm, _, ok := knownAlgorithm(written)
	if !ok {
		return nil
	}
	return f.draft.addDigest(algorithm, text)
}

// addURL takes a URL, unless its scheme cannot be pulled.
func (f *metalinkFile) addURL(e xml.StartElement) error {
	ref, err := f.text(maxMetalinkURL)
	if err != nil {
		return err
	}
	scheme, _, _ := strings.Cut(ref, ":")
	scheme = strings.ToLower(scheme)
	if kind, _ := xmlAttr(e, "", "type"); kind == "bittorrent" {
		scheme = kind // in Metalink 3, whatever the scheme: a torrent of the file, not the file
	} else if !isURL(ref) || slices.Contains(f.m.p.resolver.schemes, scheme) {
		scheme = ""
	}
	switch {
	case ref == "":
		return errors.New("an empty URL")
	case len(f.mirrors) == maxMirrors:
		return fmt.Errorf("the file has more than %d URLs", maxMirrors)
	case scheme == "":
		f.mirrors = append(f.mirrors, mirror{ref, f.rank(e)})
	case len(f.foreign) < 4 && !slices.Contains(f.foreign, scheme):
		f.foreign = append(f.foreign, scheme)
	}
	return nil
}

// rank is a URL's priority, of which 1 is the best (RFC 5854 §4.2.16.1), or its preference in
// Metalink 3, of which 100 is. One without is tried last.
func (f *metalinkFile) rank(e xml.StartElement) int {
	name, sign := "priority", 1
	if f.m.space == metalink3Space {
		name, sign = "preference", -1
	}
	value, _ := xmlAttr(e, "", name)
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 0 || n == 0 && sign > 0 {
		return math.MaxInt
	}
	return sign * int(n)
}

// finish completes the draft. An error has its line.
func (f *metalinkFile) finish() (line int, err error) {
	if len(f.mirrors) == 0 && len(f.foreign) > 0 {
		return f.draft.line, fmt.Errorf("the file's URLs cannot be pulled (schemes: %s; known: %s)",
			show(strings.Join(f.foreign, ", ")), strings.Join(f.m.p.resolver.schemes, ", "))
	}
	slices.SortStableFunc(f.mirrors, func(a, b mirror) int { return cmp.Compare(a.rank, b.rank) })
	for _, m := range f.mirrors {
		f.draft.urls = append(f.draft.urls, m.ref)
	}
	if p := f.pieces; p.algorithm != "" {
		f.draft.pieces, err = NewPieces(p.algorithm, p.length, f.draft.size, p.sums)
	}
	return f.pieces.line, err
}
