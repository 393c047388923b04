package crashtest

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// role is the environment variable that tells a process of this test which one it is.
const role = "CRASHTEST_ROLE"

// TestMain runs the tests in a mount namespace of their own. Whatever ends them, SIGKILL
// too, the kernel then unmounts all that they mounted, and frees the loop devices.
func TestMain(m *testing.M) {
	runtime.LockOSThread() // a child gets its signal when the thread that started it ends
	switch {
	case os.Getenv(role) == "guard":
		guard()
	case os.Getenv(role) == "tests" || os.Geteuid() != 0:
		os.Exit(runTests(m))
	}
	c := again("tests", os.Args[1:]...)
	c.Stdin = os.Stdin
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 {
		os.Exit(exit.ExitCode())
	}
	if errors.Is(err, unix.EPERM) { // root in a container: the tests say what they lack
		noMounts = fmt.Errorf("a mount namespace: %w", err)
		os.Exit(runTests(m))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the tests in a mount namespace:", err)
		os.Exit(1)
	}
}

// noMounts says why this process cannot mount anything; nil: it can.
var noMounts error

// again is this program in another role.
func again(as string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), role+"="+as)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c
}

func runTests(m *testing.M) int {
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	if os.Getenv(role) == "tests" {
		c := again("guard")
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
		if err := c.Start(); err != nil {
			fmt.Fprintln(os.Stderr, "the guard:", err)
			return 1
		}
		defer c.Wait()
		defer c.Process.Signal(syscall.SIGTERM)
	}
	dir, err := os.MkdirTemp("", "crashtest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	builds.dir, builds.done = dir, make(map[*mutation]string)
	return m.Run()
}

// guard waits for the end of the tests and aborts what they left of FUSE. Else a process
// that is killed while one of its threads waits for a disk that it serves itself would wait
// for ever: the thread cannot end before the disk answers, nor FUSE before the thread ends.
func guard() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	signal.Ignore(os.Interrupt)
	const connections = "/sys/fs/fuse/connections"
	_ = unix.Mount("fusectl", connections, "fusectl", 0, "") // EBUSY: it is there
	<-end
	for range 20 { // a mount may just be under way
		for _, minor := range fuseMounts() {
			_ = os.WriteFile(filepath.Join(connections, minor, "abort"), []byte("1"), 0)
		}
		time.Sleep(20 * time.Millisecond)
	}
	os.Exit(0)
}

// fuseMounts returns the minor device numbers of the disks in this mount namespace.
func fuseMounts() (minors []string) {
	f, err := os.Open("/proc/self/mountinfo") // see proc_pid_mountinfo(5)
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 2 && strings.Contains(lines.Text(), " - fuse."+fuseName+" ") {
			_, minor, _ := strings.Cut(fields[2], ":")
			minors = append(minors, minor)
		}
	}
	return minors
}
