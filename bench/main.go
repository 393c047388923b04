//go:build linux

// Command bench compares fsync with other programs that fetch files, side by side on one
// machine, with servers of its own on 127.0.0.1: nginx, and OpenSSH's sshd.
//
//	go build -o fsync ./cmd/fsync && go run ./bench -fsync ./fsync -rows A,B,C -scale 0.02 -runs 1
//
// The programs take turns (A B C, A B C, …), so what else the machine does is spread over
// all of them, and after every run every byte is compared with the source. An entry marked
// "limit" is not a peer: it is what the machine allows, by a program that does no more than
// the work (raw.go). A program that is not installed is named and left out.
//
// CPU and memory are those of the program and of all processes that it started (an ssh,
// for one), not of the servers. The least memory that shows is some 6 MiB, that of the
// process which measures. docs/speed.md says what each row does and how it is read.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// settings are what the command line says.
type settings struct {
	fsync, dir, shm string
	json, md, svg   string // files to write
	rows            []row
	only            *regexp.Regexp
	runs, jobs      int
	scale           float64
	timeout         time.Duration
	rtt             time.Duration
	rate            int64
}

const (
	mib = 1 << 20
	gib = 1 << 30
)

func main() { os.Exit(dispatch(os.Args[1:])) }

// dispatch runs what this program starts itself as, or the rows.
func dispatch(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "measure":
			return measureMain(args[1:])
		case "raw":
			return rawMain(args[1:])
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 2
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "render":
			return render(args[1:])
		case "scale":
			return scaleMain(ctx, args[1:])
		}
	}
	s, err := parse(args)
	if err != nil {
		return err
	}
	h, err := newHarness(ctx, s)
	if err != nil {
		return err
	}
	defer h.close()
	for _, r := range s.rows {
		if err := h.row(ctx, r); err != nil {
			return fmt.Errorf("row %s: %w", r.id, err)
		}
		// What is measured is kept, should a later row fail.
		if err := h.report.write(s.json, s.md, s.svg); err != nil {
			return err
		}
	}
	if failed := h.report.failed(); len(failed) > 0 {
		return fmt.Errorf("fsync was wrong in %s", strings.Join(failed, ", "))
	}
	return context.Cause(ctx)
}

func parse(args []string) (s settings, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	rows := f.String("rows", "A100k,B,C,D,E,F,G,H,I,J", "what to measure: rows by `name`, or a letter for all that begin with it\n"+rowHelp())
	only := f.String("only", "", "only programs whose name matches this `regexp`, and the limits")
	f.StringVar(&s.fsync, "fsync", "", "the fsync program; without it only the others run")
	f.StringVar(&s.dir, "dir", "", "where files on disk go; a directory of its own is made there (default the system's temporary one)")
	f.StringVar(&s.shm, "shm", "/dev/shm", "a tmpfs, used while there is room; \"\" for -dir")
	f.StringVar(&s.json, "json", "", "write the measurements to this `file`, too")
	f.StringVar(&s.md, "md", "", "write the tables to this `file`, too")
	f.StringVar(&s.svg, "svg", "", "draw them to this `file`")
	f.IntVar(&s.runs, "runs", 5, "how often each program runs")
	f.IntVar(&s.jobs, "j", 16, "how many files at a time, for those who have a choice")
	f.Float64Var(&s.scale, "scale", 1, "multiplies numbers of files and sizes")
	f.DurationVar(&s.rtt, "rtt", 60*time.Millisecond, "round trip of the rows from far away")
	f.Int64Var(&s.rate, "rate", 6_250_000, "bytes a second of a connection in rows F1 and F2; 0 for no limit")
	f.DurationVar(&s.timeout, "timeout", 5*time.Minute, "longest time of one run")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 || s.runs < 1 || s.jobs < 1 || s.scale <= 0 {
		return s, errors.New("flags only; -runs, -j and -scale above 0 (-h shows them)")
	}
	if s.rows, err = selectRows(*rows); err != nil {
		return s, err
	}
	if s.only, err = regexp.Compile(*only); err != nil {
		return s, err
	}
	if s.fsync != "" {
		s.fsync, err = filepath.Abs(s.fsync)
	}
	return s, err
}

// files is a number of files at this scale.
func (s settings) files(n int) int { return max(int(float64(n)*s.scale), 20) }

// bytes is a size at this scale.
func (s settings) bytes(n int64) int64 { return max(int64(float64(n)*s.scale), 256<<10) }
