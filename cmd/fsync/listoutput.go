package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// listOutput is where a list goes.
type listOutput struct {
	name string      // of a file that is replaced; "": none is
	self os.FileInfo // of the regular file that is written, if it is there already
	w    io.Writer   // what is written in place, as standard output
}

// newListOutput looks at what is to be written. A file that cannot be is found before hours
// are spent on its list.
func newListOutput(name string, stdout io.Writer) (*listOutput, error) {
	if name == "" || name == "-" {
		o := &listOutput{w: stdout}
		if f, ok := stdout.(*os.File); ok {
			if fi, err := f.Stat(); err == nil && fi.Mode().IsRegular() {
				o.self = fi
			}
		}
		return o, nil
	}
	if target, err := filepath.EvalSymlinks(name); err == nil { // a link stays one
		name = target
	}
	fi, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fi = nil
		if dir, err := os.Stat(filepath.Dir(name)); err != nil || !dir.IsDir() {
			return nil, usagef("--output: there is no directory %s", filepath.Dir(name))
		}
	case err != nil:
		return nil, usagef("--output: %w", err)
	case fi.IsDir():
		return nil, usagef("--output: %s is a directory", name)
	case !fi.Mode().IsRegular():
		f, err := os.OpenFile(name, os.O_WRONLY, 0) // a FIFO, /dev/null
		if err != nil {
			return nil, usagef("--output: %w", err)
		}
		return &listOutput{w: f}, nil
	}
	return &listOutput{name: name, self: fi}, nil
}

// write has f write the list. If f fails, nothing is written.
func (o *listOutput) write(f func(io.Writer) error) error {
	if o.name != "" {
		return o.replace(f)
	}
	spool, err := unnamed()
	if err != nil {
		return noPlace(err)
	}
	defer spool.Close()
	if err := f(spool); err != nil {
		return err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(o.w, bufio.NewReaderSize(spool, 1<<20)); err != nil {
		return fmt.Errorf("the list could not be written: %w", err)
	}
	return nil
}

// replace writes a file beside the other one and renames it over that.
func (o *listOutput) replace(f func(io.Writer) error) (err error) {
	file, err := o.beside()
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
		}
	}()
	if err := f(file); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if err := os.Rename(file.Name(), o.name); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if dir, err := os.Open(filepath.Dir(o.name)); err == nil {
		_ = dir.Sync() // some file systems cannot
		dir.Close()
	}
	return nil
}

// beside makes a file in the same directory, with the mode of the one that it replaces,
// else as the umask has it. Its name is one that no list holds.
func (o *listOutput) beside() (*os.File, error) {
	for {
		name := filepath.Join(filepath.Dir(o.name), fmt.Sprintf(".%08x.fsync", rand.Uint32()))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil && o.self != nil {
			err = f.Chmod(o.self.Mode().Perm())
			if err != nil {
				f.Close()
				os.Remove(name)
			}
		}
		return f, err
	}
}

// unnamed makes a temporary file that is gone with the process.
func unnamed() (*os.File, error) {
	f, err := os.CreateTemp("", "fsync-list-")
	if err == nil {
		_ = os.Remove(f.Name()) // Windows keeps it until it is closed
	}
	return f, err
}
