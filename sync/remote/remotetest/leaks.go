package remotetest

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Main runs the tests of a package and fails if a goroutine of a transport or of a
// server is left afterwards. A TestMain calls it.
func Main(m *testing.M) {
	code := m.Run()
	var left []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if left = leftGoroutines(); len(left) == 0 {
			os.Exit(code)
		}
	}
	fmt.Fprintf(os.Stderr, "%d goroutines left:\n%s\n", len(left), strings.Join(left, "\n\n"))
	os.Exit(max(code, 1))
}

// ours are what a stack has in it that was to end with its test.
var ours = []string{"net/http.", "golang.org/x/crypto/ssh.", "github.com/pkg/sftp.", "\nfsync/"}

// leftGoroutines returns the stacks that one of ours is in, but for the caller's.
func leftGoroutines() []string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for i, stack := range strings.Split(string(buf), "\n\n") {
		if i > 0 && slices.ContainsFunc(ours, func(name string) bool { return strings.Contains(stack, name) }) {
			left = append(left, stack)
		}
	}
	return left
}
