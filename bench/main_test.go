//go:build linux

package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets the test's program be what the harness starts itself as.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "measure" || os.Args[1] == "raw") {
		unix.Exit(dispatch(os.Args[1:])) // the race detector lets os.Exit wait for a second
	}
	os.Exit(m.Run())
}

// TestSmoke runs the first rows, small: the harness works, and fsync's bytes are right.
func TestSmoke(t *testing.T) {
	if _, err := nginxProgram(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI has to have nginx: %v", err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "fsync")
	if out, err := exec.Command("go", "build", "-o", program, "fsync/cmd/fsync").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	jsonFile, svg := filepath.Join(dir, "bench.json"), filepath.Join(dir, "speed.svg")
	args := []string{
		"-fsync", program, "-rows", "A100k,B,C", "-scale", "0.02", "-runs", "1", "-dir", dir, "-shm", "",
		// The peers are another matter: they may be any version.
		"-only", "^(fsync|curl)", "-json", jsonFile, "-svg", svg,
	}
	if err := run(ctx, args); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(jsonFile)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Tables) != 4 {
		t.Errorf("%d tables, want A100k, B, C-disk, C-tmpfs", len(r.Tables))
	}
	for _, table := range r.Tables {
		checkSmoke(t, table)
	}
	picture, err := os.ReadFile(svg)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, string(picture))
	if left, err := filepath.Glob(filepath.Join(dir, "fsync-bench-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func checkSmoke(t *testing.T, table table) {
	limits, own := 0, 0
	for _, e := range table.Entries {
		if !e.Limit && !e.Fsync {
			continue
		}
		if len(e.Samples) != 1 || !e.right() || e.wall() <= 0 || e.Samples[0].RSS <= 0 {
			t.Errorf("%s, %s: %+v", table.Row, e.Name, e.Samples)
			continue
		}
		if e.Limit {
			limits++
			continue
		}
		own++
		if got := e.Samples[0].Served; strings.HasPrefix(table.Row, "C") && got != table.Need {
			t.Errorf("%s, %s: %d bytes served, %d needed", table.Row, e.Name, got, table.Need)
		}
	}
	if limits == 0 || own == 0 {
		t.Errorf("%s: %d limits, %d ways of fsync", table.Row, limits, own)
	}
}

func wellFormed(t *testing.T, picture string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in %s", err, picture)
		}
	}
}
