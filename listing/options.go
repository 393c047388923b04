package listing

import "net/url"

// Options say how a list is read. The zero value reads lists of absolute http and https
// URLs.
type Options struct {
	// Base is the directory that relative entries lie in, as the user gave it (--base). Its
	// path ends in /; what follows the last / is dropped, as are its query and fragment. nil
	// means that Place is that directory, or, where the format says so, one above Place.
	Base *url.URL

	// Place is where the list itself lies, in the form of Base. nil means that it lies
	// nowhere, as standard input does: without a Base, a relative entry is an error then.
	Place *url.URL

	// Remote says that the list came over the network. Such a list names no file of this
	// machine, except below a Base that is a file: URL itself.
	Remote bool

	// CaseSensitive is the caller's promise that names differing only in case are
	// different files: Check does not compare names without regard to case then.
	CaseSensitive bool

	// Seen says that the list was made just now of what a directory showed: its entries are
	// marked so.
	Seen bool

	// NUL says that names end in a NUL byte, not in a line end: the list is a plain one,
	// whatever it looks like, without comments, options and mirrors.
	NUL bool

	// Keep says which entries count, by their paths. Those that do not are dropped once
	// they are read: they are neither yielded nor checked against others. nil keeps all.
	Keep func(path string) bool

	// Schemes are the URL schemes that can be pulled, in lower case. nil means http and
	// https.
	Schemes []string
}
