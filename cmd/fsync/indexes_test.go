//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

// escapedNames are names that index pages have to escape in one way or another.
var escapedNames = []string{
	"plain.txt", "with blank", " leading", "100%", "%41", "a+b", "q?x=1", "h#1", "-dash", "--", "a:b", "semi;colon", "at@home",
	`quo"te`, "apo'strophe", "amp&amp;", "<angle>", "back\\slash", "[brackets]", "{braces}", "comma,", "eq=", "$(id)", "`x`",
	"ünïcode-Ω-漢字", "emoji-🙂", strings.Repeat("long-", 40) + "name", "trailing.", "C=N;O=D", "index of",
}

// escapedTree makes a tree of them, in directories with such names, too.
func escapedTree(t *testing.T, dir string) (files int) {
	t.Helper()
	for i, sub := range []string{"", "sub", "sub/deeper", "dir with blank", "dir%20", "dir#?", "-d", "Ω"} {
		for k, name := range escapedNames {
			if sub != "" && k%4 != i%4 {
				continue
			}
			path := filepath.Join(dir, sub, name)
			put(t, path, remotetest.Content(uint64(100*i+k), int64(k*k*37)))
			if err := os.Chtimes(path, then, then); err != nil {
				t.Fatal(err)
			}
			files++
		}
	}
	return files
}

// TestIndexPages mirrors a tree with odd names from the index pages of real servers.
func TestIndexPages(t *testing.T) {
	t.Parallel()
	for _, s := range append(slices.Clone(realServers), realServer{"caddy", true, startCaddy}) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			testIndexPages(t, s)
		})
	}
}

func startCaddy(t *testing.T, conf, dir string, port int) *exec.Cmd {
	cmd := exec.Command(find(t, "caddy"), "file-server", "--browse", "--root", dir, "--listen", fmt.Sprintf("127.0.0.1:%d", port))
	cmd.Env = []string{"HOME=" + conf} // it keeps things there
	return cmd
}

func testIndexPages(t *testing.T, s realServer) {
	conf, root := t.TempDir(), t.TempDir()
	readable(t, root)
	readable(t, conf)
	put(t, filepath.Join(root, "ready"), nil)
	put(t, filepath.Join(root, "outside"), []byte("not to be pulled"))
	tree := filepath.Join(root, "tree")
	files := escapedTree(t, tree)
	base := s.run(t, conf, root)
	dest := filepath.Join(t.TempDir(), "dest")
	mirror := func(url string) map[string]int64 {
		t.Helper()
		_, sum := parseJSON(t, pullOK(t, "-d", dest, "--json", "--delete", url))
		sum.Results["fetched bytes"] = sum.Fetched
		return sum.Results
	}
	if got := mirror(base + "tree/"); got["fetched"] != int64(files) {
		t.Errorf("the first run says %v for %d files", got, files)
	}
	equalTrees(t, tree, dest)

	// Without its slash a directory leads to the same page; and nothing has changed.
	if got := mirror(base + "tree"); got["up-to-date"] != int64(files) || got["fetched bytes"] != 0 {
		t.Errorf("the second run says %v", got)
	}

	changed := filepath.Join(tree, "sub", "changed")
	for i, path := range []string{changed, filepath.Join(tree, "dir#?", "new ?#%")} {
		content := remotetest.Content(uint64(1000+i), 5000)
		put(t, path, content)
		if err := os.Chtimes(path, then.Add(time.Hour), then.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(tree, "plain.txt")); err != nil {
		t.Fatal(err)
	}
	if got := mirror(base + "tree/"); got["fetched"] != 2 || got["fetched bytes"] != 10_000 {
		t.Errorf("the third run says %v", got)
	}
	equalTrees(t, tree, dest)
	put(t, changed, remotetest.Content(2000, 6000))
	if got := mirror(base + "tree/"); got["replaced"] != 1 || got["fetched bytes"] != 6000 {
		t.Errorf("the fourth run says %v", got)
	}
	equalTrees(t, tree, dest)
}

// TestIndexPageFails: what is no index page, or breaks off, is no empty directory.
func TestIndexPageFails(t *testing.T) {
	t.Parallel()
	s := realServers[0]
	conf, root := t.TempDir(), t.TempDir()
	readable(t, root)
	readable(t, conf)
	put(t, filepath.Join(root, "ready"), nil)
	for i := range 5 {
		put(t, filepath.Join(root, "tree", fmt.Sprint("d", i), "file"), remotetest.Content(uint64(i), 100))
	}
	put(t, filepath.Join(root, "home", "index.html"), []byte("<!DOCTYPE html><html><head><title>Welcome</title></head><body><a href=\"x\">x</a></body></html>"))
	base := s.run(t, conf, root)
	dest := filepath.Join(t.TempDir(), "dest")
	cmd, _, errs := command(t, "pull", "-d", dest, base+"home/")
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(errs.String(), "index page") {
		t.Errorf("a home page: %v\n%s", err, errs)
	}

	pullOK(t, "-d", dest, base+"tree/")
	put(t, filepath.Join(dest, "stray"), []byte("stray"))
	put(t, filepath.Join(root, "tree", "d3", "index.html"), []byte("<html><title>maintenance</title></html>"))
	cmd, _, errs = command(t, "pull", "-d", dest, base+"tree/", "--delete", "--max-delete", "100%", "--retries", "0")
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(errs.String(), "d3") {
		t.Errorf("a page that is none: %v\n%s", err, errs)
	}
	if !exists(dest, "stray") || !exists(dest, "d3/file") {
		t.Error("it deleted files although a directory could not be listed")
	}
}
