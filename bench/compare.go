//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// compare says what of dest is not as in the source; "" if nothing. It reads every byte.
func (b *bed) compare(dest string) string { return compareTrees(b.src, dest, sameFile) }

// compareSizes looks at sizes and times only.
func (b *bed) compareSizes(dest string) string { return compareTrees(b.src, dest, sameStat) }

func sameStat(a, b string) error {
	fi, err := os.Stat(a)
	if err != nil {
		return err
	}
	gi, err := os.Stat(b)
	if err != nil {
		return err
	}
	if fi.Size() != gi.Size() || !fi.ModTime().Equal(gi.ModTime()) {
		return errors.New("size or time differs")
	}
	return nil
}

// compareTrees compares file by file: none may be missing, and none be there that is not in
// the source.
func compareTrees(src, dest string, same func(a, b string) error) string {
	var wrong, missing, extra int
	first := ""
	note := func(n *int, name string, err error) {
		*n++
		if first == "" {
			first = fmt.Sprintf(" (%s: %v)", name, err)
		}
	}
	err := walkFiles(src, func(rel string) error {
		switch err := same(filepath.Join(src, rel), filepath.Join(dest, rel)); {
		case errors.Is(err, fs.ErrNotExist):
			note(&missing, rel, err)
		case err != nil:
			note(&wrong, rel, err)
		}
		return nil
	})
	if err == nil {
		err = walkFiles(dest, func(rel string) error {
			if _, err := os.Lstat(filepath.Join(src, rel)); err != nil {
				note(&extra, rel, errors.New("not in the source"))
			}
			return nil
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

func walkFiles(dir string, visit func(rel string) error) error {
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		return visit(rel)
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
