package listing

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// draft is what the list says of one entry, before path and URLs are worked out.
type draft struct {
	line    int
	path    string   // raw; "" if not given
	source  string   // raw path below the base, where it is not path
	dir     string   // raw directory that path lies in; "" if not given
	urls    []string // URLs or relative references, as given
	size    int64
	modTime time.Time
	digests []Digest
	pieces  *Pieces
}

func newDraft(line int) draft { return draft{line: line, size: -1} }

// entry completes a draft. A missing path comes from the first URL, a missing URL is what
// the path is below the base.
func (r *resolver) entry(d draft) (Entry, error) {
	if d.urls == nil && d.source == "" && d.dir == "" && r.baseErr == nil && isPlainPath(d.path) {
		path, urls := r.plain(d.path)
		return Entry{Path: path, URLs: urls, Size: d.size, ModTime: d.modTime, Digests: d.digests, Pieces: d.pieces, Line: d.line}, nil
	}
	urls, name, err := r.sources(d)
	if err != nil {
		return Entry{}, err
	}
	if d.path != "" {
		name = d.path
	}
	if d.dir != "" {
		name = d.dir + "/" + name
	}
	if name, err = cleanPath(name); err != nil {
		return Entry{}, err
	}
	return Entry{Path: name, URLs: urls, Size: d.size, ModTime: d.modTime, Digests: d.digests, Pieces: d.pieces, Line: d.line}, nil
}

// sources returns the URLs of a draft and, if it gives no path, the one that goes with
// them.
func (r *resolver) sources(d draft) (urls []string, name string, err error) {
	if len(d.urls) == 0 {
		if name = d.source; name == "" {
			name = d.path
		}
		if name == "" {
			return nil, "", errors.New("neither a path nor a URL is given")
		}
		if name, err = cleanPath(name); err != nil {
			return nil, "", err
		}
		below, err := r.below(name)
		return []string{below}, name, err
	}
	for i, ref := range d.urls {
		u, err := r.reference(ref)
		if err != nil {
			return nil, "", err
		}
		if i == 0 && d.path == "" {
			if name, err = r.path(u); err != nil {
				return nil, "", err
			}
		}
		urls = append(urls, u.String())
	}
	return urls, name, nil
}

// setSize takes a decimal number of bytes.
func (d *draft) setSize(s string) error {
	size, err := strconv.ParseInt(s, 10, 64)
	if err != nil || size < 0 {
		return fmt.Errorf("size %s is not a whole number of bytes", show(s))
	}
	d.size = size
	return nil
}

func (d *draft) setModTime(s string) error {
	t, err := parseTime(s)
	if err != nil {
		return err
	}
	d.modTime = t
	return nil
}

// addDigest adds a digest. The same one twice is one; two that differ cannot both hold.
func (d *draft) addDigest(algorithm, sum string) error {
	digest, err := NewDigest(algorithm, sum)
	if err != nil {
		return err
	}
	for _, known := range d.digests {
		if known == digest {
			return nil
		}
		if known.Algorithm == digest.Algorithm {
			return fmt.Errorf("two different %s digests are given", digest.Algorithm)
		}
	}
	d.digests = append(d.digests, digest)
	return nil
}
