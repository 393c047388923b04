package listing

import "strings"

// column is what a named value of a table or of a JSON object says.
type column struct {
	kind kind
	rank int    // of two columns of one kind the lower counts, if the kind does not repeat
	name string // as in the list, in lower case: for messages, and the digest's algorithm
}

type kind uint8

const (
	ignored kind = iota
	pathColumn
	urlColumn // repeats: mirrors
	sizeColumn
	timeColumn
	digestColumn  // repeats; the name is the algorithm
	anyDigestKind // repeats; algorithm:hex or hex
)

// columnOf knows the names of columns and keys, in any case. Names that it does not know
// are ignored: a list may hold more than fsync needs.
func columnOf(name string) column {
	name = strings.ToLower(strings.Trim(name, " \t"))
	c := column{name: name}
	switch name {
	case "path":
		c.kind = pathColumn
	case "name":
		c.kind, c.rank = pathColumn, 1
	case "file":
		c.kind, c.rank = pathColumn, 2
	case "url":
		c.kind = urlColumn
	case "urls":
		c.kind, c.rank = urlColumn, 1
	case "mirror":
		c.kind, c.rank = urlColumn, 2
	case "size":
		c.kind = sizeColumn
	case "bytes":
		c.kind, c.rank = sizeColumn, 1
	case "length":
		c.kind, c.rank = sizeColumn, 2
	case "mtime":
		c.kind = timeColumn
	case "modified":
		c.kind, c.rank = timeColumn, 1
	case "md5", "sha1", "sha224", "sha256", "sha384", "sha512":
		c.kind = digestColumn
	case "digest", "checksum":
		c.kind = anyDigestKind
	}
	return c
}

// repeats says that several columns of that kind count.
func (k kind) repeats() bool { return k == urlColumn || k == digestColumn || k == anyDigestKind }

// set puts a value into a draft. An empty one is not given. Blanks round a value do not
// count, but those of a path are its own.
func (d *draft) set(c column, value string) error {
	if c.kind != pathColumn {
		value = strings.Trim(value, " \t")
	}
	if value == "" {
		return nil
	}
	switch c.kind {
	case pathColumn:
		d.path = value
	case urlColumn:
		d.urls = append(d.urls, value)
	case sizeColumn:
		return d.setSize(value)
	case timeColumn:
		return d.setModTime(value)
	case digestColumn:
		return d.addDigest(c.name, value)
	case anyDigestKind:
		return d.setDigest(value)
	}
	return nil
}

// setDigest takes sha256:HEX, sha-256=HEX (aria2's form) or a bare HEX.
func (d *draft) setDigest(value string) error {
	if i := strings.IndexAny(value, ":="); i >= 0 {
		return d.addDigest(value[:i], value[i+1:])
	}
	return d.addDigest("", value)
}
