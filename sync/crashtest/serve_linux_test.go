package crashtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// device is a block device whose bytes a disk keeps: a loop device over a file that FUSE
// serves.
type device struct {
	path   string // /dev/loopN
	number int    // N
	dir    string // where FUSE is mounted
	loop   int    // descriptor, -1 once it is closed
	server *fuse.Server
}

// fuseName is what /proc/mounts says of the disks.
const fuseName = "crashtest-disk"

// node is the one file.
type node struct {
	fs.Inode
	d *disk
}

var (
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
)

func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size, out.Blocks = fuse.S_IFREG|0o600, uint64(n.d.size()), uint64(n.d.size()/512)
	return 0
}

func (n *node) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

func (n *node) Read(_ context.Context, _ fs.FileHandle, p []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	p = p[:max(0, min(int64(len(p)), n.d.size()-off))]
	n.d.read(off, p)
	return fuse.ReadResultData(p), 0
}

func (n *node) Write(_ context.Context, _ fs.FileHandle, p []byte, off int64) (uint32, syscall.Errno) {
	if off+int64(len(p)) > n.d.size() {
		return 0, syscall.ENOSPC
	}
	n.d.write(off, p)
	return uint32(len(p)), 0
}

func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	n.d.flush()
	return 0
}

// attach makes a device of a disk. dir is an empty directory for it.
func attach(d *disk, dir string) (*device, error) {
	hour := time.Hour
	root := &fs.Inode{}
	o := &fs.Options{EntryTimeout: &hour, AttrTimeout: &hour}
	o.OnAdd = func(ctx context.Context) {
		root.AddChild("disk", root.NewPersistentInode(ctx, &node{d: d}, fs.StableAttr{Mode: fuse.S_IFREG}), false)
	}
	o.MountOptions = fuse.MountOptions{
		DirectMountStrict: true, FsName: fuseName, Name: fuseName,
		MaxWrite: 1 << 20, MaxBackground: 512, DisableSplice: true,
		// Without it the loop device's requests would be answered one after the other.
		ExtraCapabilities: fuse.CAP_ASYNC_DIO,
	}
	server, err := fs.Mount(dir, root, o)
	if err != nil {
		return nil, fmt.Errorf("FUSE: %w", err)
	}
	dev := &device{dir: dir, loop: -1, server: server}
	if err := dev.setUp(filepath.Join(dir, "disk")); err != nil {
		return nil, errors.Join(fmt.Errorf("loop device: %w", err), dev.close())
	}
	return dev, nil
}

// setUp takes a free loop device. It frees itself when nobody has it open any more.
func (v *device) setUp(file string) error {
	// Not by package os: its poller would ask the FUSE server, which is this process.
	fd, err := unix.Open(file, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	control, err := unix.Open("/dev/loop-control", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(control)
	for range 100 {
		n, err := unix.IoctlRetInt(control, unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return err
		}
		path := fmt.Sprintf("/dev/loop%d", n)
		loop, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: path, Err: err}
		}
		c := unix.LoopConfig{Fd: uint32(fd)}
		c.Info.Flags = unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_DIRECT_IO
		err = unix.IoctlLoopConfigure(loop, &c)
		if err == nil {
			v.path, v.number, v.loop = path, n, loop
			return v.direct()
		}
		unix.Close(loop)
		if err != unix.EBUSY { // somebody else took it meanwhile
			return err
		}
	}
	return errors.New("none is free")
}

// direct makes sure that no page cache lies between the file system and the disk.
func (v *device) direct() error {
	info, err := unix.IoctlLoopGetStatus64(v.loop)
	if err == nil && info.Flags&unix.LO_FLAGS_DIRECT_IO == 0 {
		err = errors.New("no direct I/O to a file in FUSE")
	}
	return err
}

// close frees the device. Whatever is mounted on it must have been unmounted.
func (v *device) close() error {
	var errs []error
	if v.loop >= 0 {
		errs = append(errs, unix.Close(v.loop))
		v.loop = -1
	}
	return errors.Join(append(errs, unmount(v.dir))...)
}

// syncAll writes a file system to its disk.
func syncAll(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Syncfs(fd)
}

// unmount unmounts what may be in use for a moment longer: until the mount namespaces of
// programs that have ended are gone.
func unmount(dir string) error {
	var err error
	for range 3000 {
		if err = unix.Unmount(dir, 0); err != unix.EBUSY {
			return os.NewSyscallError("unmount "+dir, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = unix.Unmount(dir, unix.MNT_DETACH)
	return os.NewSyscallError("unmount "+dir, err)
}
