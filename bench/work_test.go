//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fsync/sync/remote/remotetest"
)

func TestNginxLog(t *testing.T) {
	t.Parallel()
	n := &nginx{ids: make(map[string]bool)}
	if err := n.add("7 4096 200\n7 0 304\n9 197 416\n"); err != nil {
		t.Fatal(err)
	}
	if err := n.add("9 3 206\n"); err != nil {
		t.Fatal(err)
	}
	if want := (traffic{2, 4296}); n.sum != want {
		t.Errorf("%+v, want %+v", n.sum, want)
	}
	if err := n.add("7 -\n"); err == nil {
		t.Error("a line that is none is counted")
	}
}

func TestCompareTrees(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	for name, size := range map[string]int{"a": 0, "d/b": mib, "d/c": mib + 1} {
		put(t, filepath.Join(src, name), remotetest.Content(uint64(size), int64(size)))
	}
	for name, change := range map[string]func(dir string){
		"":          func(string) {},
		"1 missing": func(dir string) { os.Remove(filepath.Join(dir, "a")) },
		"1 extra":   func(dir string) { put(t, filepath.Join(dir, "e/f"), nil) },
		"1 wrong": func(dir string) {
			p := remotetest.Content(mib+1, mib+1)
			p[mib]++
			put(t, filepath.Join(dir, "d/c"), p)
		},
	} {
		dest := t.TempDir()
		if err := copyTree(src, dest, true); err != nil {
			t.Fatal(err)
		}
		change(dest)
		got := compareTrees(src, dest, sameFile)
		if (got == "") != (name == "") || !strings.Contains(got, name) {
			t.Errorf("%q, want %q", got, name)
		}
	}
}

func TestCommonPrefix(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(3, 2*mib+5)
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	put(t, src, content)
	for _, c := range []struct{ size, change, want int }{
		{0, -1, 0},
		{1, -1, 1},
		{mib, -1, mib},
		{mib + 1, -1, mib + 1},
		{2*mib + 5, -1, 2*mib + 5},
		{2*mib + 5, 0, 0},
		{2*mib + 5, mib - 1, mib - 1},
		{2*mib + 5, mib, mib},
		{mib + 9, mib + 8, mib + 8},
	} {
		p := append([]byte(nil), content[:c.size]...)
		if c.change >= 0 {
			p[c.change]++
		}
		name := filepath.Join(dir, "part")
		put(t, name, p)
		if got, err := commonPrefix(src, name); err != nil || got != int64(c.want) {
			t.Errorf("size %d, byte %d changed: %d, %v, want %d", c.size, c.change, got, err, c.want)
		}
	}
}

func TestBodyLength(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 206 Partial Content\r\nServer: x\r\nContent-Length: 12\r\n"
	if n, err := bodyLength(head, 206); n != 12 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{strings.Replace(head, "206", "200", 1), "HTTP/1.1 206 Partial Content\r\n", ""} {
		if n, err := bodyLength(bad, 206); err == nil {
			t.Errorf("%q: %d", bad, n)
		}
	}
}

func put(t *testing.T, name string, p []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, p, 0o600); err != nil {
		t.Fatal(err)
	}
}
