package faultfs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// file is an open file.
type file struct {
	*fs.LoopbackFile
	fs   *FS
	name string // that it was opened by
}

// bare returns the handle that the passed on operation knows.
func bare(h fs.FileHandle) fs.FileHandle {
	if f, ok := h.(*file); ok {
		return f.LoopbackFile
	}
	return h
}

// PassthroughFd keeps the kernel from going past Write.
func (f *file) PassthroughFd() (int, bool) { return -1, false }

func (f *file) Read(ctx context.Context, buf []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if errno := f.fs.fails(Read, f.name); errno != 0 {
		return nil, errno
	}
	return f.LoopbackFile.Read(ctx, buf, off)
}

func (f *file) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if fault := f.fs.meet(Write, f.name, off+int64(len(data))); fault != nil {
		switch {
		case fault.Most > 0:
			data = data[:min(len(data), fault.Most)]
		case fault.Errno != 0 && off >= fault.From:
			return 0, fault.Errno
		case fault.Errno != 0:
			data = data[:fault.From-off]
		}
	}
	return f.LoopbackFile.Write(ctx, data, off)
}

func (f *file) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	if errno := f.fs.fails(Fsync, f.name); errno != 0 {
		return errno
	}
	return f.LoopbackFile.Fsync(ctx, flags)
}

func (f *file) Flush(ctx context.Context) syscall.Errno {
	if errno := f.fs.fails(Flush, f.name); errno != 0 {
		return errno
	}
	return f.LoopbackFile.Flush(ctx)
}

func (f *file) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	if errno := f.fs.fails(Allocate, f.name); errno != 0 {
		return errno
	}
	return f.LoopbackFile.Allocate(ctx, off, size, mode)
}

func (f *file) Lseek(ctx context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	if fault := f.fs.meet(Seek, f.name, 0); fault != nil {
		return uint64(fault.At), fault.Errno
	}
	return f.LoopbackFile.Lseek(ctx, off, whence)
}

// dirHandle is what the handle of a directory that is passed on can do.
type dirHandle interface {
	fs.FileReaddirenter
	fs.FileFsyncdirer
	fs.FileReleasedirer
	fs.FileSeekdirer
}

type dir struct {
	dirHandle
	fs   *FS
	name string
}

func (d *dir) Fsyncdir(ctx context.Context, flags uint32) syscall.Errno {
	if errno := d.fs.fails(FsyncDir, d.name); errno != 0 {
		return errno
	}
	return d.dirHandle.Fsyncdir(ctx, flags)
}
