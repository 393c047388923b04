//go:build !unix

package local

// OpenLimit returns how many files this process may have open at a time.
func OpenLimit() int { return 2048 }
