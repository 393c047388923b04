//go:build linux

// Command sftp compares fsync with other clients of SFTP, side by side on one machine and
// one OpenSSH server, which it starts itself on 127.0.0.1:
//
//	go build -o /tmp/fsync ./cmd/fsync && go run ./bench/sftp -fsync /tmp/fsync
//
// The programs take turns (A B C, A B C, …), so what else the machine does is spread
// over all of them, and after every run every byte is compared with the source. A row
// marked "limit" is not a peer: it is what the machine allows.
//
// CPU and memory are those of the program and of all processes that it started (an ssh,
// for one), not of the server. The least memory that shows is some 6 MiB, that of the
// process which measures.
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

	"fsync/sync/remote/remotetest"
)

// settings are what the command line says.
type settings struct {
	fsync, dir, shm string
	rows            []string
	only            *regexp.Regexp
	runs, jobs      int
	timeout         time.Duration

	big, delay int64 // bytes
	files      int
	rtt        time.Duration
	rate       int64
}

const mib = 1 << 20

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] { // what this program starts itself as
		case "measure":
			os.Exit(measureMain(os.Args[2:]))
		case "window":
			os.Exit(windowMain(os.Args[2:]))
		}
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/sftp:", err)
		os.Exit(1)
	}
}

func run() error {
	var s settings
	rows := flag.String("rows", "big,delay,small,noop", "what to measure")
	only := flag.String("only", "", "only programs whose name matches this `regexp`")
	big := flag.Int64("big", 2048, "`MiB` of the file of row big")
	delay := flag.Int64("delay", 256, "`MiB` of the file of row delay")
	flag.StringVar(&s.fsync, "fsync", "", "the fsync program; without it only the others run")
	flag.StringVar(&s.dir, "dir", "", "where files go; a directory of its own is made there (default the system's temporary one)")
	flag.StringVar(&s.shm, "shm", "/dev/shm", "where the files of big and delay go if there is room, \"\" for -dir")
	flag.IntVar(&s.runs, "runs", 5, "how often each program runs")
	flag.IntVar(&s.jobs, "j", 16, "how many files at a time, for those who have a choice")
	flag.IntVar(&s.files, "files", 10_000, "how many files the rows small and noop have")
	flag.DurationVar(&s.rtt, "rtt", 60*time.Millisecond, "round trip of row delay")
	flag.Int64Var(&s.rate, "rate", 0, "bytes a second of a connection in row delay; 0 for no limit")
	flag.DurationVar(&s.timeout, "timeout", 5*time.Minute, "longest time of one run")
	flag.Parse()
	if flag.NArg() > 0 || s.runs < 1 || s.files < 1 {
		return errors.New("flags only; -runs and -files at least 1 (-h shows them)")
	}
	s.rows, s.big, s.delay = strings.Split(*rows, ","), *big*mib, *delay*mib
	var err error
	if s.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	if s.fsync != "" {
		if s.fsync, err = filepath.Abs(s.fsync); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return bench(ctx, s)
}

// bench starts the server and measures row by row.
func bench(ctx context.Context, s settings) error {
	dir, err := os.MkdirTemp(s.dir, "fsync-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sshd, err := remotetest.NewSSHD(dir, remotetest.SSHDOptions{AllKeys: true}) // rclone 1.60 asks for ecdsa
	if err != nil {
		return err
	}
	defer sshd.Close()
	printHead(ctx)
	rows := map[string]func(context.Context, *bed) error{"big": rowBig, "delay": rowDelay, "small": rowSmall, "noop": rowNoop}
	for _, name := range s.rows {
		row, ok := rows[name]
		if !ok {
			return fmt.Errorf("no such row: %q", name)
		}
		b, err := newBed(s, sshd, dir, name)
		if err != nil {
			return err
		}
		if err := errors.Join(row(ctx, b), b.close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return context.Cause(ctx)
}
