//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fsync/sync/remote/remotetest"
)

// bigName is the file of the rows that have one.
const bigName = "big.bin"

// makeFile makes the source of a row of one file.
func (b *bed) makeFile(size int64) error {
	if err := os.Mkdir(b.src, 0o700); err != nil {
		return err
	}
	if err := makeFile(filepath.Join(b.src, bigName), 1, size); err != nil {
		return err
	}
	return b.write(map[string]string{b.list: bigName + "\n"})
}

// makeTree makes many files of 4 KiB in directories of a hundred.
func (b *bed) makeTree() error {
	var list strings.Builder
	for i := range b.files {
		name := fmt.Sprintf("d%03d/f%06d", i/100, i)
		fmt.Fprintln(&list, name)
		name = filepath.Join(b.src, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := makeFile(name, uint64(i), 4096); err != nil {
			return err
		}
	}
	return b.write(map[string]string{b.list: list.String()})
}

func makeFile(name string, seed uint64, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{remotetest.Reader(seed, size)}, make([]byte, min(size, mib)))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	then := time.Now().Add(-time.Hour).Truncate(time.Second) // as of a file that is at rest
	return os.Chtimes(name, then, then)
}

// compare says what of dest is not as in the source; "" if nothing.
func (b *bed) compare(dest string) string {
	var wrong, missing, extra int
	first := ""
	note := func(n *int, name string, err error) {
		*n++
		if first == "" {
			first = fmt.Sprintf(" (%s: %v)", name, err)
		}
	}
	err := walkFiles(b.src, func(rel string) {
		switch err := sameFile(filepath.Join(b.src, rel), filepath.Join(dest, rel)); {
		case errors.Is(err, fs.ErrNotExist):
			note(&missing, rel, err)
		case err != nil:
			note(&wrong, rel, err)
		}
	})
	if err == nil {
		err = walkFiles(dest, func(rel string) {
			if _, err := os.Lstat(filepath.Join(b.src, rel)); err != nil {
				note(&extra, rel, errors.New("not in the source"))
			}
		})
	}
	switch {
	case err != nil:
		return "WRONG: " + err.Error()
	case wrong+missing+extra > 0:
		return fmt.Sprintf("WRONG: %d missing, %d wrong, %d extra%s", missing, wrong, extra, first)
	}
	return ""
}

func walkFiles(dir string, visit func(rel string)) error {
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err == nil {
			visit(rel)
		}
		return err
	})
}

// sameFile compares two files byte by byte.
func sameFile(a, b string) error {
	f, err := os.Open(a)
	if err != nil {
		return err
	}
	defer f.Close()
	g, err := os.Open(b)
	if err != nil {
		return err
	}
	defer g.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	p, q := make([]byte, min(fi.Size(), mib)+1), make([]byte, min(fi.Size(), mib)+1)
	for off := 0; ; {
		n, err := io.ReadFull(f, p)
		m, err2 := io.ReadFull(g, q)
		if !bytes.Equal(p[:n], q[:m]) {
			return fmt.Errorf("content differs, from byte %d on or after", off)
		}
		if off += n; err != nil || err2 != nil {
			return atEnd(err)
		}
	}
}

func atEnd(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
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
