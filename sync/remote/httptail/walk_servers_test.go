//go:build unix

package httptail

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote"
)

// realServers are servers that people run. start returns the URLs that list dir, by format,
// with the longest file whose size the pages give; conf is a directory for what they write.
var realServers = []struct {
	name   string
	start  func(t *testing.T, conf, dir string) map[string]int64
	hidden bool // names that begin with a dot are left out
	timed  int  // of how many formats the pages have times
	fussy  bool // it lists names with control characters, but does not serve them
}{
	{name: "nginx", start: startNginx, hidden: true, timed: 1},
	{name: "apache2", start: startApache},
	{name: "lighttpd", start: startLighttpd, fussy: true},
	{name: "python3", start: startPython},
	{name: "caddy", start: startCaddy, timed: 1},
}

const (
	anySize = 1 << 40
	noSize  = -1
)

// oddNames are names of files, each of which holds its own name.
var oddNames = []string{
	"plain", "sp ace", " lead", "100%", "%41", "%2e%2e%2f", `q"uo'te`, "café", "what?", "#hash", "-rf", "a:b", "http:", "&amp;", "&lt", `back\slash`, "new\nline", "tab\t",
	"<b>", "+;=", "C=N;O=D", "[br]", "x|y^z`{}", "~tilde", "...", ".hidden", "..dots", "\x01ctl", strings.Repeat("x", 255), "sub/a", "sub/deep er/é?#%/a:b", "a:d/f", "-d/f", ".d/f",
}

var then = time.Unix(1700000001, 0)

func putFile(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

// putTree makes a tree with all that a server lists, a loop, and a home page.
func putTree(t *testing.T, dir string) (want map[string]string) {
	t.Helper()
	want = make(map[string]string)
	for _, name := range oddNames {
		want[name] = name
	}
	want["\xff\xfe"] = "bytes"
	for _, n := range []int{0, 972, 973, 1024, 9999, 10_000, 2_000_000} {
		want[fmt.Sprintf("sizes/%d", n)] = strings.Repeat("x", n)
	}
	for name, content := range want {
		putFile(t, dir, "odd/"+name, content)
	}
	putFile(t, dir, "ready", "")
	putFile(t, dir, "bad/home/index.html", "<html><title>Home</title><body><ul><li><a href=\"file\">file</a></ul></body></html>")
	putFile(t, dir, "bad/home/file", "")
	putFile(t, dir, "bad/loop/file", "")
	if err := os.Symlink(".", filepath.Join(dir, "bad/loop/self")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "odd/empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	return want
}

// TestWalkServers: what a walk yields is what lies on the server's disk.
func TestWalkServers(t *testing.T) {
	t.Parallel()
	for _, s := range realServers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			conf, dir := t.TempDir(), t.TempDir()
			readable(t, conf)
			readable(t, dir)
			want := putTree(t, dir)
			for name := range want {
				if s.hidden && (name[0] == '.' || strings.Contains(name, "/.")) {
					delete(want, name)
				}
			}
			if s.name == "python3" { // it writes the code points that stand for such bytes, and understands nothing else
				want["\xed\xb3\xbf\xed\xb3\xbe"] = want["\xff\xfe"]
				delete(want, "\xff\xfe")
			}
			timed := 0
			for base, exact := range s.start(t, conf, dir) {
				if wantTree(t, base, exact, want, s.fussy) {
					timed++
				}
				wantBad(t, base)
			}
			if timed != s.timed {
				t.Errorf("%d formats have times, not %d", timed, s.timed)
			}
		})
	}
}

// wantTree compares a walk with the tree, and fetches each file by the path that it has
// there. It says whether there are times.
func wantTree(t *testing.T, base string, exact int64, want map[string]string, fussy bool) (timed bool) {
	t.Helper()
	c := newClient(t, Options{Stall: 20 * time.Second, Conns: walkers})
	root := mustParse(t, base+"odd/")
	w := walk{root: root}
	got := make(map[string]bool)
	for f, err := range c.Walk(t.Context(), root, nil) {
		content, known := want[f.Path]
		if err != nil || f.Skipped != "" || !known || got[f.Path] {
			t.Errorf("%s: %q: %v, skipped %q, known %v, before %v", base, f.Path, err, f.Skipped, known, got[f.Path])
			continue
		}
		got[f.Path] = true
		if size := int64(len(content)); size <= exact && f.Size != size || size > exact && f.Size != -1 {
			t.Errorf("%s: %q: size %d, not %d", base, f.Path, f.Size, size)
		}
		if timed = timed || !f.ModTime.IsZero(); timed && !f.ModTime.Equal(then) {
			t.Errorf("%s: %q: time %v", base, f.Path, f.ModTime)
		}
		u := w.at(f.Path)
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
		tail, err := c.Open(t.Context(), remote.Request{URL: u})
		if fussy && err != nil && strings.ContainsAny(f.Path, "\x01\t\n") {
			continue
		}
		if err != nil {
			t.Errorf("%s: %q: %v", base, f.Path, err)
			continue
		}
		if body, err := io.ReadAll(tail.Body); err != nil || string(body) != content {
			t.Errorf("%s: %q: %d bytes, not %d: %v", base, f.Path, len(body), len(content), err)
		}
		tail.Body.Close()
	}
	for path := range want {
		if !got[path] {
			t.Errorf("%s: %q is missing", base, path)
		}
	}
	return timed
}

// wantBad: a home page in place of a listing, and a symbolic link to its own directory, are
// errors of their directories.
func wantBad(t *testing.T, base string) {
	t.Helper()
	got, err := walkAll(t, newClient(t, Options{Stall: 20 * time.Second}), mustParse(t, base+"bad/"))
	if err != nil {
		t.Errorf("%s: %v", base, err)
	}
	if !strings.HasSuffix(got["home"], "/bad/home/: not an index page: it cannot be listed") {
		t.Errorf("%s: home page: %v", base, got)
	}
	if !strings.Contains(got["loop/self/self/self"], "looks like a loop") || got["loop/file"] == "" || len(got) != 5 {
		t.Errorf("%s: loop: %v", base, got)
	}
}

// answers waits until a URL can be had, at most 10 seconds and while the server lives.
func answers(url string, ended <-chan struct{}) bool {
	client := http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if r, err := client.Get(url); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-ended:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}
