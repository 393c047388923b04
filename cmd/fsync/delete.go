package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

func (f deleteFlags) check() error {
	if _, err := sync.ParseMaxDelete(f.MaxDelete); err != nil {
		return usagef("--max-delete: %w", err)
	}
	if f.Trash != "" && !f.Delete {
		return usagef("--trash goes with --delete")
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
	if !rep.complete(ctx) {
		fmt.Fprintln(s.err, "fsync: nothing is deleted: not every entry is complete")
		return nil
	}
	limit, err := sync.ParseMaxDelete(c.MaxDelete)
	if err != nil {
		return usagef("--max-delete: %w", err)
	}
	o := sync.PruneOptions{Max: limit, DryRun: c.DryRun, Trash: trash}
	spared := c.spared()
	scope := sync.Scope{Paths: ls.paths, Backup: c.Backup, Spare: func(path string) bool {
		return spared[path] || runtime.GOOS == "darwin" && !isASCII(path)
	}}
	if ls.filter != nil {
		scope.Keep, scope.Prunes = ls.filter.Keep, ls.filter.Prunes
	}
	for pruned, err := range sync.Prune(ctx, dir, scope, o) {
		if err != nil {
			return pruneError(ctx, err)
		}
		rep.prune(pruned)
	}
	return nil
}

func pruneError(ctx context.Context, err error) error {
	if capped, ok := errors.AsType[*sync.CapError](err); ok {
		return (&exitError{code: exitGuard, err: capped}).withHint("look at them with -n --max-delete 100%%; --max-delete N allows as many")
	}
	if ctx.Err() != nil {
		return &exitError{code: stopCode(context.Cause(ctx)), err: fmt.Errorf("stopped while it deleted: %w", context.Cause(ctx))}
	}
	return &exitError{code: exitFailed, err: fmt.Errorf("nothing more is deleted: %w", err)}
}

// spared are the paths in the directory that belong to the run itself: lists that lie
// there, and the trash.
func (c *pullCmd) spared() map[string]bool {
	spared := map[string]bool{}
	for _, name := range append([]string{c.Trash}, c.Lists...) {
		if path, ok := within(c.Dir, name); ok {
			spared[path] = true
		}
	}
	return spared
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

// within returns the path of a local file relative to a directory that it lies in.
func within(dir, name string) (string, bool) {
	if name == "" || name == "-" {
		return "", false
	}
	dir, errDir := realPath(dir)
	name, errName := realPath(name)
	if errDir != nil || errName != nil {
		return "", false
	}
	rel, err := filepath.Rel(dir, name)
	return filepath.ToSlash(rel), err == nil && rel != "." && filepath.IsLocal(rel)
}

// realPath resolves symbolic links; the last element need not be there.
func realPath(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
	return filepath.Join(parent, filepath.Base(abs)), err
}
