package listing

import (
	"errors"
	"io"
	"iter"
)

// Read yields the entries of a list in order, in bounded memory. The name is for messages.
//
// A line that is wrong yields a zero Entry and an *Error, and reading goes on. An error
// that ends reading is the last thing yielded, also as an *Error: the reader's own (which
// it wraps), a line longer than 1 MiB, ErrNotList, ErrTooLarge, or compressed data or a
// document that is damaged or cut off. Paths are checked one by one: that they are unique
// is for Check to find.
//
// A list may be compressed, once: by gzip, zstd, xz or bzip2. What is said of it below, the
// lines' numbers too, is of what it decompresses to.
//
// The format is found by content. In those of lines, Debian's aside, lines end in LF or
// CRLF, a UTF-8 byte order mark is skipped, and blank lines and those that begin with # are
// ignored: a name that begins with # is written ./#name.
//
// Plain: a URL, user@host:path (see SSHURL) or a relative path on each line. A path is
// taken as it is, with its percent signs and blanks. Several URLs of one file (mirrors) are
// separated by TABs, and indented lines below are options in aria2's words: out=, dir=,
// checksum=.
//
// NUL (Options.NUL alone, not told by content): the same names, each ending in a NUL byte,
// and nothing else. A line end, a TAB or a # is a part of a name. An Entry's Line is the
// number of its name.
//
// Checksum files: "HEX  name" and "SHA256 (name) = HEX" as the GNU and BSD tools write
// them, also inside a clear-signed PGP message. The signature is not verified.
//
// Tables: CSV, or with TABs, quoted as in CSV, with a header row:
//
//	path, name or file         where the file goes; else it comes from the URL
//	url or mirror (repeatable) absolute, or relative to the base; else it comes from the path
//	size, bytes or length      in bytes
//	mtime or modified          RFC 3339, Unix seconds or an HTTP date
//	md5, sha1 … sha512         hexadecimal
//	digest or checksum         algorithm:hexadecimal, or hexadecimal alone
//
// Of several columns for one thing the first in this order counts. A header row has two
// fields or more; one is path, name, file, url or mirror, and none has a slash or a dot.
// A plain list whose first name looks like that begins it with ./.
//
// JSON Lines: an object on each line, with the same names as keys. url (or urls) may be an
// array; size is an integer; mtime is a string or a number.
//
// Debian indexes: Packages and Sources of an archive. A package's file is its Filename, with
// Size and the digests; those of a source package are the lines of Files and Checksums-*, in
// its Directory. If there is SHA256 or better, MD5 and SHA1 are left out. The files lie
// below Options.Base; without one below the archive's root, which is where Place has its
// last /dists/, and without that below Place.
//
// RPM: primary.xml of a repository. The files lie below Options.Base, without one below the
// directory that Place's repodata is in, or else below Place. An href is a raw path there.
// An xml:base stands in for all of them.
//
// Metalink 4 (RFC 5854) and 3: mirrors by priority, sizes, digests, those of pieces too.
//
// Torrents of version 1 (BEP 3) and hybrids: sizes and pieces. The files come from the web
// seeds (BEP 19), or from below Options.Base.
//
// An entry without a path goes to where its URL lies relative to the base, or to the
// URL's last segment if it does not lie below the base.
func Read(name string, r io.Reader, o Options) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { newParser(name, r, o).read(yield) }
}

// parser is what the formats share. emit and fail return false when reading is to end.
type parser struct {
	name     string
	lines    *lines
	options  Options
	resolver *resolver
	yield    func(Entry, error) bool

	repeats bool // the format may name a file several times
	dropped int  // entries that Options.Keep does not keep
}

func newParser(name string, r io.Reader, o Options) *parser {
	return &parser{name: name, lines: newLines(r), options: o, resolver: newResolver(o)}
}

// read yields what Read does.
func (p *parser) read(yield func(Entry, error) bool) {
	p.yield = yield
	defer p.lines.close()
	f, err := p.begin()
	if err != nil {
		p.fail(0, err)
		return
	}
	switch f {
	case plain:
		p.readPlain()
	case sums:
		p.readSums()
	case table:
		p.readTable()
	case jsonLines:
		p.readJSON()
	case metalink:
		p.readMetalink()
	case torrent:
		p.readTorrent()
	case deb822:
		p.readDeb822()
	case rpm:
		p.readRPM()
	case nulNames:
		p.readNUL()
	}
}

// begin tells the format and reads up to what matters of it.
func (p *parser) begin() (format, error) {
	if err := p.lines.decompress(); err != nil {
		return plain, err
	}
	if p.options.NUL {
		return nulNames, nil
	}
	f, skip, err := sniff(p.lines)
	if err != nil {
		return f, err
	}
	return f, p.lines.skip(skip)
}

// emit yields an entry, or what is wrong with the draft of it.
func (p *parser) emit(d draft) bool {
	e, err := p.resolver.entry(d)
	if err != nil {
		return p.fail(d.line, err)
	}
	e.Seen = p.options.Seen
	if p.options.Keep != nil && !p.options.Keep(e.Path) {
		p.dropped++
		return true
	}
	return p.yield(e, nil)
}

// fail yields an error.
func (p *parser) fail(line int, err error) bool {
	e := &Error{File: p.name, Line: line, Msg: err.Error(), Err: err}
	if whole, ok := errors.AsType[*Error](err); ok {
		e.Msg, e.Err = whole.Msg, whole.Err
	}
	return p.yield(Entry{}, e)
}

// next returns the next line that is neither blank nor a comment; errors are those of
// lines.next.
func (p *parser) next() ([]byte, error) {
	for {
		line, err := p.lines.next()
		if err != nil || significant(line) {
			return line, err
		}
	}
}

// each calls f for each line that next returns and yields the entries of its drafts, and
// the errors. A draft without a line number is none.
func (p *parser) each(f func(line []byte) (draft, error)) {
	for {
		line, err := p.next()
		if err == io.EOF {
			return
		}
		last := err != nil && err != errNUL
		var d draft
		if err == nil {
			d, err = f(line)
		}
		more := true
		switch {
		case err != nil:
			more = p.fail(p.lines.line, err)
		case d.line != 0:
			more = p.emit(d)
		}
		if last || !more {
			return
		}
	}
}
