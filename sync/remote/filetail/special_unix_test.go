//go:build unix

package filetail

import (
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"fsync/sync/remote"
)

// TestNotRegular: nothing but a regular file is opened, and nothing blocks.
func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	os.Symlink("loop", loop)
	for _, path := range []string{fifo, dir, "/dev/null", "/dev/zero", loop} {
		tail, err := new(Client).Open(t.Context(), remote.Request{URL: &url.URL{Scheme: "file", Path: path}})
		if err == nil || remote.KindOf(err) != remote.Final {
			t.Errorf("%s: %v, %v", path, tail, err)
		}
	}
}
