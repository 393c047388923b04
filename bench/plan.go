//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A plan is how the tools of a table are measured.
type plan struct {
	title string
	notes []string
	tools []tool
	need  int64 // bytes that have to come

	keep  bool                                                // a tool has one directory, and its first run is not measured
	drop  bool                                                // a directory is deleted after its run also on disk: large files
	there string                                              // with keep: the directory of all, if they share one
	seed  func(dest string) error                             // makes what is there before: before each run, or once with keep
	same  func(dest string) string                            // says what is wrong, "" if nothing; nil compares every byte
	run   func(context.Context, tool, string) (sample, error) // one run; nil for sample
}

// measure lets the programs take turns, each time in a new directory.
func (b *bed) measure(ctx context.Context, p plan) error {
	if p.same == nil {
		p.same = b.compare
	}
	p.tools = b.installed(p.tools)
	t := table{Row: b.row.id, Title: p.title, Need: p.need, Counted: b.counted, Notes: p.notes}
	for _, tool := range p.tools {
		t.Entries = append(t.Entries, entry{Name: tool.name, Limit: tool.limit, Fsync: isFsync(tool), Class: tool.class, Unseen: tool.unseen})
	}
	first := 0
	if p.keep {
		first = -1
	}
	for i := first; i < b.runs; i++ {
		for j, tool := range p.tools {
			s, err := b.turn(ctx, p, tool, j, i)
			if err != nil {
				return fmt.Errorf("%s: %w", tool.name, err)
			}
			fmt.Fprintf(os.Stderr, "%-8s %2d %-44s %8.3f s  %s\n", b.row.id, i+1, tool.name, s.Wall, s.Wrong)
			if i >= 0 {
				t.Entries[j].Samples = append(t.Entries[j].Samples, s)
			}
		}
	}
	b.report.Tables = append(b.report.Tables, t)
	fmt.Print(t.markdown())
	return nil
}

// turn is one run of one tool: what is there before, the run, and a look at what it made.
func (b *bed) turn(ctx context.Context, p plan, t tool, j, i int) (s sample, err error) {
	dest, err := b.prepare(p, t, j, i)
	if err != nil {
		return s, err
	}
	run := p.run
	if run == nil {
		run = b.sample
	}
	if s, err = run(ctx, t, dest); err != nil {
		return s, err
	}
	if s.Wrong == "" && !t.unseen {
		s.Wrong = p.same(dest)
	}
	if p.drop || b.dest != b.dir && !(p.keep && t.prepare == nil) {
		err = os.RemoveAll(dest)
	}
	return s, err
}

// prepare returns the directory of a run, with what is there before.
func (b *bed) prepare(p plan, t tool, j, i int) (dest string, err error) {
	if p.there != "" {
		return p.there, nil
	}
	dest = filepath.Join(b.dest, fmt.Sprintf("dest-%d-%d", j, i))
	if p.keep && t.prepare == nil {
		dest = filepath.Join(b.dest, fmt.Sprintf("dest-%d", j))
		if _, err := os.Lstat(dest); err == nil {
			return dest, nil
		}
	}
	if err := os.MkdirAll(dest, 0o700); err != nil {
		return "", err
	}
	seed := p.seed
	if t.prepare != nil {
		seed = t.prepare
	}
	if seed == nil || t.own {
		return dest, nil
	}
	return dest, seed(dest)
}

// sample runs a program once, from start to end.
func (b *bed) sample(ctx context.Context, t tool, dest string) (s sample, err error) {
	unix.Sync() // what others wrote is not to be written now
	before, err := b.traffic()
	if err != nil {
		return s, err
	}
	c, stderr, err := b.start(ctx, t, dest)
	if err := cmp.Or(err, context.Cause(ctx)); err != nil {
		return s, err
	}
	after, err := b.traffic()
	did := after.since(before)
	s = sample{Wall: c.Wall.Seconds(), CPU: c.CPU.Seconds(), RSS: c.RSS, Served: did.bytes, Connections: did.connections}
	switch {
	case c.Timeout:
		s.Wrong = "TIMEOUT"
	case c.Exit != 0:
		s.Wrong = fmt.Sprintf("exit %d: %s", c.Exit, lastLine(stderr))
	}
	return s, err
}

// home returns a directory for what a program keeps of its own.
func (b *bed) home(t tool) (string, error) {
	home := filepath.Join(b.dir, "home", strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' {
			return '-'
		}
		return r
	}, t.name))
	return home, os.MkdirAll(filepath.Join(home, ".ssh"), 0o700)
}

// environ is what programs see: nothing of who runs the harness.
func environ(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8"}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	last := lines[len(lines)-1]
	return last[:min(len(last), 120)]
}
