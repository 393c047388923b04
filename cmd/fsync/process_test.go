//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

// command returns a run of the program, with an environment of its own and with what it
// printed.
func command(t testing.TB, args ...string) (cmd *exec.Cmd, out, errs *bytes.Buffer) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), "fsync", args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GORACE=atexit_sleep_ms=0"}
	out, errs = new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, errs
	return cmd, out, errs
}

// pullOK runs a pull that must end well.
func pullOK(t testing.TB, args ...string) (out string) {
	t.Helper()
	cmd, stdout, stderr := command(t, append([]string{"pull"}, args...)...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("pull: %v\n%s%s", err, stdout, stderr)
	}
	return stdout.String()
}

func serve(t testing.TB, dir string, o serverOptions) *fileServer {
	t.Helper()
	if err := age(dir); err != nil {
		t.Fatal(err)
	}
	s, err := startServer(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func put(t testing.TB, name string, p []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, p, 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	p, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// results are the objects that --json printed, by path; "" is the summary.
type results map[string]jsonResult

func parseJSON(t testing.TB, out string) (results, jsonSummary) {
	t.Helper()
	all, sum := results{}, jsonSummary{}
	for line := range strings.Lines(out) {
		var r jsonResult
		if strings.HasPrefix(line, `{"summary"`) {
			if err := json.Unmarshal([]byte(line), &sum); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			continue
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all[r.Path] = r
	}
	return all, sum
}

// site is a remote directory, the list of its files and what they hold.
type site struct {
	dir, list string
	files     map[string][]byte
}

func newSite(t testing.TB, sizes map[string]int64) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), files: make(map[string][]byte)}
	s.list = filepath.Join(t.TempDir(), "list")
	var list strings.Builder
	seed := uint64(100)
	for name, size := range sizes {
		seed++
		s.files[name] = remotetest.Content(seed, size)
		put(t, filepath.Join(s.dir, name), s.files[name])
		fmt.Fprintln(&list, name)
	}
	put(t, s.list, []byte(list.String()))
	return s
}

// checkPrefixes checks that below dest there is nothing but files of the site, each with
// bytes that begin what the site has. It returns how many are there, and whether all are
// whole.
func (s *site) checkPrefixes(t testing.TB, dest string) (bytesHere int64, whole bool) {
	t.Helper()
	seen := 0
	whole = true
	err := filepath.WalkDir(dest, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dest, name)
		want, ok := s.files[filepath.ToSlash(rel)]
		if !ok {
			t.Errorf("%s is here, and nobody asked for it", rel)
			return nil
		}
		got, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(want, got) {
			t.Errorf("%s: its %d bytes do not begin the remote file", rel, len(got))
		}
		seen++
		bytesHere += int64(len(got))
		whole = whole && len(got) == len(want)
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return bytesHere, whole && seen == len(s.files)
}

// eventually waits for a state that is sure to come.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not happen", what)
		}
	}
}

// random is different for each run, and told if the test fails.
func random(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}
