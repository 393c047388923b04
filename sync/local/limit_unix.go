//go:build unix

package local

import "golang.org/x/sys/unix"

// OpenLimit returns how many files this process may have open at a time.
func OpenLimit() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 256
	}
	return int(min(uint64(l.Cur), 1<<20))
}
