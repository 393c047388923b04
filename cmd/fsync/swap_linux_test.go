package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"fsync/sync/remote/remotetest"
)

// TestParentsSwapped: somebody who may write in the destination puts links to elsewhere in
// the place of its directories, and FIFOs, devices and hard links in the place of files, again and
// again while a pull goes on. Nothing elsewhere is made, changed or removed, and it ends.
// The flag leaves the kernel's confinement out, which would hide a gap.
func TestParentsSwapped(t *testing.T) {
	t.Parallel()
	site, top := t.TempDir(), t.TempDir()
	dest, outside := filepath.Join(top, "dest"), filepath.Join(top, "outside")
	const dirs, each = 4, 60
	var list strings.Builder
	for n := range dirs * each {
		name := fmt.Sprintf("d%d/f%d", n%dirs, n)
		put(t, filepath.Join(site, name), remotetest.Content(uint64(n), 3000))
		put(t, filepath.Join(outside, fmt.Sprintf("f%d", n)), remotetest.Content(uint64(n), 1000))
		put(t, filepath.Join(dest, fmt.Sprintf("d%d/extra%d", n%dirs, n)), []byte("extra"))
		put(t, filepath.Join(outside, fmt.Sprintf("extra%d", n)), []byte("extra"))
		fmt.Fprintln(&list, name)
	}
	before := snapshotOf(t, outside)
	server := serve(t, site, serverOptions{rate: 100_000})
	for round := range 3 {
		cmd, out, errs := command(t, "pull", "-", "--base", server.url, "-d", dest, "--overwrite", "--backup", "--accept-new-host-keys",
			"--delete", "--max-delete", "100%", "--retries", "0", "--timeout", "5s", "-j", "4")
		cmd.Stdin = strings.NewReader(list.String())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		swaps := swapUntil(dest, outside, dirs, each, ended)
		if code := cmd.ProcessState.ExitCode(); code != exitOK && code != exitFailed {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
		if swaps == 0 {
			t.Error("nothing was swapped")
		}
		if after := snapshotOf(t, outside); after != before {
			t.Fatalf("round %d, %d swaps: elsewhere it was\n%s\nand is\n%s", round, swaps, before, after)
		}
	}
}

// swapUntil swaps until the run has ended, and counts.
func swapUntil(dest, outside string, dirs, each int, ended <-chan error) (swaps int) {
	for ; ; swaps++ {
		select {
		case <-ended:
			return swaps
		default:
		}
		n := swaps % (dirs * each)
		dir, aside := filepath.Join(dest, fmt.Sprintf("d%d", n%dirs)), filepath.Join(dest, "aside")
		file := filepath.Join(dir, fmt.Sprintf("f%d", n))
		os.Remove(file)
		switch swaps % 3 {
		case 0:
			syscall.Mkfifo(file, 0o666)
		case 1:
			os.Link(filepath.Join(outside, fmt.Sprintf("f%d", n)), file)
		case 2:
			os.Symlink(filepath.Join(outside, "new"), file)
		}
		if os.Rename(dir, aside) != nil {
			continue
		}
		os.Symlink(outside, dir)
		os.Readlink(dir)
		os.Remove(dir)
		os.Rename(aside, dir)
	}
}

// snapshotOf tells all that can be told of a directory's files but their links.
func snapshotOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return err
		}
		fmt.Fprint(&b, name, " ", st.Ino, " ", st.Mode, " ", st.Size)
		if !e.IsDir() {
			fmt.Fprint(&b, " ", st.Mtim, " ", xattrs(t, name))
			p := read(t, name)
			fmt.Fprintf(&b, " %x", p[:min(len(p), 8)])
		}
		fmt.Fprintln(&b)
		return nil
	})
	return b.String()
}

// TestModes: what is made has the mode that the umask leaves, and no other bit, whatever
// a server says and whatever was there.
func TestModes(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]int64{"sub/fresh": 5000, "replaced": 5000, "setuid": 5000})
	for _, name := range []string{"sub/fresh", "replaced", "setuid"} {
		if err := os.Chmod(filepath.Join(s.dir, name), 0o777|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky); err != nil {
			t.Fatal(err)
		}
	}
	if err := age(s.dir); err != nil {
		t.Fatal(err)
	}
	for _, umask := range []string{"022", "077", "000"} {
		dest := filepath.Join(t.TempDir(), "dest")
		for name, mode := range map[string]fs.FileMode{"replaced": 0o640, "setuid": 0o755 | fs.ModeSetuid | fs.ModeSetgid} {
			put(t, filepath.Join(dest, name), []byte("old"))
			if err := os.Chmod(filepath.Join(dest, name), mode); err != nil {
				t.Fatal(err)
			}
		}
		cmd, out, errs := command(t, "pull", s.list, "--base", s.dir, "-d", dest, "--overwrite")
		cmd.Path, cmd.Args = shell(t, "umask "+umask+" && exec fsync \"$@\"", cmd.Args)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s%s", err, out, errs)
		}
		var mask fs.FileMode
		fmt.Sscanf(umask, "%o", &mask)
		for name, want := range map[string]fs.FileMode{
			"sub": fs.ModeDir | 0o777&^mask, "sub/fresh": 0o666 &^ mask, "replaced": 0o640, "setuid": 0o755,
		} {
			if fi, err := os.Stat(filepath.Join(dest, name)); err != nil || fi.Mode() != want {
				t.Errorf("umask %s: %s is %v, %v; not %v", umask, name, fi.Mode(), err, want)
			}
		}
	}
}

// shell runs a program by a line of sh.
func shell(t *testing.T, line string, args []string) (path string, all []string) {
	t.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	return path, append([]string{"sh", "-c", line}, args...)
}
