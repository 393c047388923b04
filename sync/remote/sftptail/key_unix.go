//go:build unix

package sftptail

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// tooOpen says why a private key is not used though it could be read: others can read it
// too. As in ssh, it matters only for files of one's own.
func tooOpen(info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if mode := info.Mode().Perm(); info.Mode().IsRegular() && mode&0o077 != 0 && ok && int(stat.Uid) == os.Getuid() {
		return fmt.Errorf("others can read it (mode %04o): chmod 600", mode)
	}
	return nil
}
