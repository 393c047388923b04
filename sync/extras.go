package sync

import (
	"context"
	"iter"
	"path"
	"strings"

	"fsync/listing"
	"fsync/sync/local"
)

// Scope says what in a directory belongs to a list. Only Paths must be set. Its functions
// are called by the goroutine that walks.
type Scope struct {
	// Paths are those of the lists, as *listing.Paths.
	Paths interface {
		File(path string) listing.Match
		Dir(path string) bool
	}
	Keep   func(path string) bool // whether a path is in scope, as listing.Filter.Keep; nil: all are
	Prunes func(dir string) bool  // whether nothing below is, as listing.Filter.Prunes; nil: never
	Spare  func(path string) bool // what is the user's all the same: a list file; nil: nothing
	Backup bool                   // NAME~ of an entry's NAME belongs to the list
}

// Extra is a name in a directory that is in no list.
type Extra struct{ local.Found }

// Extras yields what is in the directory and in no list, what is in a directory before the
// directory. That is:
//
//   - a file in scope that no entry names, or a symbolic link, FIFO, socket or device;
//   - a directory in scope without an entry below it, in which nothing else is left. One
//     out of scope counts only if it held an extra, so that no empty directory stays.
//
// Staged copies are not extras while their entry is in the list or out of scope: a later
// run may go on with them. A name that is an entry's but for its case is the entry's file
// where case does not matter; so it is an extra only if the entry's own name is beside it.
//
// An error tells what could not be looked at, in the Path of its Extra. Nothing there is
// an extra, but it makes the extras incomplete, so no deletion may follow. The error of
// ctx ends them.
func Extras(ctx context.Context, dir *local.Dir, s Scope) iter.Seq2[Extra, error] {
	return func(yield func(Extra, error) bool) {
		sortNames(ctx, dir, s, func(f local.Found, v standing, err error) bool {
			return v != extra && err == nil || yield(Extra{f}, err)
		})
	}
}

// standing is what a name in the directory is to the list.
type standing int

const (
	outside standing = iota // out of scope, or not looked at
	listed                  // in scope, and the list's
	extra                   // in scope, and in no list
	unsure                  // the other names in its directory decide
)

// names walks a directory and tells the standing of each name. It is for one walk.
type names struct {
	ctx context.Context
	dir *local.Dir
	Scope
	yield  func(local.Found, standing, error) bool
	levels []level
}

// level is what is known of the directory under way whose names have one depth. The walk
// goes through a directory before its neighbours, so there is one for each depth.
type level struct {
	kept   bool // something in it is no extra
	lost   bool // something in it is an extra
	unsure []local.Found
}

// sortNames tells the standing of each name in a directory. yield returns false to end it.
func sortNames(ctx context.Context, dir *local.Dir, s Scope, yield func(local.Found, standing, error) bool) {
	n := &names{ctx: ctx, dir: dir, Scope: s, yield: yield}
	skip := func(p string) bool { return s.Prunes != nil && s.Prunes(p) || n.spare(p) }
	for f, err := range dir.Tree(ctx, skip) {
		if !n.add(f, err) {
			return
		}
	}
	if ctx.Err() == nil {
		n.settle("", n.level(0))
	}
}

func (n *names) spare(path string) bool { return n.Spare != nil && n.Spare(path) }
func (n *names) keep(path string) bool  { return n.Keep == nil || n.Keep(path) }

func (n *names) level(depth int) *level {
	for len(n.levels) <= depth {
		n.levels = append(n.levels, level{})
	}
	return &n.levels[depth]
}

// add takes what the walk found.
func (n *names) add(f local.Found, err error) bool {
	depth := strings.Count(f.Path, "/")
	if err != nil {
		*n.level(depth + 1) = level{}
		n.level(depth).kept = true
		return n.yield(f, outside, err)
	}
	if f.Kind == local.KindDir {
		in := n.level(depth + 1)
		if !n.settle(f.Path, in) {
			return false
		}
		v := n.ofDir(f, *in)
		*in = level{}
		return n.take(n.level(depth), f, v)
	}
	v := n.of(f.Path)
	if v == unsure {
		l := n.level(depth)
		l.unsure = append(l.unsure, f)
		return true
	}
	return n.take(n.level(depth), f, v)
}

func (n *names) take(in *level, f local.Found, v standing) bool {
	if v == extra {
		in.lost = true
	} else {
		in.kept = true
	}
	return n.yield(f, v, nil)
}

// ofDir tells that of a directory from that of its content.
func (n *names) ofDir(f local.Found, in level) standing {
	switch {
	case f.Elsewhere || f.Skipped || n.spare(f.Path):
		return outside
	case in.kept || n.Paths.Dir(f.Path) || n.Paths.File(f.Path) != listing.NoMatch:
		return listed
	case in.lost || n.keep(f.Path):
		return extra
	}
	return outside
}

// of tells that of a path that is no directory.
func (n *names) of(p string) standing {
	if !n.keep(p) || n.spare(p) {
		return outside
	}
	switch n.Paths.File(p) {
	case listing.FullMatch:
		return listed
	case listing.CaseMatch:
		return unsure
	}
	dir, name := path.Split(p)
	if backup, ok := strings.CutSuffix(name, "~"); ok && n.Backup && n.belongs(dir+backup) {
		return listed
	}
	if !local.IsStageName(name) {
		return extra
	}
	staged := name[len(".") : len(name)-len(".fsync")]
	switch {
	case n.belongs(dir + staged):
		return listed
	case len(staged) == 32 && strings.Trim(staged, "0123456789abcdef") == "":
		return unsure // it may be the hash of a long name
	}
	return extra
}

// belongs says that what lies beside a path for its sake is not an extra.
func (n *names) belongs(path string) bool {
	return n.Paths.File(path) != listing.NoMatch || !n.keep(path)
}
