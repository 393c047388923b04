package listing

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

const (
	maxTorrent = 64 << 20 // bytes of a torrent file: it is held in memory

	// maxSeeds is how many web seeds are taken, maxSeed how long one may be, in bytes. Each file
	// has a URL at each: files and seeds multiply, and a small hostile torrent may have many of
	// both.
	maxSeeds = 32
	maxSeed  = 4 << 10
)

// isTorrent tells a torrent: a bencoded dictionary. The key and the value that it begins with
// must be whole as far as head goes, so that a file name in a plain list is not taken for one.
func isTorrent(head []byte) bool {
	if len(head) < 2 || head[0] != 'd' || !isDigit(head[1]) {
		return false
	}
	s := bencodeScanner{text: string(head), at: 1}
	key, err := s.str()
	if err != nil || key == "" || bytes.ContainsFunc([]byte(key), func(r rune) bool { return r < ' ' }) {
		return false
	}
	err = s.value(2)
	return err == nil || err == errBencodeCut || err == errBencodeDeep
}

// readTorrent reads a torrent of version 1 (BEP 3), or a hybrid, with web seeds (BEP 19) or
// files below Options.Base. The line of an entry is its number among the files, padding
// counted in.
func (p *parser) readTorrent() {
	var text strings.Builder
	if _, err := io.Copy(&text, io.LimitReader(p.lines.r, maxTorrent+1)); err != nil {
		p.fail(0, err)
		return
	}
	if text.Len() > maxTorrent {
		p.fail(0, fmt.Errorf("the torrent is longer than %d bytes", maxTorrent))
		return
	}
	t, err := p.parseTorrent(text.String())
	if err != nil {
		p.fail(0, err)
		return
	}
	if line, err := t.measure(); err != nil {
		p.fail(line, err)
		return
	}
	at, line := int64(0), 0
	for files := t.files; ; {
		f, ok, err := files.nextFile()
		if !ok || err != nil {
			return // measure saw no error
		}
		line++
		if !f.padding && !f.link && !p.emitFile(t, f, line, at, files) {
			return
		}
		at += f.length
	}
}

// emitFile yields the file that begins at byte at of the torrent; rest are the files behind
// it.
func (p *parser) emitFile(t *metainfo, f torrentFile, line int, at int64, rest elements) bool {
	path, err := t.path(f)
	if err != nil {
		return p.fail(line, err)
	}
	d := newDraft(line)
	d.path, d.size = path, f.length
	for _, seed := range t.seeds {
		d.urls = append(d.urls, t.url(seed, path))
	}
	d.digests, d.pieces = f.digests(), t.pieces(at, f.length, rest)
	return p.emit(d)
}

// metainfo is what a torrent says of all its files.
type metainfo struct {
	name  string // of the file, or of the directory that all files lie in
	multi bool
	seeds []string // absolute URLs
	files elements // dictionaries; of a single file its info

	length int64  // of a piece
	sums   string // SHA-1 of the pieces, one behind the other
	total  int64  // bytes of all files, padding included
}

func (p *parser) parseTorrent(text string) (*metainfo, error) {
	whole, err := parseBencode(text)
	if err != nil {
		return nil, err
	}
	top, err := whole.fields("info", "url-list")
	if err != nil {
		return nil, fmt.Errorf("the torrent %w", err)
	}
	if top[0] == "" {
		return nil, errors.New("the torrent has no info: it names no files")
	}
	t := &metainfo{seeds: p.webSeeds(top[1])}
	if err := t.setInfo(top[0]); err != nil {
		return nil, err
	}
	if len(t.seeds) == 0 && p.options.Base == nil {
		return nil, errors.New("a torrent without web seeds: give --base URL, where its files lie")
	}
	return t, nil
}

func (t *metainfo) setInfo(info bencoded) error {
	v, err := info.fields("name", "name.utf-8", "length", "files", "piece length", "pieces", "file tree")
	if err != nil {
		return fmt.Errorf("the torrent's info %w", err)
	}
	var hashed bool
	if t.sums, hashed = v[5].str(); !hashed && v[6] != "" {
		return errors.New("a torrent of BitTorrent v2 alone (BEP 52), which is not read: a hybrid or v1 torrent is")
	}
	var named, sized bool
	if t.name, named = v[1].str(); !named {
		t.name, named = v[0].str()
	}
	t.length, sized = v[4].integer()
	t.multi, t.files = v[3] != "", v[3].elements()
	if !t.multi {
		t.files = elements(info)
	}
	switch {
	case !named:
		return errors.New("the torrent has no name")
	case !sized || t.length < 1:
		return errors.New(`the torrent's "piece length" is not a number above 0`)
	case !hashed || len(t.sums)%sha1.Size != 0:
		return errors.New(`the torrent's "pieces" is not a row of SHA-1 digests`)
	case t.multi && (!v[3].isList() || v[2] != ""):
		return errors.New(`the torrent's "files" is no list, or stands beside a "length"`)
	}
	return checkTorrentElement(t.name)
}

// webSeeds returns the usable URLs of a url-list: a string or a list of strings. Seeds of
// other schemes need other clients, and are left out as peers are; so are those that are too
// long.
func (p *parser) webSeeds(list bencoded) []string {
	all := list.elements()
	if !list.isList() {
		all = elements(list)
	}
	var seeds []string
	for len(seeds) < maxSeeds {
		raw, ok := all.next()
		if !ok {
			break
		}
		seed, _ := raw.str()
		seed = strings.TrimSpace(seed)
		scheme, _, _ := strings.Cut(seed, "://")
		if scheme = strings.ToLower(scheme); scheme != "http" && scheme != "https" || len(seed) > maxSeed {
			continue
		}
		u, err := p.resolver.reference(seed)
		if err == nil && !slices.Contains(seeds, u.String()) {
			seeds = append(seeds, u.String())
		}
	}
	return seeds
}

// measure adds up the files, on whose lengths it depends which bytes a piece has. An error
// is that of a file, or with line 0 of the torrent.
func (t *metainfo) measure() (line int, err error) {
	for files := t.files; ; {
		f, ok, err := files.nextFile()
		if !ok {
			break
		}
		line++
		if err != nil {
			return line, err
		}
		if f.length > math.MaxInt64-t.total {
			return line, errors.New("the files up to here are longer than any torrent can be")
		}
		t.total += f.length
	}
	need, have := t.total/t.length, int64(len(t.sums)/sha1.Size)
	if t.total%t.length != 0 {
		need++
	}
	if have != need {
		return 0, fmt.Errorf("the torrent has %d piece hashes, but its files need %d", have, need)
	}
	return 0, nil
}

// path returns where a file goes. All of several files lie in a directory of the torrent's
// name.
func (t *metainfo) path(f torrentFile) (string, error) {
	if !t.multi {
		return strings.Clone(t.name), nil // an entry must not hold the text of the torrent
	}
	path, size := []string{t.name}, len(t.name)
	for all := f.path; ; {
		raw, ok := all.next()
		if !ok {
			break
		}
		element, ok := raw.str()
		if !ok {
			return "", errors.New("the file's path is not a list of strings")
		}
		if err := checkTorrentElement(element); err != nil {
			return "", err
		}
		if size += len("/") + len(element); size > maxPath {
			return "", fmt.Errorf("the file's path is longer than %d bytes", maxPath)
		}
		path = append(path, element)
	}
	if len(path) == 1 {
		return "", errors.New("the file has no path")
	}
	return strings.Join(path, "/"), nil
}

// checkTorrentElement refuses what CheckPath cannot see once the elements are joined.
func checkTorrentElement(element string) error {
	if element == "" || element == "." || element == ".." || strings.Contains(element, "/") {
		return fmt.Errorf("the torrent has a path with an element %s, which is no file name", show(element))
	}
	return nil
}

// url returns a file's URL at a web seed (BEP 19). That of a single file may be the seed
// itself.
func (t *metainfo) url(seed, path string) string {
	slash := strings.HasSuffix(seed, "/")
	switch {
	case !t.multi && !slash:
		return seed
	case !slash:
		seed += "/"
	}
	return seed + escapePath(path)
}
