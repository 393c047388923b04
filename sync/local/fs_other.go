//go:build !linux

package local

import (
	"errors"
	"os"
	"time"
)

// filesystem says what the file system below a directory can do: nothing is known here.
type filesystem struct {
	trueHoles, syncfs, reserve, late bool
	precision                        time.Duration
}

func (r *root) filesystem() filesystem { return filesystem{} }

func (r *root) syncAll() error { return errors.ErrUnsupported }

func (filesystem) seekHole(_ *os.File, size int64) int64 { return size }

func reserve(*os.File, int64, int64) error { return nil }

func fdatasync(f *os.File) error { return f.Sync() }

// bootID identifies this boot of the system: unknown here, so data that was not synced
// is never taken for durable.
func bootID() string { return "" }
