//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fsync/sync/remote/remotetest"
)

// bigName is the file of the rows that have one.
const bigName = "big.bin"

// makeBig makes the source of a row of one file.
func (b *bed) makeBig(size int64) error {
	if err := os.MkdirAll(b.src, 0o700); err != nil {
		return err
	}
	if err := makeFile(filepath.Join(b.src, bigName), 1, size); err != nil {
		return err
	}
	b.need, b.count = size, 1
	return write(map[string]string{b.list: bigName + "\n"})
}

// fileName is the path of a small file: a hundred are in a directory.
func fileName(i int) string { return fmt.Sprintf("d%03d/f%06d", i/100, i) }

// makeTree makes many files, each of the size that is said.
func (b *bed) makeTree(n int, size func(i int) int64) error {
	var list strings.Builder
	b.need, b.count = 0, n
	for i := range n {
		fmt.Fprintln(&list, fileName(i))
		name := filepath.Join(b.src, fileName(i))
		if i%100 == 0 {
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				return err
			}
		}
		if err := makeFile(name, uint64(i), size(i)); err != nil {
			return err
		}
		b.need += size(i)
	}
	return write(map[string]string{b.list: list.String()})
}

func sized(size int64) func(int) int64 { return func(int) int64 { return size } }

func makeFile(name string, seed uint64, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{remotetest.Reader(seed, size)}, make([]byte, max(1, min(size, mib))))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	then := time.Now().Add(-time.Hour).Truncate(time.Second) // as of a file that is at rest
	return os.Chtimes(name, then, then)
}

// room returns how many bytes a tmpfs can take: it has no more than there is memory.
func room(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0
	}
	have := int64(st.Bavail) * int64(st.Bsize)
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return have
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib int64
		if n, _ := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kib); n == 1 {
			return min(have, kib<<10)
		}
	}
	return have
}

// copyTree copies a directory, with the times of its files if wanted.
func copyTree(from, to string, times bool) error {
	made := make(map[string]bool)
	return walkFiles(from, func(rel string) error {
		name := filepath.Join(to, rel)
		if dir := filepath.Dir(name); !made[dir] {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			made[dir] = true
		}
		return copyHead(filepath.Join(from, rel), name, -1, times)
	})
}

// copyHead copies a file, or the first n bytes of it.
func copyHead(from, to string, n int64, times bool) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if n < 0 {
		n = fi.Size()
	}
	g, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.CopyN(g, f, n)
	if err := errors.Join(err, g.Close()); err != nil || !times {
		return err
	}
	return os.Chtimes(to, fi.ModTime(), fi.ModTime())
}
