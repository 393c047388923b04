package local

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// device identifies the volume that a directory is on.
func device(f *os.File, _ fs.FileInfo) (uint64, error) {
	var info windows.ByHandleFileInformation
	err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info)
	return uint64(info.VolumeSerialNumber), err
}

// renameBetween renames a name of one open directory to one of another. It never copies
// and never overwrites: neither flag of MoveFileEx is given.
func renameBetween(from *os.File, name string, to *os.File, toName string) error {
	a, err := pathIn(from, name)
	if err != nil {
		return err
	}
	b, err := pathIn(to, toName)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(a, b, 0)
}

// pathIn returns the full path of a name in an open directory, where that is now.
func pathIn(dir *os.File, name string) (*uint16, error) {
	buf := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetFinalPathNameByHandle(windows.Handle(dir.Fd()), &buf[0], uint32(len(buf)), 0)
	if err != nil {
		return nil, err
	}
	if int(n) > len(buf) {
		return nil, windows.ERROR_FILENAME_EXCED_RANGE
	}
	return windows.UTF16PtrFromString(windows.UTF16ToString(buf[:n]) + `\` + name)
}
