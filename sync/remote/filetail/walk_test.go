package filetail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fsync/sync/remote"
)

var then = time.Date(2021, 3, 4, 5, 6, 7, 8_000, time.UTC)

// dirURL returns the URL of a directory of this machine.
func dirURL(dir string) *url.URL {
	return &url.URL{Scheme: "file", Path: filepath.ToSlash(dir) + "/"}
}

// walkAll returns what a walk yields: by path its size, or "skipped: why", or "error". The
// error is the one without a path.
func walkAll(t *testing.T, ctx context.Context, dir string, prune func(string) bool) (found map[string]string, err error) {
	t.Helper()
	found = make(map[string]string)
	for f, e := range new(Client).Walk(ctx, dirURL(dir), prune) {
		if err != nil {
			t.Errorf("%q comes after the end", f.Path)
		}
		if e != nil && f.Path == "" {
			err = e
			continue
		}
		if _, twice := found[f.Path]; twice {
			t.Errorf("%q comes twice", f.Path)
		}
		switch {
		case e != nil:
			found[f.Path] = "error: " + e.Error()
		case f.Skipped != "":
			found[f.Path] = "skipped: " + f.Skipped
		default:
			found[f.Path] = fmt.Sprint(f.Size)
			if !f.ModTime.Equal(then) {
				t.Errorf("%q: time %v", f.Path, f.ModTime)
			}
		}
	}
	return found, err
}

func putAll(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), []byte(name), then)
	}
}

func TestWalk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"a", ".hidden", "d/a", "d/e/f/g/h", "d/...", "d/a#b%41", "d/ x"}
	if runtime.GOOS == "linux" {
		names = append(names, "d/new\r\nline", "d/\xff\xfe", "d/-rf", "d/a?b", "d/\x1b[31m", strings.Repeat("x", 255)+"/"+strings.Repeat("y", 255))
	}
	putAll(t, dir, names...)
	if err := os.MkdirAll(filepath.Join(dir, "empty", "too"), 0o700); err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for _, name := range names {
		want[name] = fmt.Sprint(len(name))
	}
	got, err := walkAll(t, t.Context(), dir, nil)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

// More names than are read at a time, and more directories.
func TestWalkMany(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var names []string
	for i := range batch*2 + 3 {
		names = append(names, fmt.Sprintf("f%d", i))
		if i < batch+1 {
			names = append(names, fmt.Sprintf("d%d/x", i))
		}
	}
	putAll(t, dir, names...)
	got, err := walkAll(t, t.Context(), dir, nil)
	if err != nil || len(got) != len(names) {
		t.Errorf("%d names, want %d, error %v", len(got), len(names), err)
	}
}

func TestWalkPrune(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	putAll(t, dir, "a", "no/b", "no/deep/c", "d/no/e", "d/f")
	var asked []string
	got, err := walkAll(t, t.Context(), dir, func(d string) bool {
		asked = append(asked, d)
		return d == "no" || d == "d/no"
	})
	if diff := cmp.Diff(map[string]string{"a": "1", "d/f": "3"}, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	slices.Sort(asked)
	if diff := cmp.Diff([]string{"", "d", "d/no", "no"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestWalkErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	putAll(t, dir, "file")
	for _, name := range []string{"missing", "file", "file/below"} {
		got, err := walkAll(t, t.Context(), filepath.Join(dir, name), nil)
		if err == nil || remote.KindOf(err) != remote.Final || len(got) > 0 || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, error %v", name, got, err)
		}
	}
	for _, err := range new(Client).Walk(t.Context(), &url.URL{Scheme: "sftp", Host: "h", Path: "/"}, nil) {
		if err == nil || !strings.Contains(err.Error(), "not a file URL") {
			t.Errorf("got %v", err)
		}
	}
}

var errStop = errors.New("stop")

func TestWalkEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	putAll(t, dir, "a", "b", "d/c", "e/f", "g/h")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	n := 0
	var last error
	for _, err := range new(Client).Walk(ctx, dirURL(dir), nil) {
		if n++; n == 2 {
			cancel(errStop)
		}
		last = err
	}
	if n != 3 || !errors.Is(last, errStop) {
		t.Errorf("%d steps, the last is error %v", n, last)
	}
	for range new(Client).Walk(t.Context(), dirURL(dir), nil) {
		break // nothing is yielded to a loop that is over: that would panic
	}
}

// What cannot be read is told, and the rest is there.
func TestWalkUnreadable(t *testing.T) {
	t.Parallel()
	if os.Getuid() <= 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	putAll(t, dir, "a", "shut/b", "c/d")
	shut := filepath.Join(dir, "shut")
	if err := os.Chmod(shut, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(shut, 0o700)
	got, err := walkAll(t, t.Context(), dir, nil)
	want := map[string]string{"a": "1", "c/d": "3", "shut": "error: " + remote.Redact(dirURL(dir)) + "shut: permission denied"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if _, err = walkAll(t, t.Context(), shut, nil); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}
