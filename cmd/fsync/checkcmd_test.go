//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A check is stopped while it reads a file that would take it a minute.
func TestCheckSignals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, exitInterrupt}, {syscall.SIGTERM, exitTerminate}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			t.Parallel()
			dir, list := t.TempDir(), filepath.Join(t.TempDir(), "SHA256SUMS")
			const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
			put(t, list, []byte(empty+"  empty\n"+empty+"  large\n"))
			put(t, filepath.Join(dir, "empty"), nil)
			put(t, filepath.Join(dir, "large"), nil)
			if err := os.Truncate(filepath.Join(dir, "large"), 128<<30); err != nil {
				t.Skipf("no large file to be made: %v", err)
			}
			cmd, _, errs := command(t, "check", "-c", "--json", "-d", dir, list)
			cmd.Stdout = nil
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			if !lines.Scan() || !strings.Contains(lines.Text(), `"path":"empty","result":"complete"`) {
				t.Errorf("the first line is %q", lines.Text())
			}
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			last := ""
			for lines.Scan() {
				last = lines.Text()
			}
			cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != c.code {
				t.Errorf("exit code %d, not %d: %s", got, c.code, errs)
			}
			var sum jsonCheckSummary
			if err := json.Unmarshal([]byte(last), &sum); err != nil || !sum.Summary || sum.Stopped == "" || sum.Results["complete"] != 1 || len(sum.Results) != 1 {
				t.Errorf("the last line is %q (%v)", last, err)
			}
		})
	}
}
