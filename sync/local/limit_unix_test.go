//go:build unix

package local

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOpenLimit: groups of complete files used to run out of descriptors where few are
// allowed. What counts is the limit in force, not the one that it may be raised to.
func TestOpenLimit(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &was) })
	const few = 200
	if was.Cur < few {
		if os.Getenv("CI") == "true" {
			t.Fatalf("only %d files may be open", was.Cur)
		}
		t.Skip("fewer files are allowed already than the test wants to allow")
	}
	now := was
	now.Cur = few
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		t.Fatal(err)
	}
	if n := OpenLimit(); n != few {
		t.Errorf("%d files may be open, want %d", n, few)
	}
}
