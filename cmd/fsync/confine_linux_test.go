package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"fsync/sync/remote/remotetest"
)

func init() { commands["confined"] = confined }

// lacksLandlock skips a test where the kernel does not offer what it is about.
func lacksLandlock(t *testing.T) {
	t.Helper()
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || abi < 3 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the kernel's Landlock is of version %d: %v", abi, errno)
		}
		t.Skipf("the kernel's Landlock is of version %d: %v", abi, errno)
	}
}

// confined is a process that confines itself to two directories and the making of files
// in a third, and then tries, from threads that were there before, to write elsewhere.
func confined() {
	in, trash, spool, out := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	const threads = 4
	var ready, done sync.WaitGroup
	var bad atomic.Bool
	begin := make(chan struct{})
	for n := range threads {
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			<-begin
			for _, err := range trespass(fmt.Sprint(n), in, trash, spool, out) {
				bad.Store(true)
				fmt.Println(err)
			}
		})
	}
	ready.Wait()
	confine(places{trees: []string{in, trash}, spools: []string{spool}})
	close(begin)
	done.Wait()
	if bad.Load() {
		os.Exit(1)
	}
}

// trespass does what is allowed and what is not, and returns what came out otherwise. id
// makes names of its own.
func trespass(id, in, trash, spool, out string) (wrong []error) {
	i, o := func(name string) string { return filepath.Join(in, id+name) }, func(name string) string { return filepath.Join(out, id+name) }
	write := func(name string) error { return os.WriteFile(name, []byte("x"), 0o666) }
	for name, err := range map[string]error{
		"make a directory":  os.Mkdir(i("d"), 0o777),
		"make a file":       write(i("f")),
		"rename across":     errors.Join(write(i("g")), os.Rename(i("g"), i("d/g"))),
		"link across":       os.Link(i("f"), i("d/link")),
		"replace":           errors.Join(write(i("h")), write(i("k")), os.Rename(i("h"), i("k"))),
		"truncate":          errors.Join(write(i("t")), os.Truncate(i("t"), 0)),
		"move to the trash": errors.Join(write(i("m")), os.Rename(i("m"), filepath.Join(trash, id+"m"))),
		"move a link there": errors.Join(os.Symlink("x", i("l")), os.Rename(i("l"), filepath.Join(trash, id+"l"))),
		"move a FIFO there": errors.Join(syscall.Mkfifo(i("p"), 0o600), os.Rename(i("p"), filepath.Join(trash, id+"p"))),
		"spool":             errors.Join(write(filepath.Join(spool, id)), os.Remove(filepath.Join(spool, id))),
		"read elsewhere":    readFile(o("old")),
	} {
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	for name, err := range map[string]error{
		"make a file":             write(o("new")),
		"write":                   write(o("old")),
		"append":                  appendTo(o("old")),
		"truncate":                os.Truncate(o("old"), 0),
		"remove":                  syscall.Unlink(o("old")),
		"remove a directory":      syscall.Rmdir(o("dir")),
		"make a directory":        os.Mkdir(o("new"), 0o777),
		"make a symbolic link":    os.Symlink("x", o("new")),
		"make a FIFO":             syscall.Mkfifo(o("new"), 0o600),
		"rename there":            os.Rename(o("old"), o("new")),
		"rename out":              os.Rename(i("f"), o("new")),
		"rename in":               os.Rename(o("old"), i("new")),
		"link out":                os.Link(i("f"), o("new")),
		"link in":                 os.Link(o("old"), i("new")),
		"write through a link":    errors.Join(os.Symlink(o("old"), i("through")), write(i("through"))),
		"make a directory, spool": os.Mkdir(filepath.Join(spool, id+"d"), 0o777),
	} {
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EXDEV) {
			wrong = append(wrong, fmt.Errorf("%s, elsewhere: %w", name, errors.Join(errors.New("was not refused"), err)))
		}
	}
	return wrong
}

func readFile(name string) error {
	_, err := os.ReadFile(name)
	return err
}

func appendTo(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		f.Close()
	}
	return err
}

// TestConfine: a process that has confined itself writes nowhere else, from no thread.
func TestConfine(t *testing.T) {
	t.Parallel()
	lacksLandlock(t)
	top := t.TempDir()
	var dirs []string
	for _, name := range []string{"in", "trash", "spool", "out"} {
		dirs = append(dirs, filepath.Join(top, name))
		if err := os.Mkdir(dirs[len(dirs)-1], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 4 {
		put(t, filepath.Join(top, "out", fmt.Sprint(n)+"old"), []byte("old"))
		if err := os.Mkdir(filepath.Join(top, "out", fmt.Sprint(n)+"dir"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "confined", dirs...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for n := range 4 {
		if string(read(t, filepath.Join(top, "out", fmt.Sprint(n)+"old"))) != "old" {
			t.Error("a file outside was changed")
		}
	}
}

// unconfined counts the threads of a process that did not give up new privileges, which is
// what confining begins with, and of all its threads.
func unconfined(pid int) (free, all int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, name := range tasks {
		status, err := os.ReadFile(name)
		if err != nil {
			continue // it ended
		}
		all++
		if !strings.Contains(string(status), "NoNewPrivs:\t1") {
			free++
		}
	}
	return free, all
}

// TestConfinedPull: by the time that a pull asks for the first file it is confined, and
// does all that it has to do.
func TestConfinedPull(t *testing.T) {
	t.Parallel()
	lacksLandlock(t)
	site, top := t.TempDir(), t.TempDir()
	dest, trash, tmp := filepath.Join(top, "dest"), filepath.Join(top, "trash"), filepath.Join(top, "tmp")
	var list strings.Builder
	for n := range 40 {
		name := fmt.Sprintf("d%d/f%d", n%3, n)
		put(t, filepath.Join(site, name), remotetest.Content(uint64(n), int64(n)*9000))
		fmt.Fprintln(&list, name)
		put(t, filepath.Join(dest, fmt.Sprintf("old%d", n)), []byte("gone"))
	}
	put(t, filepath.Join(dest, "d1/f1"), []byte("another version"))
	put(t, filepath.Join(dest, "d2/f2"), remotetest.Content(2, 10_000))
	if err := errors.Join(os.Mkdir(tmp, 0o755), os.Symlink("nowhere", filepath.Join(dest, "link")), age(site)); err != nil {
		t.Fatal(err)
	}
	var pid, free, seen atomic.Int64
	files := http.FileServer(http.Dir(site))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, all := unconfined(int(pid.Load()))
		free.Add(int64(f))
		seen.Add(int64(all))
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	cmd, out, errs := command(t, "pull", "-", "--base", server.URL, "-d", dest, "--overwrite", "--backup",
		"--delete", "--max-delete", "100%", "--trash", trash, "--json")
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	pid.Store(int64(cmd.Process.Pid)) // the list, without which it asks for nothing, comes after
	stdin.Write([]byte(list.String()))
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	if free.Load() != 0 || seen.Load() == 0 {
		t.Errorf("%d of %d threads were not confined", free.Load(), seen.Load())
	}
	for n := range 40 {
		name := fmt.Sprintf("d%d/f%d", n%3, n)
		if string(read(t, filepath.Join(dest, name))) != string(remotetest.Content(uint64(n), int64(n)*9000)) {
			t.Errorf("%s is wrong", name)
		}
	}
	if string(read(t, filepath.Join(dest, "d1/f1~"))) != "another version" {
		t.Error("there is no backup")
	}
	if old, _ := filepath.Glob(filepath.Join(trash, "old*")); len(old) != 40 {
		t.Errorf("%d files are in the trash", len(old))
	}

	// What starts another program, or remembers a host where ssh_config says, is not.
	free.Store(0)
	seen.Store(0)
	cmd, out, errs = command(t, "pull", "-", "--base", server.URL, "-d", filepath.Join(top, "other"), "--accept-new-host-keys")
	if stdin, err = cmd.StdinPipe(); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	pid.Store(int64(cmd.Process.Pid))
	stdin.Write([]byte("d1/f1\n"))
	stdin.Close()
	if err := cmd.Wait(); err != nil || free.Load() != seen.Load() || seen.Load() == 0 {
		t.Errorf("%d of %d threads were not confined: %v\n%s%s", free.Load(), seen.Load(), err, out, errs)
	}
}
