package local

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// State is what a look at a path finds.
type State struct {
	Exists    bool
	Irregular string // what is there, if it is no regular file: "a directory" …
	Size      int64
	ModTime   time.Time
	Links     uint64
	Stamp     *Stamp // nil: none
	// Holes says that a file without a stamp has unwritten space before its end.
	Holes bool

	precision time.Duration // of the file system's times, where coarser than a second
}

// HasTime says whether the file's modification time is t, at the precision of the coarser
// of the two and of the file system.
func (s State) HasTime(t time.Time) bool {
	if s.precision > time.Second && !t.IsZero() && !s.ModTime.IsZero() {
		diff := s.ModTime.Sub(t)
		return diff < s.precision && diff > -s.precision
	}
	return SameTime(s.ModTime, t)
}

// File is a path that was looked at, and the file that was there, open for reading.
type File struct {
	State
	dir      *Dir
	parent   *parent // nil while the directory does not exist
	path     string
	name     string
	stage    *target // set if this is the staged copy of target
	f        *os.File
	unopened *unopened // nil: open, if it exists
	taken    bool      // a Writer owns it: Close is the Writer's
}

// target is what a staged copy will replace.
type target struct {
	name string
	file *File
}

// Look tells what is at path and opens it for reading if it is a regular file: one that its
// stamp says is complete only when it is needed. Symbolic links are not followed, FIFOs and
// devices not waited for. Nothing is created.
func (d *Dir) Look(path string) (*File, error) {
	dir, name := splitPath(path)
	f := &File{dir: d, path: path, name: name}
	p, err := d.parent(dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	f.parent = p
	if f.glance() {
		return f, nil
	}
	if err := f.look(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Stage looks at the staged copy that an earlier run or attempt left beside f.
func (f *File) Stage() (*File, error) {
	s := &File{dir: f.dir, path: f.path, name: StageName(f.name), stage: &target{f.name, f}}
	if f.parent == nil {
		return s, nil
	}
	p, err := f.dir.parent(f.parent.path, false)
	if err != nil {
		return nil, err
	}
	s.parent = p
	if p.unstaged() {
		return s, nil
	}
	if err := s.look(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (f *File) look() error {
	// Only a regular file is opened: opening wakes the writer of a FIFO, and does who knows
	// what to a device.
	mode, err := f.parent.kind(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !mode.IsRegular() {
		f.Exists, f.Irregular = true, describe(mode)
		return nil
	}
	file, err := f.parent.open(f.name, os.O_RDONLY)
	if err != nil {
		return f.lookError(err)
	}
	fi, err := file.Stat()
	if err != nil {
		file.Close()
		return err
	}
	f.Exists = true
	if !fi.Mode().IsRegular() {
		file.Close()
		f.Irregular = describe(fi.Mode())
		return nil
	}
	f.f = file
	f.Size, f.ModTime, f.Links, f.precision = fi.Size(), fi.ModTime(), links(file, fi), f.dir.fs.precision
	if f.dir.HasStamps() {
		f.Stamp = readStamp(file)
	}
	f.Holes = f.Stamp == nil && f.Size > 0 && f.dir.fs.seekHole(file, f.Size) < f.Size
	return nil
}

// lookError tells a path that is not there, or no regular file, from a real failure.
func (f *File) lookError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if mode, statErr := f.parent.kind(f.name); statErr == nil && !mode.IsRegular() {
		f.Exists, f.Irregular = true, describe(mode)
		return nil
	}
	return err
}

func describe(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// Elsewhere says that the file is on another file system than the Dir: mounted below it.
func (f *File) Elsewhere() bool { return f.parent != nil && f.parent.elsewhere }

// IsStage says that f is the staged copy of another file.
func (f *File) IsStage() bool { return f.stage != nil }

// ReadAt reads the file that was there when it was looked at.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if err := f.open(); err != nil {
		return 0, err
	}
	if f.f == nil {
		return 0, io.EOF
	}
	return f.f.ReadAt(p, off)
}

// Close gives up the file and its directory's handle, unless a Writer has taken them.
func (f *File) Close() {
	if f.taken {
		return
	}
	if f.f != nil {
		f.f.Close()
		f.f = nil
	}
	if f.parent != nil {
		f.dir.release(f.parent)
		f.parent = nil
	}
}

// Hold keeps the file open until Release, whatever Close is called before.
func (f *File) Hold() { f.taken = true }

// Release undoes Hold and closes the file.
func (f *File) Release() {
	f.taken = false
	f.Close()
}

// Remove deletes a staged copy that is no longer wanted. Nothing else is ever deleted.
func (f *File) Remove() error {
	if !f.IsStage() || f.f == nil {
		return nil
	}
	if err := f.lock(f.f); err != nil {
		return err
	}
	return f.parent.remove(f.name)
}

// lock locks an open file of this path for this run and makes sure that the path still
// names it: between opening and locking another run may have renamed a copy over it.
func (f *File) lock(file *os.File) error {
	if err := f.dir.lockFile(file); err != nil {
		return err
	}
	fi, err := file.Stat()
	if err != nil {
		return err
	}
	if !f.parent.names(f.name, fi) {
		return ErrChanged
	}
	return nil
}

// lockFile locks an open file for this run.
func (d *Dir) lockFile(file *os.File) error {
	err := flock(file, false)
	if lockUnsupported(err) {
		d.noLock(err)
	} else if err != nil {
		return ErrBusy
	}
	return nil
}

// SameTime says whether two times are equal at the precision of the coarser one. A zero
// time equals nothing.
func SameTime(a, b time.Time) bool {
	if a.IsZero() || b.IsZero() {
		return false
	}
	if a.Equal(b) {
		return true
	}
	for _, p := range []time.Duration{time.Second, time.Millisecond, time.Microsecond, 100 * time.Nanosecond} {
		if a.Equal(a.Truncate(p)) || b.Equal(b.Truncate(p)) {
			return a.Truncate(p).Equal(b.Truncate(p))
		}
	}
	return false
}
