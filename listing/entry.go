// Package listing reads and checks lists: the text that names what to pull.
//
// It knows no network and no file system. Read yields the entries of a list one by one
// and holds none of them; Check reads a list to its end first and reports every error
// that it has, each with its line.
package listing

import "time"

// Entry is one file that a list names.
type Entry struct {
	// Path is where the file goes: relative, slash-separated, clean, and safe to join to
	// a directory (see CheckPath). It is unique in its list.
	Path string

	// URLs are absolute URLs of the file, mirrors in the list's order; at least one.
	URLs []string

	// Size is the file's length in bytes, -1 if the list does not give it.
	Size int64

	// ModTime is when the file was last modified; zero if the list does not give it, or
	// gives it without a certain time zone.
	ModTime time.Time

	// Digests are those that the list gives, each algorithm once.
	Digests []Digest

	// Pieces are the digests of the file's pieces, nil if the list does not give them. An
	// entry that has them has a Size.
	Pieces *Pieces

	// Seen says that Size and ModTime are what a directory or an index page showed a moment
	// ago: the file may have changed since, and then they are those of the past.
	Seen bool

	// Line is the 1-based line of the list that the entry begins on.
	Line int
}
