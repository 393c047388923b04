//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// rawMain runs the programs that do a row's work and nothing else: no check, no answer to
// any fault. They show what the machine allows.
func rawMain(args []string) int {
	commands := map[string]func(args []string) error{
		"statx":  rawStatx,
		"many":   rawMany,
		"stream": rawStream,
		"ranges": rawRanges,
		"window": rawWindow,
		"sftp":   rawSFTP,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprintln(os.Stderr, "raw: no such command")
		return 2
	}
	if err := commands[args[0]](args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "raw %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

// rawStatx looks at each file of a list, on a number of threads: DIR LIST THREADS WHAT. With
// "stamp" it reads the attribute, too, that says how fsync left the file.
func rawStatx(args []string) error {
	names, err := readLines(args[1])
	if err != nil {
		return err
	}
	dir, stamp := args[0]+"/", args[3] == "stamp"
	var wg sync.WaitGroup
	errs := make([]error, atoi(args[2]))
	part := (len(names) + len(errs) - 1) / len(errs)
	for i := range errs {
		mine := names[min(i*part, len(names)):min((i+1)*part, len(names))]
		wg.Go(func() {
			runtime.LockOSThread()
			var st unix.Statx_t
			value := make([]byte, 256)
			for _, name := range mine {
				if err := unix.Statx(unix.AT_FDCWD, dir+name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, &st); err != nil {
					errs[i] = fmt.Errorf("%s: %w", name, err)
				}
				if !stamp {
					continue
				}
				if _, err := unix.Lgetxattr(dir+name, "user.fsync.version", value); err != nil && err != unix.ENODATA && err != unix.ENOTSUP {
					errs[i] = fmt.Errorf("%s: %w", name, err)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// readLines returns the lines of a file, of one with TABs what is before the first.
func readLines(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	s := bufio.NewScanner(f)
	for s.Scan() {
		line, _, _ := strings.Cut(s.Text(), "\t")
		lines = append(lines, line)
	}
	return lines, s.Err()
}

func makeDirs(dest string, names []string) error {
	made := make(map[string]bool)
	for _, name := range names {
		if dir := filepath.Dir(name); !made[dir] {
			if err := os.MkdirAll(filepath.Join(dest, dir), 0o700); err != nil {
				return err
			}
			made[dir] = true
		}
	}
	return nil
}

// forEach hands the names out to n workers. Each makes what it works with first.
func forEach(n int, names []string, worker func() (func(name string) error, error)) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			work, err := worker()
			for err == nil {
				at := int(next.Add(1)) - 1
				if at >= len(names) {
					return
				}
				err = work(names[at])
			}
			errs[i] = err
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// atoi reads a number that this program itself wrote.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}
