//go:build unix

package sftptail

import (
	"fmt"
	"os"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

// TestSSHDWalkMany: OpenSSH's server, by the own SSH, by its client, and over a long way,
// where directories have to be read side by side.
func TestSSHDWalkMany(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	root := t.TempDir()
	const dirs, files = 100, 100
	for i := range dirs {
		dir := fmt.Sprintf("%s/%d", root, i)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for j := range files {
			if err := os.WriteFile(fmt.Sprintf("%s/%d", dir, j), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := remotetest.NewDelay(t, s.Addr, 30*time.Millisecond, 0)
	known, err := s.KnownHostsFor(d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{"near", "far", "command"} {
		o, u := sshdOptions(s), s.URL(root+"/")
		switch way {
		case "far":
			o.KnownHosts, u.Host = []string{known}, d.Addr()
		case "command":
			o = Options{Command: sshCommand(s)}
		}
		c := sshdClient(t, o)
		for range 3 { // the first logs in
			n := 0
			begin := time.Now()
			for f, err := range c.Walk(t.Context(), u, nil) {
				if err != nil {
					t.Errorf("%s: %q: %v", way, f.Path, err)
				}
				n++
			}
			took := time.Since(begin)
			t.Logf("%s: %d files in %v", way, n, took.Round(time.Millisecond))
			if n != dirs*files || took > 10*time.Second {
				t.Errorf("%s: %d files in %v", way, n, took)
			}
		}
	}
}
