package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/term"

	"fsync/sync"
	"fsync/sync/local"
)

// checkCmd looks at what is here.
type checkCmd struct {
	Lists []string `arg:"" name:"list" help:"The list, in any form that pull takes. Several are checked as one."`

	Dir string `short:"d" default:"." placeholder:"DIR" help:"Where the files are (${default})."`

	listFlags

	Checksum bool `short:"c" help:"Read the files, and compare the digests that the list gives: of files, and of the pieces of files, partial ones too."`
	SizeOnly bool `help:"A file of the list's size is complete, whatever its time."`
	Extra    bool `default:"true" negatable:"" help:"Look for files that no list names. They are told, and don't count against the exit code."`
	Jobs     int  `short:"j" default:"0" placeholder:"N" help:"Files read at a time. Default: as many as there are processors."`

	network

	Json    bool `help:"Print one JSON object an entry, and a last one for the run."`
	Quiet   bool `short:"q" help:"Print errors only: what is not complete is one."`
	Verbose bool `short:"v" help:"Print a line for every entry, and for every file that no list names."`
}

// Help explains the words of the report.
func (checkCmd) Help() string {
	return `Says of each entry what is here of it, from the list and the disk alone: no server is asked, but for LIST itself. Nothing is written and no lock is taken, so a pull may run meanwhile.

    complete   the list's size and time agree, and its digests are those that
               were verified by a pull; or a pull's mark says so, and nothing
               in the list contradicts it. No file is read without -c.
    partial    a beginning is here
    missing    nothing is here
    longer     more is here than there should be
    differs    known to be something else; with -c, its digest is wrong
    unproven   all of it may be here, but nothing says that it is right: -c
               settles it by a digest, --size-only by its size, a pull always
    staged     a copy beside it, that will become the file, is under way
    foreign    another program's unfinished download (NAME.aria2, NAME.st,
               NAME.lftp-pget-status), whose size tells nothing
    irregular  a directory, a symbolic link or the like is in its place
    failed     it could not be looked at

Exit code: 0 if all entries are complete, 1 if not, 2 for a bad list.`
}

// Run checks the list.
func (c *checkCmd) Run(ctx context.Context, s *streams) error {
	if c.Jobs < 0 {
		return usagef("--jobs must be at least 1")
	}
	if c.Jobs == 0 {
		c.Jobs = runtime.GOMAXPROCS(0)
	}
	console := newConsole(s, c.Quiet)
	src, err := newTransports(ctx, c.network, c.Jobs, console)
	if err != nil {
		return err
	}
	defer src.close()
	if c.confinable() {
		s.confine(outputPlaces(""))
	}
	ls, err := openLists(ctx, c.Lists, c.offline(c.Lists).into(c.Dir), s, src)
	if err != nil {
		return err
	}
	defer ls.close()
	boundMemory(ls.totals.Entries)
	dir, err := c.directory()
	if err != nil {
		return err
	}
	if dir != nil {
		defer dir.Close()
	}
	rep := newCheckReport(c, s, ls.totals.Entries)
	for _, l := range ls.all {
		if text := l.walked.warning(); text != "" {
			console.warn(text)
		}
		rep.walked(&l.walked)
	}
	c.check(ctx, s, dir, ls, rep)
	rep.end(context.Cause(ctx))
	return rep.exit(context.Cause(ctx))
}

// offline gives a list on standard input a place: where its relative entries lie makes no
// difference to a check.
func (f listFlags) offline(lists []string) listFlags {
	if f.Base == "" && len(lists) == 1 && lists[0] == "-" {
		f.Base = "."
	}
	return f
}

// directory opens the directory, nil if there is none.
func (c *checkCmd) directory() (*local.Dir, error) {
	dir, err := local.Open(c.Dir, false, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, usagef("%w", err)
	}
	return dir, nil
}

// check reports what is here of each entry, and what is here besides.
func (c *checkCmd) check(ctx context.Context, s *streams, dir *local.Dir, ls *lists, rep *checkReport) {
	prog := c.progress(s)
	defer prog.start()()
	rep.above = prog.above
	checker := &sync.Checker{Dir: dir, Jobs: c.Jobs, SizeOnly: c.SizeOnly, Checksum: c.Checksum, Read: &prog.bytes}
	for checked, err := range checker.Check(ctx, ls.entries(nil)) {
		if ctx.Err() != nil {
			return
		}
		prog.files.Add(1)
		rep.add(checked, err)
	}
	if !c.Extra || dir == nil {
		return
	}
	for extra, err := range sync.Extras(ctx, dir, ls.scope(c.Dir, c.Lists, "")) {
		if ctx.Err() != nil {
			return
		}
		rep.addExtra(extra, err)
	}
}

// progress is shown where files are read: all else is soon done.
func (c *checkCmd) progress(s *streams) *listProgress {
	p := new(listProgress)
	if f, ok := s.err.(*os.File); ok && c.Checksum && !c.Quiet && !c.Json && term.IsTerminal(int(f.Fd())) {
		p.w = f
	}
	return p
}
