package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"unicode/utf8"

	"fsync/sync"
	"fsync/sync/local"
)

// deleteFlags say what becomes of files that no list names.
type deleteFlags struct {
	Delete    bool   `help:"When every entry is complete, delete the files in the directory that no list names."`
	MaxDelete string `default:"10%" placeholder:"N|P%" help:"Delete nothing (exit 4) if it were more than this: a number, or a share of the files there (${default})."`
	Trash     string `placeholder:"DIR" help:"Move them there instead of deleting them; on the same file system."`
}

// defaultMaxDelete is the share of the files that a list may lose without anybody asking.
const defaultMaxDelete = "10%"

func (f deleteFlags) check(dir string) error {
	if _, err := sync.ParseMaxDelete(f.MaxDelete); err != nil {
		return usagef("--max-delete: %w", err)
	}
	switch {
	case f.Trash != "" && !f.Delete:
		return usagef("--trash goes with --delete")
	case f.MaxDelete != defaultMaxDelete && !f.Delete:
		return usagef("--max-delete goes with --delete")
	case f.Delete && dir == "":
		return usagef("--delete wants --dir: it deletes what is there and in no list")
	}
	return nil
}

// openTrash opens the trash before anything is pulled: one that cannot be used is told at
// once. It is nil if there is none.
func (c *pullCmd) openTrash(dir *local.Dir) (*local.Trash, error) {
	if c.Trash == "" || c.DryRun {
		return nil, nil
	}
	trash, err := dir.OpenTrash(c.Trash)
	if err != nil {
		return nil, usagef("--trash: %w", err)
	}
	return trash, nil
}

// prune deletes what no list names, after a pull that left nothing to do.
func (c *pullCmd) prune(ctx context.Context, s *streams, dir *local.Dir, trash *local.Trash, ls *lists, rep *report) error {
	switch {
	case ctx.Err() != nil:
		cause := context.Cause(ctx)
		fmt.Fprintf(s.err, "fsync: nothing is deleted: %v\n", cause)
		return &exitError{code: stopCode(cause)} // all may be complete but this
	case !rep.complete(ctx) || rep.left() > 0:
		fmt.Fprintln(s.err, "fsync: nothing is deleted: not every entry is complete")
		return nil
	}
	if _, err := os.Stat(c.Dir); c.DryRun && errors.Is(err, fs.ErrNotExist) {
		return nil // see emptyDir
	}
	limit, err := sync.ParseMaxDelete(c.MaxDelete)
	if err != nil {
		return usagef("--max-delete: %w", err)
	}
	o := sync.PruneOptions{Max: limit, DryRun: c.DryRun, Trash: trash}
	scope := ls.scope(c.Dir, c.Lists, c.Trash)
	scope.Backup = c.Backup
	own := scope.Spare
	scope.Spare = func(path string) bool {
		return own(path) || ls.skipped(path) || runtime.GOOS == "darwin" && !isASCII(path)
	}
	for pruned, err := range sync.Prune(ctx, dir, scope, o) {
		if err != nil {
			return pruneError(ctx, err, rep)
		}
		rep.prune(pruned)
	}
	return nil
}

func pruneError(ctx context.Context, err error, rep *report) error {
	if capped, ok := errors.AsType[*sync.CapError](err); ok {
		return (&exitError{code: exitGuard, err: capped}).withHint("look at them with -n --max-delete 100%%; --max-delete N allows as many")
	}
	if ctx.Err() != nil {
		return &exitError{code: stopCode(context.Cause(ctx)), err: fmt.Errorf("stopped while it deleted: %w", context.Cause(ctx))}
	}
	nothing := "nothing"
	if rep.deleted+rep.trashed > 0 {
		nothing = "nothing more"
	}
	e := &exitError{code: exitFailed, err: fmt.Errorf("%s is deleted: %w", nothing, err)}
	if errors.Is(err, fs.ErrPermission) {
		return e.withHint("--exclude /DIR/ leaves a directory out that cannot be read")
	}
	return e
}

// isASCII says that a name is written in one way only. On macOS a listed file may have its
// name in another Unicode normalisation, and would look like an extra one.
func isASCII(name string) bool {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
