//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"fsync/sync/remote/remotetest"
)

// A harness has what all rows share.
type harness struct {
	settings
	self     string // this program
	dir      string // on disk
	mem      string // on tmpfs; dir if there is none
	sshd     *remotetest.SSHD
	sshdErr  error
	streams  bool // fsync has --streams
	report   report
	programs map[string]bool // looked for: is it here?
}

func newHarness(ctx context.Context, s settings) (h *harness, err error) {
	h = &harness{settings: s, programs: make(map[string]bool), report: report{Machine: describe(ctx)}}
	h.report.Scale, h.report.Runs = s.scale, s.runs
	if h.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if h.dir, err = os.MkdirTemp(s.dir, "fsync-bench-"); err != nil {
		return nil, err
	}
	h.mem = h.dir
	if s.shm != "" {
		if h.mem, err = os.MkdirTemp(s.shm, "fsync-bench-"); err != nil {
			h.close()
			return nil, err
		}
	}
	if s.fsync != "" {
		out, err := exec.CommandContext(ctx, s.fsync, "pull", "--help").CombinedOutput()
		if err != nil {
			h.close()
			return nil, fmt.Errorf("%s: %w", s.fsync, err)
		}
		h.streams = strings.Contains(string(out), "--streams")
	}
	fmt.Print(h.report.Machine.markdown())
	return h, nil
}

// close removes what was made. Files on disk stay until here: that files were deleted
// shortly before slows ext4 down.
func (h *harness) close() {
	if h.sshd != nil {
		h.sshd.Close()
	}
	os.RemoveAll(h.mem)
	os.RemoveAll(h.dir)
}

// row measures one row.
func (h *harness) row(ctx context.Context, r row) error {
	b, err := h.newBed(r)
	if err != nil {
		return err
	}
	return errors.Join(r.run(ctx, b), b.close())
}

// server starts sshd when a row first needs it. Without it the rows that do say so.
func (h *harness) server() (*remotetest.SSHD, error) {
	if h.sshd == nil && h.sshdErr == nil {
		dir := filepath.Join(h.dir, "sshd")
		if h.sshdErr = os.Mkdir(dir, 0o700); h.sshdErr == nil {
			h.sshd, h.sshdErr = remotetest.NewSSHD(dir, remotetest.SSHDOptions{AllKeys: true}) // rclone 1.60 asks for ecdsa
		}
		if h.sshdErr != nil {
			h.missing("sshd")
		}
	}
	return h.sshd, h.sshdErr
}

// has says whether a program is installed, and once that it is not.
func (h *harness) has(name string) bool {
	here, known := h.programs[name]
	if !known {
		_, err := exec.LookPath(name)
		here = err == nil
		h.programs[name] = here
		if !here {
			h.missing(name)
		}
	}
	return here
}

func (h *harness) missing(name string) {
	fmt.Printf("\nnot installed, and left out: %s\n", name)
	h.report.Missing = append(h.report.Missing, name)
	slices.Sort(h.report.Missing)
}
