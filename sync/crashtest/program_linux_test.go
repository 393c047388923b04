package crashtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// mutation is a mistake that somebody could make: a text of a source file that is
// replaced before the program is built.
type mutation struct {
	name, file string // the file's path in the module
	old, new   string
}

// The mutations that this test has to notice.
var (
	noHoleProbe = &mutation{
		name: "doubts zeros at the end, not holes", file: "sync/local/suspect.go",
		old: "hole := f.dir.fs.seekHole(f.f, f.Size)",
		new: "hole := f.Size",
	}
	noDrop = &mutation{
		name: "takes a hole that was read for data", file: "sync/local/fs_linux.go",
		old: "\tif s.trueHoles && mayBeUnwritten(fd, size) {\n",
		new: "\tif false {\n",
	}
	earlyMark = &mutation{
		name: "marks a file before its data is durable", file: "sync/commit.go",
		old: "\tswitch c.p.Sync {\n\tcase SyncNone:\n",
		new: "\tif p.w != nil && !p.w.IsStage() {\n\t\t_, _ = p.w.Publish(p.pub)\n\t}\n\tswitch c.p.Sync {\n\tcase SyncNone:\n",
	}
	noSync = &mutation{
		name: "reports a group that was not synced", file: "sync/commit.go",
		old: "\tall := c.p.Dir.SyncAll() == nil\n\tfor i, p := range group {\n\t\tif !all ||",
		new: "\tall := true\n\tfor i, p := range group {\n\t\tif !all ||",
	}
	noNameSync = &mutation{
		name: "reports a rename that was not synced", file: "sync/commit.go",
		old: "if anyRenamed {",
		new: "if false {",
	}
)

var builds struct {
	sync.Mutex
	dir  string // removed by TestMain
	done map[*mutation]string
}

// program builds the program as it is released, or with a mutation, and returns its path.
// The mutation is an overlay of the go command: nothing in the program's sources serves
// this test.
func program(t testing.TB, m *mutation) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if path, ok := builds.done[m]; ok {
		return path
	}
	path := filepath.Join(builds.dir, fmt.Sprintf("fsync%d", len(builds.done)))
	args := []string{"build", "-buildvcs=false", "-o", path}
	if m != nil {
		args = append(args, "-overlay", overlay(t, m))
	}
	out, err := exec.CommandContext(t.Context(), "go", append(args, "fsync/cmd/fsync")...).CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	builds.done[m] = path
	return path
}

// overlay returns the file for -overlay that makes the mutation.
func overlay(t testing.TB, m *mutation) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("../..", m.file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		t.Fatalf("mutation %q: its text is %d times in %s", m.name, n, m.file)
	}
	dir := t.TempDir()
	mutant, list := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	o, err := json.Marshal(map[string]any{"Replace": map[string]string{file: mutant}})
	if err == nil {
		err = os.WriteFile(list, o, 0o600)
	}
	if err == nil {
		err = os.WriteFile(mutant, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// result is what --json says of an entry.
type result struct {
	Path, Result, Reason, Verified string
	Requests                       int
}

// run runs the program in a boot of the system that boot names, and gives each result to
// done as it comes.
func run(t testing.TB, path, boot string, done func(result), args ...string) error {
	// The real boot's id is covered by a file, in a mount namespace that this process has
	// for itself. So the program needs no way to be told.
	const script = `mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"`
	id := filepath.Join(t.TempDir(), "boot_id")
	if err := os.WriteFile(id, []byte(boot+"\n"), 0o600); err != nil {
		return err
	}
	c := exec.CommandContext(t.Context(), "sh", append([]string{"-c", script, "sh", id, path}, args...)...)
	// Nor does it outlive this process, whose mounts it would keep.
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		return err
	}
	lines, bad := bufio.NewScanner(out), ""
	for lines.Scan() {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Errorf("%q: %v", lines.Text(), err)
		}
		if r.Path != "" {
			done(r)
			if r.Reason != "" {
				bad += "\n" + lines.Text()
			}
		}
	}
	if err := errors.Join(lines.Err(), c.Wait()); err != nil {
		return fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, stderr.Bytes(), bad)
	}
	return nil
}
