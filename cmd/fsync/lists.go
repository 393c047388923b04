package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"fsync/listing"
	"fsync/sync/remote"
)

// listFlags say how lists are read; pull, list and check share them.
type listFlags struct {
	Base          string `placeholder:"URL" help:"Where the list's relative entries lie: a URL, [user@]host:path, or a local directory. Default: where the list lies."`
	Null          bool   `short:"0" help:"The list's names end in NUL bytes, as those of find -print0, and are taken as they are."`
	CaseSensitive bool   `help:"Allow names in the list that differ only in case."`

	Include includeFlag `placeholder:"GLOB" help:"Files that count, whatever a later --exclude says. Of both flags the first that matches decides. Repeatable."`
	Exclude excludeFlag `placeholder:"GLOB" help:"Files that do not count: they are not pulled, and not deleted. DIR/ is all in a directory. Repeatable."`

	Dest string `kong:"-"` // where the files go, "" if nowhere: no source of them
}

// into returns the flags for files that go to a directory.
func (f listFlags) into(dir string) listFlags {
	f.Dest = dir
	return f
}

// lists are the lists of a run, in the order of the command line.
type lists struct {
	all    []*list
	filter *listing.Filter
	totals listing.Totals
	paths  *listing.Paths
}

// openLists opens them all, and checks that together they can be one directory.
func openLists(ctx context.Context, names []string, flags listFlags, s *streams, t *transports) (*lists, error) {
	ls := new(lists)
	if err := ls.open(ctx, names, flags, s.in, t); err != nil {
		ls.close()
		return nil, err
	}
	if err := ls.check(ctx, flags.CaseSensitive); err != nil {
		ls.close()
		return nil, err
	}
	return ls, nil
}

func (ls *lists) open(ctx context.Context, names []string, flags listFlags, stdin io.Reader, t *transports) (err error) {
	if ls.filter, err = flags.filter(); err != nil {
		return err
	}
	o := listing.Options{Schemes: schemes, CaseSensitive: flags.CaseSensitive, NUL: flags.Null}
	if ls.filter != nil {
		o.Keep = ls.filter.Keep
	}
	if flags.Base != "" {
		if o.Base, err = baseURL(flags.Base); err != nil {
			return err
		}
	}
	if err := oneOrigin(names, o, t); err != nil {
		return err
	}
	if err := t.bindTo(o.Base); err != nil {
		return err
	}
	if slices.Index(names, "-") != lastIndex(names, "-") {
		return usagef("standard input can be one list only")
	}
	for _, name := range names {
		l := &list{name: name, opts: o, dest: flags.Dest}
		if ls.filter != nil {
			l.prunes = ls.filter.Prunes
		}
		ls.all = append(ls.all, l)
		if err := l.open(ctx, stdin, t); err != nil {
			return err
		}
	}
	return nil
}

func lastIndex(names []string, name string) int {
	for i := len(names) - 1; i >= 0; i-- {
		if names[i] == name {
			return i
		}
	}
	return -1
}

// oneOrigin refuses a secret that is bound to nobody where the lists come from several
// origins of its kind.
func oneOrigin(names []string, o listing.Options, t *transports) error {
	if o.Base != nil {
		return nil
	}
	var web, ssh string
	for _, name := range names {
		u, err := remoteURL(name)
		if err != nil || u == nil {
			continue
		}
		origin, seen := remote.OriginOf(u), &web
		if u.Scheme == "sftp" {
			seen = &ssh
		}
		if *seen != "" && *seen != origin && (seen == &web && len(t.pending) > 0 || seen == &ssh && t.password != "") {
			return usagef("the lists come from several origins: say by --base, or 'ORIGIN=Name: value' for --header, which one a secret is for")
		}
		*seen = origin
	}
	return nil
}

// check reads all lists and finds what is wrong with them.
func (ls *lists) check(ctx context.Context, caseSensitive bool) error {
	c := listing.NewChecker(caseSensitive)
	var bad *exitError
	for _, l := range ls.all {
		err := l.check(ctx, c)
		if err == nil {
			continue
		}
		e, ok := errors.AsType[*exitError](err)
		switch {
		case !ok || ctx.Err() != nil:
			return err
		case bad == nil:
			bad = e
		default:
			bad.err = errors.Join(bad.err, e.err)
		}
	}
	if bad != nil {
		return bad
	}
	ls.totals, ls.paths = c.Totals(), c.Paths()
	return nil
}

// entries reads the lists for the second time and yields each file once, of those that
// are wanted (nil: all).
func (ls *lists) entries(want func(path string) bool) iter.Seq2[listing.Entry, error] {
	return func(yield func(listing.Entry, error) bool) {
		for _, l := range ls.all {
			for e, err := range l.entries() {
				if err == nil && (want != nil && !want(e.Path) || !ls.paths.Take(e.Path)) {
					continue
				}
				if !yield(e, err) {
					return
				}
			}
		}
	}
}

// skipped says that a walk found something of that name that is nothing to pull. What is
// here of that name is not gone from there.
func (ls *lists) skipped(path string) bool {
	return slices.ContainsFunc(ls.all, func(l *list) bool { return l.walked.others.has(path) })
}

// remote says that a list came over the network.
func (ls *lists) remote() bool {
	return slices.ContainsFunc(ls.all, func(l *list) bool { return l.opts.Remote })
}

// liesIn says whether relative entries of a list are those of a local directory.
func (ls *lists) liesIn(dir string) bool {
	return slices.ContainsFunc(ls.all, func(l *list) bool { return l.liesIn(dir) })
}

func (ls *lists) close() {
	for _, l := range ls.all {
		l.close()
	}
}
