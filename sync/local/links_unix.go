//go:build unix

package local

import (
	"io/fs"
	"os"
	"syscall"
)

// links returns how many names an open file has.
func links(_ *os.File, fi fs.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}
