package remotetest

import (
	"fmt"
	"os"
	"runtime"
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

// leftGoroutines returns the stacks that net/http or fsync are in, but for the caller's.
func leftGoroutines() []string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for i, stack := range strings.Split(string(buf), "\n\n") {
		if i > 0 && (strings.Contains(stack, "net/http.") || strings.Contains(stack, "\nfsync/")) {
			left = append(left, stack)
		}
	}
	return left
}
