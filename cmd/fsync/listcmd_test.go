//go:build unix

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"fsync/sync/remote/remotetest"
)

// oddNames are legal, and all formats but Metalink can hold them.
var oddNames = []string{
	"plain", "new\nline", `q"uo'te`, "#x", " x", "x ", "-", "-rf", "a\r\nb", "\r", "a\tb", `back\slash`, `\.`, "100%41?#&+", "d/a:b", "d/user@host:x", "~", "*", "path",
	"<&>", "ü/日本", "d/" + strings.Repeat("y", 255), "d/\ufffd", ".hidden",
}

// xmlNames cannot be in a Metalink, and rawNames not in JSON beside an absolute URL.
var (
	xmlNames = []string{"bell\a", "\x1b[31m"}
	rawNames = []string{"lat\xff\xfe", "d/\xc3", strings.Repeat("\xff", 255)}
)

func makeTree(t *testing.T, dir string, names ...[]string) {
	t.Helper()
	seed := uint64(0)
	for _, some := range names {
		for _, name := range some {
			seed++
			put(t, filepath.Join(dir, name), remotetest.Content(seed, int64(seed*1000)))
		}
	}
	put(t, filepath.Join(dir, "big"), remotetest.Content(99, 1<<20+1))
}

// listed runs a list that must end well.
func listed(t *testing.T, args ...string) string {
	t.Helper()
	cmd, out, errs := command(t, append([]string{"list"}, args...)...)
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("list %q: %v\n%s", args, err, errs)
	}
	return out.String()
}

// diffTrees fails unless two directories hold the same.
func diffTrees(t *testing.T, a, b string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "diff", "-r", a, b).CombinedOutput(); err != nil {
		t.Errorf("diff: %v\n%s", err, out)
	}
}

// What list writes, pull reads back, whatever the names.
func TestListRoundTrip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format string
		names  [][]string
		base   bool
	}{
		{"tsv", [][]string{oddNames, xmlNames, rawNames}, false},
		{"tsv", [][]string{oddNames, xmlNames, rawNames}, true},
		{"jsonl", [][]string{oddNames, xmlNames, rawNames}, false},
		{"jsonl", [][]string{oddNames, xmlNames}, true},
		{"sha256sums", [][]string{oddNames, xmlNames, rawNames}, false},
		{"metalink", [][]string{oddNames}, false},
		{"metalink", [][]string{oddNames}, true},
	} {
		name := c.format
		if c.base {
			name += " with URLs"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			site := filepath.Join(dir, "site")
			makeTree(t, site, c.names...)
			s := serve(t, site, serverOptions{})
			args := []string{"-f", c.format, site}
			if c.base {
				args = append(args, "--base", s.url)
			}
			text := listed(t, args...)
			if again := listed(t, append(args, "-j", "1")...); again != text {
				t.Error("the same tree gave another list")
			}
			file := filepath.Join(dir, "list")
			put(t, file, []byte(text))
			pull := []string{file, "-d", filepath.Join(dir, "copy")}
			if !c.base {
				pull = append(pull, "--base", s.url)
			}
			pullOK(t, pull...)
			diffTrees(t, site, filepath.Join(dir, "copy"))
			if c.format == "sha256sums" {
				check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "--quiet", file)
				check.Dir = site
				if out, err := check.CombinedOutput(); err != nil {
					t.Errorf("sha256sum: %v\n%s", err, out)
				}
			}
		})
	}
}

// fails runs a list that must end with an exit code, write nothing, and print that.
func fails(t *testing.T, code int, want string, args ...string) {
	t.Helper()
	cmd, out, errs := command(t, append([]string{"list"}, args...)...)
	err := cmd.Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != code || out.Len() > 0 || !strings.Contains(errs.String(), want) {
		t.Errorf("list %q: %v, want exit code %d and %q; output %q\n%s", args, err, code, want, out, errs)
	}
}

// A list that would lack something is not written, and the one before it stays.
func TestListIncomplete(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	site, file := filepath.Join(dir, "site"), filepath.Join(dir, "list")
	makeTree(t, site, xmlNames, rawNames)
	put(t, file, []byte("old"))
	fails(t, 1, `path "bell\a": XML`, "-f", "metalink", site, "-o", file)
	fails(t, 1, "it would lack 5 files", "-f", "metalink", site)
	fails(t, 1, "it would lack 3 files", "-f", "jsonl", "--base", "http://h/", site)
	put(t, filepath.Join(site, "..d", ".X.FSYNC"), nil) // on this file system not fsync's
	fails(t, 1, "staged copies", site, "-o", file)
	if got := string(read(t, file)); got != "old" {
		t.Errorf("the list is %q", got)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}

func TestListUnreadable(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 && runtime.GOOS != "linux" {
		t.Skip("root may read everything")
	}
	site := t.TempDir()
	makeTree(t, site, oddNames)
	for _, name := range []string{"plain", "d"} {
		if err := os.Chmod(filepath.Join(site, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	defer os.Chmod(filepath.Join(site, "d"), 0o700)
	cmd, out, errs := command(t, "list", site)
	if os.Getuid() == 0 { // held to permissions, too
		cmd.Path = find(t, "setpriv")
		cmd.Args = append([]string{"setpriv", "--bounding-set=-dac_override,-dac_read_search"}, cmd.Args...)
	}
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || out.Len() > 0 {
		t.Errorf("exit code %d, and it printed %q", code, out)
	}
	for _, want := range []string{"plain: permission denied", "d: permission denied", "it would lack 2 files or directories"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, errs)
		}
	}
}

// The list may lie in the directory: it does not list itself.
func TestListIntoItself(t *testing.T) {
	t.Parallel()
	site := t.TempDir()
	makeTree(t, site, []string{"a"})
	for _, hash := range []string{"sha256", "none"} {
		list := filepath.Join(site, "list-"+hash)
		want := ""
		for range 2 {
			listed(t, site, "--hash", hash, "-o", list)
			got := string(read(t, list))
			if strings.Contains(got, "list-"+hash) || want != "" && got != want {
				t.Errorf("%s:\n%s", hash, got)
			}
			want = got
		}
		cmd, _, errs := command(t, "list", site, "--hash", hash)
		out, err := os.Create(filepath.Join(site, "redirected"))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = out
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, errs)
		}
		out.Close()
		if got := read(t, out.Name()); bytes.Contains(got, []byte("redirected")) || !bytes.Contains(got, []byte("list-"+hash)) {
			t.Errorf("%s:\n%s", hash, got)
		}
	}
}

// A file that is replaced keeps its mode, and a link to it stays one.
func TestListOutput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	makeTree(t, filepath.Join(dir, "site"), []string{"a"})
	site, real, link := filepath.Join(dir, "site"), filepath.Join(dir, "real"), filepath.Join(dir, "link")
	put(t, real, []byte("old"))
	if err := errors.Join(os.Chmod(real, 0o600), os.Symlink("real", link)); err != nil {
		t.Fatal(err)
	}
	want := listed(t, site)
	listed(t, site, "-o", link)
	fi, err := os.Lstat(real)
	if err != nil || fi.Mode() != 0o600 || string(read(t, real)) != want {
		t.Errorf("%v, error %v", fi, err)
	}
	if fi, err := os.Lstat(link); err != nil || fi.Mode().Type() != fs.ModeSymlink {
		t.Errorf("%v, error %v", fi, err)
	}
	listed(t, site, "-o", "/dev/null")
	if got := listed(t, site, "-o", "-"); got != want {
		t.Errorf("got %q", got)
	}
	fails(t, 2, "there is no directory", site, "-o", filepath.Join(dir, "missing", "list"))
	fails(t, 2, "is a directory", site, "-o", dir)
}
