package local

import (
	"errors"
	"os"
	"syscall"

	"github.com/pkg/xattr"
)

// attrName is the extended attribute that holds a file's stamp.
const attrName = "user.fsync.version"

// readStamp returns the stamp of an open file, nil if it has none: never marked, marked
// by something else, or on a file system without extended attributes.
func readStamp(f *os.File) *Stamp {
	raw, err := xattr.FGet(f, attrName)
	if err != nil {
		return nil
	}
	s, err := ParseStamp(string(raw))
	if err != nil {
		return nil
	}
	return &s
}

// writeStamp marks an open file. Where extended attributes are not to be had it reports
// false and no error: the tool works without.
func writeStamp(f *os.File, s Stamp) (bool, error) {
	err := xattr.FSet(f, attrName, []byte(s.String()))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS),
		errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES),
		errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.E2BIG), !xattr.XATTR_SUPPORTED:
		// ENOSPC and E2BIG: ext4 has no room left for attributes in the inode.
		return false, nil
	}
	return false, err
}
