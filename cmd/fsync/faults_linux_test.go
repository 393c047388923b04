package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fsync/sync/local/faultfs"
)

// A limit on the size of files (RLIMIT_FSIZE) sends SIGXFSZ with its error: the program
// goes on, keeps what fits, and tells it.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]int64{"large": 3_000_000, "small": 1000})
	server := serve(t, s.dir, serverOptions{})
	dest := filepath.Join(t.TempDir(), "dest")
	cmd, out, errs := command(t, "-c", `ulimit -f 400; exec fsync "$@"`, "sh", "pull", "-d", dest, "--base", server.url, s.list)
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Err = sh, nil
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(errs.String(), "file too large") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	s.checkPrefixes(t, dest)
	if n := sizeOf(filepath.Join(dest, "small")); n != 1000 {
		t.Errorf("the small file has %d bytes", n)
	}
	pullOK(t, "-d", dest, "--base", server.url, s.list)
	if _, whole := s.checkPrefixes(t, dest); !whole {
		t.Error("without the limit something is missing")
	}
}

// What a disk that fails makes of a run: its exit code, and what it tells.
func TestDiskFaults(t *testing.T) {
	t.Parallel()
	f := faultfs.Mount(t)
	s := newSite(t, map[string]int64{"large": 3_000_000, "small": 1000})
	server := serve(t, s.dir, serverOptions{})
	for name, c := range map[string]struct {
		faults []faultfs.Fault
		code   int
		says   string
	}{
		"full":      {[]faultfs.Fault{{Op: faultfs.Write, Errno: unix.ENOSPC, From: 500_000}}, exitFailed, "free some space"},
		"quota":     {[]faultfs.Fault{{Op: faultfs.Fsync, Errno: unix.EDQUOT}}, exitFailed, "disk quota exceeded"},
		"broken":    {[]faultfs.Fault{{Op: faultfs.Fsync, Errno: unix.EIO, Times: 1}}, exitFailed, "input/output error"},
		"read-only": {[]faultfs.Fault{{Op: faultfs.Create, Errno: unix.EROFS}}, exitFailed, "read-only file system"},
		"no marks":  {[]faultfs.Fault{{Op: faultfs.SetXattr, Errno: unix.ENOTSUP}}, exitOK, ""},
	} {
		f.Mend()
		f.Inject(c.faults...)
		dest := filepath.Join(f.Dir, name)
		cmd, out, errs := command(t, "pull", "-d", dest, "--base", server.url, s.list)
		cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(errs.String(), c.says) || f.Hits() == 0 {
			t.Errorf("%s: exit code %d, %d hits\n%s%s", name, code, f.Hits(), out, errs)
		}
		f.Mend()
		s.checkPrefixes(t, dest)
		pullOK(t, "-d", dest, "--base", server.url, s.list)
		if _, whole := s.checkPrefixes(t, dest); !whole {
			t.Errorf("%s: without the fault something is missing", name)
		}
	}
}
