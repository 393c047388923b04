package crashtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// filesystem is a file system with the options that it is mounted with.
type filesystem struct {
	name    string // of the subtest
	kind    string
	mkfs    []string
	options string
	again   string // more options for an image
	// quick says that the short form tries it, too.
	quick bool
	// undetected says that a cut may leave stale bytes where neither a hole nor zeros show
	// them: only a digest finds them.
	undetected bool
}

var (
	mkfsExt4  = []string{"mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"}
	mkfsXFS   = []string{"mkfs.xfs", "-q", "-f", "-K"}
	mkfsBtrfs = []string{"mkfs.btrfs", "-q", "-f", "-K"}
)

var filesystems = []filesystem{
	{name: "ext4", kind: "ext4", mkfs: mkfsExt4, quick: true},
	{name: "ext4-dioread_lock", kind: "ext4", mkfs: mkfsExt4, options: "dioread_lock"},
	{name: "ext4-writeback", kind: "ext4", mkfs: mkfsExt4, options: "data=writeback"},
	{name: "ext4-writeback-dioread_lock", kind: "ext4", mkfs: mkfsExt4, options: "data=writeback,dioread_lock", undetected: true},
	{name: "xfs", kind: "xfs", mkfs: mkfsXFS, again: "nouuid", quick: true},
	{name: "btrfs", kind: "btrfs", mkfs: mkfsBtrfs, options: "nodiscard,commit=1", quick: true},
}

func (f filesystem) make(v *device) error {
	c := exec.Command(f.mkfs[0], append(f.mkfs[1:], v.path)...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", f.mkfs[0], err, out)
	}
	return nil
}

// mounted is a file system that is mounted.
type mounted struct {
	filesystem
	dir string
	dev *device
	bdi string // the directory in sysfs that limits its dirty pages; "": not set
}

// mount mounts a file system from a disk below dir, which is empty.
func (f filesystem) mount(d *disk, dir string, again bool) (*mounted, error) {
	fuseDir, fsDir := filepath.Join(dir, "fuse"), filepath.Join(dir, "fs")
	for _, sub := range []string{fuseDir, fsDir} {
		if err := os.Mkdir(sub, 0o700); err != nil {
			return nil, err
		}
	}
	v, err := attach(d, fuseDir)
	if err != nil {
		return nil, err
	}
	options := f.options
	if !again {
		err = f.make(v)
	} else if f.again != "" {
		options = strings.Trim(options+","+f.again, ",")
	}
	if err == nil {
		if err = unix.Mount(v.path, fsDir, f.kind, unix.MS_NOATIME, options); err != nil {
			err = fmt.Errorf("mount %s -o %q: %w", f.kind, options, err)
		}
	}
	m := &mounted{filesystem: f, dir: fsDir, dev: v}
	if err != nil {
		return nil, errors.Join(err, m.release())
	}
	return m, nil
}

// limitDirty has writeback begin early: what a pull wrote is then under way to the disk
// while it goes on, as on a machine that runs for longer than this test.
func (m *mounted) limitDirty(bytes int64) error {
	m.bdi = fmt.Sprintf("/sys/class/bdi/7:%d", m.dev.number)
	if m.kind == "btrfs" {
		all, _ := filepath.Glob("/sys/fs/btrfs/*/devices/" + filepath.Base(m.dev.path))
		if len(all) != 1 {
			return fmt.Errorf("%d file systems on %s", len(all), m.dev.path)
		}
		m.bdi = filepath.Join(filepath.Dir(filepath.Dir(all[0])), "bdi")
	}
	return m.setBDI("max_bytes", strconv.FormatInt(bytes, 10), "strict_limit", "1")
}

func (m *mounted) setBDI(pairs ...string) (err error) {
	for i := 0; i < len(pairs); i += 2 {
		err = errors.Join(err, os.WriteFile(filepath.Join(m.bdi, pairs[i]), []byte(pairs[i+1]), 0))
	}
	return err
}

// unmount unmounts the file system and frees its device.
func (m *mounted) unmount() error {
	var err error
	if m.bdi != "" && m.kind != "btrfs" { // the loop device will be somebody else's
		err = m.setBDI("max_ratio", "100", "strict_limit", "0")
	}
	if uerr := unmount(m.dir); uerr != nil {
		return errors.Join(err, uerr, m.dev.close())
	}
	return errors.Join(err, m.release())
}

func (m *mounted) release() error {
	var err error
	if m.kind == "btrfs" {
		err = forget(m.dev.path)
	}
	return errors.Join(err, m.dev.close())
}

// forget makes the kernel forget a device of btrfs: the next image is the same file system
// in an older state, which it would not take from another device. The device is in use until
// the mount namespaces of all programs that ran there are gone, too.
func forget(path string) error {
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		out, err := exec.Command("btrfs", "device", "scan", "--forget", path).CombinedOutput()
		if err == nil {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("btrfs device scan --forget: %w: %s", err, bytes.TrimSpace(out))
		}
	}
}
