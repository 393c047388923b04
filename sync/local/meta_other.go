//go:build !linux

package local

import (
	"io/fs"
	"os"
	"time"

	"github.com/pkg/xattr"
)

// setModTime sets the file's modification time by its path, which must still be the file.
func (w *Writer) setModTime(t time.Time) error {
	fi, err := w.f.Stat()
	if err != nil {
		return err
	}
	if !w.file.parent.names(w.file.name, fi) {
		return ErrChanged
	}
	return w.file.parent.r.Chtimes(w.file.name, time.Time{}, t)
}

// keepOwner leaves the owner as it is.
func keepOwner(*os.File, fs.FileInfo) {}

// xattrPossible asks whether the file system keeps extended attributes at all.
func xattrPossible(f *os.File) bool {
	if !xattr.XATTR_SUPPORTED {
		return false
	}
	_, err := xattr.FGet(f, attrName)
	return err == nil || xattrMissing(err)
}
