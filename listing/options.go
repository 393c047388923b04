package listing

import "net/url"

// Options say how a list is read. The zero value reads lists of absolute http and https
// URLs.
type Options struct {
	// Base is the directory that relative entries lie in: --base, else the list's own
	// place. Its path ends in /; what follows the last / is dropped, as are its query and
	// fragment. nil means none: a relative entry is an error then.
	Base *url.URL

	// Remote says that the list came over the network. Such a list names no file of this
	// machine, except below a Base that is a file: URL itself.
	Remote bool

	// CaseSensitive is the caller's promise that names differing only in case are
	// different files: Check does not compare names without regard to case then.
	CaseSensitive bool

	// Schemes are the URL schemes that can be pulled, in lower case. nil means http and
	// https.
	Schemes []string
}
