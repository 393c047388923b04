package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Writer puts bytes at the end of one file. It owns the File it was made from and keeps
// it locked until Close.
type Writer struct {
	file *File
	f    *os.File
	size int64
	base int64 // size before this Writer: what wrong bytes are cut back to
	// durable is what a failed sync is cut back to: how much of the file one has made
	// durable, or was not fsync's. The error may be that of bytes which an earlier Writer
	// left to the system, and it is told once.
	durable int64

	stamp    Stamp
	stamped  bool
	reserved bool
	mode     fs.FileMode // to be set when it is published, 0: it has it
}

// reserveMin is the least space worth reserving ahead.
const reserveMin = 1 << 20

// Append continues the file in place. The stamp is written before it returns, if the
// file does not carry it yet. ErrBusy, ErrChanged and ErrNotRegular mean that it is not,
// or no longer, what Look found.
func (f *File) Append(s Stamp) (*Writer, error) {
	if err := f.openBoth(); err != nil {
		return nil, err
	}
	if f.f == nil || f.Links > 1 {
		return nil, ErrNotRegular
	}
	file, err := f.parent.open(f.name, os.O_RDWR)
	if err != nil {
		return nil, f.openError(err)
	}
	if err := f.claim(file, f.Size); err != nil {
		file.Close()
		return nil, err
	}
	w, err := f.writer(file, f.Size, s)
	if err == nil {
		// A run that was killed may have left reserved blocks behind the end.
		w.reserved = f.dir.fs.reserve
		w.durable = f.durable()
		if f.stage != nil && f.stage.file.f != nil {
			w.mode = keepMode(file, f.stage.file.f)
		}
	}
	return w, err
}

// durable returns how many bytes of the file a sync that fails does not put in doubt.
func (f *File) durable() int64 {
	if f.Stamp == nil || f.Committed("") {
		return f.Size
	}
	return 0
}

// openError tells a file that is not any more what was looked at from a real failure.
func (f *File) openError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrChanged
	}
	if mode, kerr := f.parent.kind(f.name); kerr == nil && !mode.IsRegular() {
		return ErrNotRegular
	}
	return err
}

// Create makes a fresh file, and the directories it lies in. It fails with ErrChanged if
// something is there by now.
func (f *File) Create(s Stamp) (*Writer, error) {
	if err := f.makeParent(); err != nil {
		return nil, err
	}
	w, err := f.parent.open(f.name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if errors.Is(err, fs.ErrNotExist) { // the directory was removed since it was opened
		f.dir.forget(f.parent)
		f.parent = nil
		if err := f.makeParent(); err != nil {
			return nil, err
		}
		w, err = f.parent.open(f.name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrChanged
	}
	if err != nil {
		return nil, err
	}
	// O_EXCL: the file is this run's, and Publish asks whether its name still is.
	if err := f.dir.lockFile(w); err != nil {
		w.Close()
		return nil, err
	}
	return f.writer(w, 0, s)
}

func (f *File) makeParent() error {
	if f.parent != nil {
		return nil
	}
	dir, _ := splitPath(f.path)
	p, err := f.dir.parent(dir, true)
	if err != nil {
		return err
	}
	f.parent = p
	return nil
}

// claim locks a file that was opened for writing and makes sure that it is the one that
// was looked at: the same inode, one name, and still size bytes long (-1: any size).
func (f *File) claim(w *os.File, size int64) error {
	fi, err := w.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() || links(w, fi) > 1 {
		return ErrNotRegular
	}
	if err := f.lock(w); err != nil {
		return err
	}
	if f.f != nil && !sameFile(f.f, w) {
		return ErrChanged
	}
	if fi, err = w.Stat(); err != nil { // again: it may have grown before it was locked
		return err
	}
	if size >= 0 && (fi.Size() != size || !fi.ModTime().Equal(f.ModTime)) {
		return ErrChanged
	}
	if f.stage != nil && f.stage.file.f != nil {
		return f.stage.file.lock(f.stage.file.f)
	}
	return nil
}

func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func (f *File) writer(file *os.File, size int64, s Stamp) (*Writer, error) {
	w := &Writer{file: f, f: file, size: size, base: size}
	if err := w.Mark(s); err != nil {
		file.Close()
		return nil, err
	}
	f.taken = true
	if f.stage != nil {
		f.stage.file.taken = true
	}
	return w, nil
}

// Mark writes the stamp, if it is another than the file carries.
func (w *Writer) Mark(s Stamp) error {
	have := &w.stamp
	if !w.stamped {
		have = w.file.Stamp
	}
	if have == nil || have.String() != s.String() {
		ok, err := w.file.dir.mark(w.f, s, w.Elsewhere())
		if err != nil {
			return err
		}
		w.stamped = ok
	} else {
		w.stamped = true
	}
	w.stamp = s
	return nil
}

// mark writes a stamp unless the file system is known to keep none.
func (d *Dir) mark(f *os.File, s Stamp, elsewhere bool) (bool, error) {
	if d.noStamps.Load() {
		return false, nil
	}
	ok, err := writeStamp(f, s)
	if !ok && err == nil && !elsewhere && !xattrPossible(f) {
		d.noStamps.Store(true)
	}
	return ok, err
}

// Size returns how many bytes the file has: where the next Write goes.
func (w *Writer) Size() int64 { return w.size }

// ReadAt reads what the file holds.
func (w *Writer) ReadAt(p []byte, off int64) (int, error) { return w.f.ReadAt(p, off) }

// Elsewhere says that the file is on another file system than the Dir: mounted below it.
func (w *Writer) Elsewhere() bool { return w.file.Elsewhere() }

// Abandon deletes a staged copy that must not be published. Close is still needed.
func (w *Writer) Abandon() {
	if w.IsStage() {
		_ = w.file.parent.remove(w.file.name)
	}
}

// IsStage says that the file becomes visible under its name by Publish only.
func (w *Writer) IsStage() bool { return w.file.IsStage() }

// Stamp returns the stamp that the file carries, or would if the file system kept any.
func (w *Writer) Stamp() Stamp { return w.stamp }

// Write appends p. The size counts what was written, also before an error.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.f.WriteAt(p, w.size)
	if err != nil { // os.File does not count the last, short write before an error
		if fi, serr := w.f.Stat(); serr == nil && fi.Size() > w.size {
			n = int(min(fi.Size()-w.size, int64(len(p))))
		}
	}
	w.size += int64(n)
	return n, err
}

// copyChunk is how much the kernel copies in one go, so that a signal is soon obeyed.
const copyChunk = 32 << 20

// AppendFrom appends bytes [off, off+n) of another file. The kernel copies or, on file
// systems that can, shares them (copy_file_range(2)).
func (w *Writer) AppendFrom(ctx context.Context, src *os.File, off, n int64) error {
	if _, err := w.f.Seek(w.size, io.SeekStart); err != nil {
		return err
	}
	if _, err := src.Seek(off, io.SeekStart); err != nil {
		return err
	}
	for n > 0 {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		c, err := io.CopyN(w.f, src, min(n, copyChunk))
		w.size += c
		n -= c
		if err != nil {
			return err
		}
	}
	return nil
}

// AppendLocal appends bytes [off, off+n) of a file that was looked at, as AppendFrom does.
func (w *Writer) AppendLocal(ctx context.Context, f *File, off, n int64) error {
	if err := f.open(); err != nil {
		return err
	}
	return w.AppendFrom(ctx, f.f, off, n)
}

// Reserve sets space aside for a file of total bytes without changing its size. It fails
// only if there is not enough.
func (w *Writer) Reserve(total int64) error {
	if !w.file.dir.fs.reserve || total-w.size < reserveMin {
		return nil
	}
	w.reserved = true
	return reserve(w.f, w.size, total)
}

// Cut shortens the file to size: damage that a power cut left behind it is dropped.
func (w *Writer) Cut(size int64) error {
	if size > w.size {
		panic(fmt.Sprintf("local: internal error: cut of %d bytes to %d", w.size, size))
	}
	if err := w.f.Truncate(size); err != nil {
		return err
	}
	w.size, w.base, w.durable = size, min(w.base, size), min(w.durable, size)
	return nil
}

// Close gives the file up, keeping its bytes. For a file that is not complete, modTime is
// the remote's modification time if that identifies its version: where stamps are not to
// be had, it becomes the file's own, which marks whose prefix it is.
func (w *Writer) Close(modTime time.Time) error {
	var errs []error
	if w.reserved {
		errs = append(errs, w.f.Truncate(w.size)) // frees the blocks after the end
	}
	if !w.stamped && !modTime.IsZero() && w.size > 0 {
		errs = append(errs, w.setModTime(modTime))
	}
	errs = append(errs, w.close())
	return errors.Join(errs...)
}

// close closes the descriptors. NFS and others report a failed write only here.
func (w *Writer) close() error {
	err := w.f.Close()
	w.file.taken = false
	w.file.Close()
	if w.file.stage != nil {
		w.file.stage.file.taken = false
		w.file.stage.file.Close()
	}
	return err
}
