package sftptail

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

func TestMain(m *testing.M) { remotetest.Main(m) }

// then is long enough ago to be a strong time, and a whole second.
var then = time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)

// newServer returns a server in this process.
func newServer(t *testing.T) *remotetest.SFTPServer { return remotetest.NewSFTPServer(t) }

// newTestClient returns a client that the server lets in.
func newTestClient(t *testing.T, s *remotetest.SFTPServer, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{Stall: 20 * time.Second, KnownHosts: []string{s.KnownHosts()}, Identities: []string{s.Identity()}, User: remotetest.SFTPUser}
	for _, f := range change {
		f(&o)
	}
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

// findKeygen returns OpenSSH's ssh-keygen, which the continuous integration has.
func findKeygen(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("ssh-keygen")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skipf("nothing is known about OpenSSH's files: %v", err)
	}
	return program
}
