package faultfs

import (
	"os"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// FS is a mounted file system. Inject and Mend set its faults.
type FS struct {
	Dir     string // where it is mounted
	Backing string // the directory that it shows, without faults
	faults
}

// Mount mounts a file system on a directory of its own until the test ends. Where that
// cannot be done the test is skipped, but fails with CI=true.
func Mount(t testing.TB) *FS {
	t.Helper()
	f := &FS{Dir: t.TempDir(), Backing: backing(t)}
	if os.Geteuid() != 0 {
		lacks(t, "only root may mount")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		lacks(t, err.Error())
	}
	server, err := f.mount()
	if err != nil {
		t.Fatalf("mount of %s: %v", f.Dir, err)
	}
	t.Cleanup(func() {
		f.Mend()
		if err := server.Unmount(); err != nil { // something is open
			t.Errorf("unmount: %v", err)
			_ = syscall.Unmount(f.Dir, syscall.MNT_DETACH)
			return
		}
		server.Wait()
	})
	return f
}

// backing makes a directory in memory, so that a sync costs nothing, where it can have
// attributes (Linux 6.6).
func backing(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "faultfs-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if unix.Setxattr(dir, "user.x", []byte("v"), 0) != nil {
		return t.TempDir()
	}
	return dir
}

func lacks(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI has to mount by FUSE: %s", why)
	}
	t.Skipf("no FUSE file system can be mounted: %s", why)
}

// mount mounts without any cache of names and attributes, so that each operation is one.
func (f *FS) mount() (*fuse.Server, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(f.Backing, &st); err != nil {
		return nil, err
	}
	root := &fs.LoopbackRoot{Path: f.Backing, Dev: st.Dev}
	root.RootNode = &node{LoopbackNode: fs.LoopbackNode{RootData: root}, fs: f}
	return fs.Mount(f.Dir, root.RootNode, &fs.Options{
		MountOptions: fuse.MountOptions{FsName: "faultfs", Name: "faultfs", MaxWrite: 1 << 20, DirectMountStrict: true, AllowOther: true},
	})
}
