package faultfs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFaults meets each fault by its system call, and nothing where there is none.
func TestFaults(t *testing.T) {
	f := Mount(t)
	name := filepath.Join(f.Dir, "f")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString("bytes"); err != nil {
		t.Fatal(err)
	}
	fd := int(file.Fd())
	for op, call := range map[Op]func() error{
		Write:    func() error { _, err := unix.Pwrite(fd, []byte("bytes"), 0); return err },
		Fsync:    func() error { return unix.Fdatasync(fd) },
		Truncate: func() error { return unix.Ftruncate(fd, 5) },
		Chtimes:  func() error { return unix.Futimes(fd, []unix.Timeval{{}, {}}) },
		Chmod:    func() error { return unix.Fchmod(fd, 0o600) },
		Allocate: func() error { return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, 4096) },
		Seek:     func() error { _, err := unix.Seek(fd, 0, unix.SEEK_HOLE); return err },
		SetXattr: func() error { return unix.Fsetxattr(fd, "user.x", []byte("v"), 0) },
		GetXattr: func() error { _, err := unix.Fgetxattr(fd, "user.x", make([]byte, 9)); return err },
		Open:     func() error { g, err := os.Open(name); g.Close(); return err },
		Create:   func() error { g, err := os.Create(name + ".new"); g.Close(); os.Remove(name + ".new"); return err },
		Mkdir:    func() error { err := os.Mkdir(name+".dir", 0o755); os.Remove(name + ".dir"); return err },
		Lookup:   func() error { _, err := os.Lstat(name); return err },
		Rename: func() error {
			err := unix.Rename(name, name+".to")
			_ = unix.Rename(name+".to", name)
			return err
		},
		Flush: func() error {
			g, err := os.Open(name)
			if err != nil {
				return nil
			}
			return g.Close()
		},
		Link: func() error {
			err := os.Link(name, name+".link")
			os.Remove(name + ".link")
			return err
		},
		FsyncDir: func() error {
			d, err := os.Open(f.Dir)
			if err != nil {
				return nil
			}
			defer d.Close()
			return d.Sync()
		},
	} {
		f.Mend()
		if err := call(); err != nil && op != GetXattr {
			t.Errorf("%s: %v without a fault", op, err)
		}
		times := 1
		if op == Lookup { // the name that is known is asked for, then the name
			times = 2
		}
		f.Inject(Fault{Op: op, Errno: unix.EIO, Times: times})
		if err := call(); !errors.Is(err, unix.EIO) || f.Hits() != times {
			t.Errorf("%s: %v, %d hits", op, err, f.Hits())
		}
		if err := call(); err != nil && op != GetXattr {
			t.Errorf("%s: %v after its fault", op, err)
		}
	}
}

// TestFull: a disk that gets full takes the bytes that fit.
func TestFull(t *testing.T) {
	f := Mount(t)
	f.Inject(Fault{Op: Write, Name: "f*", Errno: syscall.ENOSPC, From: 10_000})
	p := bytes.Repeat([]byte("x"), 30_000)
	for name, want := range map[string]int64{"f1": 10_000, "g": 30_000} {
		err := os.WriteFile(filepath.Join(f.Dir, name), p, 0o644)
		if (want < 30_000) != errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", name, err)
		}
		if fi, err := os.Stat(filepath.Join(f.Backing, name)); err != nil || fi.Size() != want {
			t.Errorf("%s: %v, %v", name, fi, err)
		}
	}
}

// TestShort: a short write is no error, and what is left is written by another.
func TestShort(t *testing.T) {
	f := Mount(t)
	f.Inject(Fault{Op: Write, Most: 1000})
	p := bytes.Repeat([]byte("0123456789"), 500)
	if err := os.WriteFile(filepath.Join(f.Dir, "f"), p, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(f.Backing, "f")); err != nil || !bytes.Equal(got, p) || f.Count(Write) < 5 {
		t.Errorf("%d bytes, %v, %d writes", len(got), err, f.Count(Write))
	}
}
