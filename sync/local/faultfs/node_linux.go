package faultfs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a name of the file system, or what was one.
type node struct {
	fs.LoopbackNode
	fs *FS
}

// WrapChild has every name be a node.
func (n *node) WrapChild(context.Context, fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: fs.LoopbackNode{RootData: n.RootData}, fs: n.fs}
}

func (n *node) name() string { return n.Path(nil) }

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.fs.fails(Lookup, name); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Lookup(ctx, name, out)
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.fs.fails(Mkdir, name); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Mkdir(ctx, name, mode, out)
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.fs.fails(Create, name); errno != 0 {
		return nil, nil, 0, errno
	}
	inode, h, fuseFlags, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	return inode, n.wrap(h, name), fuseFlags, 0
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.fs.fails(Open, n.name()); errno != 0 {
		return nil, 0, errno
	}
	h, fuseFlags, errno := n.LoopbackNode.Open(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	return n.wrap(h, n.name()), fuseFlags, 0
}

func (n *node) wrap(h fs.FileHandle, name string) fs.FileHandle {
	return &file{LoopbackFile: h.(*fs.LoopbackFile), fs: n.fs, name: name}
}

func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, fuseFlags, errno := n.LoopbackNode.OpendirHandle(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	return &dir{dirHandle: h.(dirHandle), fs: n.fs, name: n.name()}, fuseFlags, 0
}

func (n *node) Rename(ctx context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if errno := n.fs.fails(Rename, name); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Rename(ctx, name, &newParent.(*node).LoopbackNode, newName, flags)
}

func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.fs.fails(Link, name); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Link(ctx, &target.(*node).LoopbackNode, name, out)
}

func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	if errno := n.fs.fails(Unlink, name); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Unlink(ctx, name)
}

func (n *node) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if fault := n.fs.meet(Truncate, n.name(), int64(size)); fault != nil && fault.Errno != 0 {
			return fault.Errno
		}
	} else if _, ok := in.GetMTime(); ok {
		if errno := n.fs.fails(Chtimes, n.name()); errno != 0 {
			return errno
		}
	} else if _, ok := in.GetMode(); ok {
		if errno := n.fs.fails(Chmod, n.name()); errno != 0 {
			return errno
		}
	}
	return n.LoopbackNode.Setattr(ctx, bare(h), in, out)
}

func (n *node) Getxattr(ctx context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	if errno := n.fs.fails(GetXattr, n.name()); errno != 0 {
		return 0, errno
	}
	return n.LoopbackNode.Getxattr(ctx, attr, dest)
}

func (n *node) Setxattr(ctx context.Context, attr string, data []byte, flags uint32) syscall.Errno {
	if errno := n.fs.fails(SetXattr, n.name()); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Setxattr(ctx, attr, data, flags)
}

// CopyFileRange is for a file system without faults of Copy one call, as elsewhere.
func (n *node) CopyFileRange(ctx context.Context, from fs.FileHandle, offFrom uint64, out *fs.Inode, to fs.FileHandle, offTo, size, flags uint64) (uint32, syscall.Errno) {
	if fault := n.fs.meet(Copy, n.name(), int64(offTo+size)); fault != nil && fault.Errno != 0 {
		if int64(offTo) >= fault.From {
			return 0, fault.Errno
		}
		size = uint64(fault.From) - offTo
	}
	return n.LoopbackNode.CopyFileRange(ctx, bare(from), offFrom, out, bare(to), offTo, size, flags)
}
