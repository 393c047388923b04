//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// kill is what a program left when it was killed.
type kill struct {
	Size   int64    // of the file
	Prefix int64    // how much of it is right, from the start
	Others []string `json:",omitempty"` // other files
	Ended  bool     `json:",omitempty"` // it had ended by itself
}

func (k kill) String() string {
	if k.Ended {
		return "ended by itself"
	}
	text := fmt.Sprintf("%.1f/%.1f MiB", float64(k.Size)/mib, float64(k.Prefix)/mib)
	if len(k.Others) > 0 {
		text += " + " + strings.Join(k.Others, ", ")
	}
	return text
}

// kills adds a table of the kills of each program's first run, if there were any.
func (t table) kills(s *strings.Builder) {
	head := "\nAfter each kill of the first run: size of the file / how much of it is right from the start; and the other files left.\n" +
		"\n| program | kill 1 | kill 2 | kill 3 | size is right in all runs |\n|---|---|---|---|---|\n"
	for _, e := range t.Entries {
		if len(e.Samples) == 0 || len(e.Samples[0].Kills) == 0 {
			continue
		}
		s.WriteString(head)
		head = ""
		fmt.Fprintf(s, "| %s", e.Name)
		for _, k := range e.Samples[0].Kills {
			fmt.Fprintf(s, " | %s", k)
		}
		answer := "yes"
		for _, sample := range e.Samples {
			for _, k := range sample.Kills {
				if k.Size != k.Prefix {
					answer = "**no**"
				}
			}
		}
		fmt.Fprintf(s, " | %s |\n", answer)
	}
}

// killed runs a program four times in one directory. Three times it is killed when 30 % of
// the file were served to it.
func (b *bed) killed(ctx context.Context, t tool, dest string) (s sample, err error) {
	unix.Sync()
	before, err := b.traffic()
	if err != nil {
		return s, err
	}
	for i := range 4 {
		after := b.need * 3 / 10
		if i == 3 {
			after = -1
		}
		ended, err := b.attempt(ctx, t, dest, after, &s)
		if err != nil || i == 3 {
			if err == nil && !ended {
				s.Wrong = "TIMEOUT"
			}
			break
		}
		k, err := b.left(dest)
		if err != nil {
			return s, err
		}
		k.Ended = ended
		s.Kills = append(s.Kills, k)
		if isFsync(t) && k.Size != k.Prefix {
			s.Wrong = fmt.Sprintf("after kill %d: %s", i+1, k)
		}
	}
	now, err2 := b.traffic()
	did := now.since(before)
	s.Served, s.Connections = did.bytes, did.connections
	return s, errors.Join(err, err2, context.Cause(ctx))
}

// attempt runs a program until so many bytes were served to it, or to its end if that is negative.
// It says whether the program ended by itself.
func (b *bed) attempt(ctx context.Context, t tool, dest string, after int64, s *sample) (ended bool, err error) {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	if after >= 0 {
		from := b.delay.Received()
		go func() {
			for ctx.Err() == nil && b.delay.Received()-from < after {
				time.Sleep(time.Millisecond)
			}
			kill()
		}()
	}
	c, stderr, err := b.start(ctx, t, dest)
	if err != nil {
		return false, err
	}
	s.Wall, s.CPU, s.RSS = s.Wall+c.Wall.Seconds(), s.CPU+c.CPU.Seconds(), max(s.RSS, c.RSS)
	if after < 0 && !c.Timeout && c.Exit != 0 {
		s.Wrong = fmt.Sprintf("exit %d: %s", c.Exit, lastLine(stderr))
	}
	return !c.Timeout, nil
}

// left looks at what a killed program left behind.
func (b *bed) left(dest string) (k kill, err error) {
	err = walkFiles(dest, func(rel string) error {
		if rel != bigName {
			k.Others = append(k.Others, rel)
		}
		return nil
	})
	if err != nil {
		return k, err
	}
	fi, err := os.Stat(filepath.Join(dest, bigName))
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	k.Size = fi.Size()
	k.Prefix, err = commonPrefix(filepath.Join(b.src, bigName), filepath.Join(dest, bigName))
	return k, err
}

// commonPrefix returns how many bytes two files have in common from the start.
func commonPrefix(a, b string) (int64, error) {
	f, err := os.Open(a)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	g, err := os.Open(b)
	if err != nil {
		return 0, err
	}
	defer g.Close()
	p, q := make([]byte, mib), make([]byte, mib)
	for same := int64(0); ; {
		n, err := io.ReadFull(f, p)
		if err := atEnd(err); err != nil {
			return same, err
		}
		m, err := io.ReadFull(g, q)
		if err := atEnd(err); err != nil {
			return same, err
		}
		if n, m := p[:min(n, m)], q[:min(n, m)]; !bytes.Equal(n, m) {
			for i := range n {
				if n[i] != m[i] {
					return same + int64(i), nil
				}
			}
		}
		if same += int64(min(n, m)); n < mib || m < mib {
			return same, nil
		}
	}
}
