package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"strconv"
	"strings"

	"fsync/sync/local"
)

// MaxDelete is how many names a Prune may delete, directories not counted.
type MaxDelete struct {
	N         int64
	Percent   float64 // of the names in scope that are there, rounded up
	IsPercent bool    // Percent holds, not N
}

// ParseMaxDelete reads a number, as in "500", or a percentage from 0% to 100%.
func ParseMaxDelete(text string) (MaxDelete, error) {
	bad := fmt.Errorf("%q is neither a number of files nor a percentage such as 10%%", text)
	number, percent := strings.CutSuffix(text, "%")
	if number == "" || strings.Trim(number, "0123456789.") != "" {
		return MaxDelete{}, bad
	}
	if percent {
		p, err := strconv.ParseFloat(number, 64)
		if err != nil || p > 100 {
			return MaxDelete{}, bad
		}
		return MaxDelete{Percent: p, IsPercent: true}, nil
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return MaxDelete{}, bad
	}
	return MaxDelete{N: n}, nil
}

// String returns what ParseMaxDelete reads.
func (m MaxDelete) String() string {
	if m.IsPercent {
		return strconv.FormatFloat(m.Percent, 'f', -1, 64) + "%"
	}
	return strconv.FormatInt(m.N, 10)
}

// of returns how many of the names present may go. It is rounded up, so that of five files
// one may go at 10 %; but not for what a float64 adds to a product.
func (m MaxDelete) of(present int64) int64 {
	if !m.IsPercent {
		return m.N
	}
	return int64(math.Ceil(m.Percent * float64(present) / 100 * (1 - 1e-12)))
}

// CapError says that there are more extras than may be deleted.
type CapError struct {
	Extras  int64 // names to delete, directories not counted
	Present int64 // names in scope that are there, extras among them
	Max     int64 // how many may be deleted
	Limit   MaxDelete
	Deleted int64 // before more turned up than had been counted; mostly 0
}

// Error says what was found, and what that means for the directory.
func (e *CapError) Error() string {
	limit := strconv.FormatInt(e.Max, 10)
	if e.Limit.IsPercent {
		limit += " (" + e.Limit.String() + ")"
	}
	end := "nothing was deleted"
	if e.Deleted > 0 {
		end = fmt.Sprintf("stopped after %d", e.Deleted)
	}
	return fmt.Sprintf("%d of %d files are in no list, but at most %s may be deleted: %s", e.Extras, e.Present, limit, end)
}

// PruneOptions say how extras are deleted.
type PruneOptions struct {
	Max    MaxDelete
	DryRun bool
	Trash  *local.Trash // takes what is deleted, but directories; nil: it is gone
}

// Pruned is an extra that was deleted, or would be in a dry run.
type Pruned struct {
	Path string
	Dir  bool
	Size int64 // of a file
	Err  error // why it was not deleted; others are all the same
}

// Prune deletes the extras of a directory, as Extras has them. The directory is walked
// twice: all of it is looked at and counted before anything is deleted. Nothing is deleted
// if anything could not be looked at, or if there are more extras than may be deleted
// (*CapError). An error without a Path ends it; that of a name is in Pruned.Err.
//
// What changed between the walks is looked at anew, and no more than the cap is deleted. A
// directory in which something is left is passed over. In a dry run a *CapError comes
// last, after all that would be deleted.
func Prune(ctx context.Context, dir *local.Dir, s Scope, o PruneOptions) iter.Seq2[Pruned, error] {
	return func(yield func(Pruned, error) bool) {
		present, extras, err := countExtras(ctx, dir, s)
		if err != nil {
			yield(Pruned{}, err)
			return
		}
		refused := &CapError{Extras: extras, Present: present, Max: o.Max.of(present), Limit: o.Max}
		over := extras > refused.Max
		if over && !o.DryRun {
			yield(Pruned{}, refused)
			return
		}
		for e, err := range Extras(ctx, dir, s) {
			switch {
			case err != nil:
				yield(Pruned{}, err)
				return
			case !o.DryRun && e.Kind != local.KindDir && refused.Deleted == refused.Max:
				refused.Extras++
				yield(Pruned{}, refused)
				return
			}
			p, done := o.prune(dir, e.Found)
			if !done {
				continue
			}
			if p.Err == nil && !p.Dir {
				refused.Deleted++
			}
			if !yield(p, nil) {
				return
			}
		}
		if over {
			refused.Deleted = 0
			yield(Pruned{}, refused)
		}
	}
}

// prune deletes an extra. It is not done if somebody else did it, or if it is a directory
// that has something in it.
func (o PruneOptions) prune(dir *local.Dir, f local.Found) (p Pruned, done bool) {
	p = Pruned{Path: f.Path, Dir: f.Kind == local.KindDir, Size: f.Size}
	switch {
	case o.DryRun:
	case o.Trash != nil && !p.Dir:
		p.Err = o.Trash.Put(f)
	default:
		p.Err = dir.Remove(f)
	}
	return p, !errors.Is(p.Err, fs.ErrNotExist) && !errors.Is(p.Err, local.ErrNotEmpty)
}

// countExtras counts the names in scope and the extras among them. Directories don't count.
func countExtras(ctx context.Context, dir *local.Dir, s Scope) (present, extras int64, err error) {
	sortNames(ctx, dir, s, func(f local.Found, v standing, walkErr error) bool {
		err = walkErr
		if f.Kind != local.KindDir && v != outside {
			present++
			if v == extra {
				extras++
			}
		}
		return err == nil
	})
	return present, extras, err
}
