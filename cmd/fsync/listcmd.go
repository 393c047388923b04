package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"fsync/listing"
)

// listCmd writes a list.
type listCmd struct {
	Source string `arg:"" help:"What to list: a directory of this machine, a directory or an index page on a server (an http(s) or sftp URL, or [user@]host:path), a list in any format, or - for a list on standard input."`

	Format string `short:"f" enum:"tsv,jsonl,sha256sums,metalink" default:"tsv" help:"The list's format: tsv, jsonl, sha256sums or metalink (${default})."`
	Output string `short:"o" placeholder:"FILE" help:"Where the list goes: FILE gets it whole or stays as it was. Default: standard output."`

	Hash        string   `enum:"sha256,none," default:"" placeholder:"ALGORITHM" help:"The digests of a local directory's files: sha256, which takes reading them all, or none. Default: sha256."`
	PieceLength sizeFlag `placeholder:"SIZE" help:"Length of a Metalink's pieces. Default: from 256 KiB to 16 MiB, with the size of the file."`
	Jobs        int      `short:"j" default:"0" placeholder:"N" help:"Files read at a time. Default: as many as there are processors."`
	Quiet       bool     `short:"q" help:"Print errors only."`

	listFlags
	network
}

// Run writes the list. Nothing of it is written before all of it is known, and nothing at
// all if a part of it is not to be had.
func (c *listCmd) Run(ctx context.Context, s *streams) error {
	format, err := listing.ParseFormat(c.Format)
	if err != nil {
		return usagef("%w", err)
	}
	switch {
	case c.Jobs < 0:
		return usagef("--jobs must be at least 1")
	case c.PieceLength > listing.MaxPieceLength:
		return usagef("--piece-length must be at most %s", bytesText(listing.MaxPieceLength))
	}
	out, err := newListOutput(c.Output, s.out)
	if err != nil {
		return err
	}
	if c.confinable() {
		s.confine(outputPlaces(c.Output))
	}
	m := &maker{listCmd: c, streams: s, format: format, self: out.self}
	defer m.sorter.close()
	boundMemory(sortBound)
	dir, err := localDirectory(c.Source)
	switch {
	case err != nil:
		return err
	case dir != "":
		err = m.readDir(ctx, dir)
	default:
		err = m.readLists(ctx)
	}
	if err == nil && m.failed > 0 {
		err = m.incomplete()
	}
	if err == nil && ctx.Err() == nil {
		err = out.write(func(w io.Writer) error { return m.write(ctx, w) })
	}
	if ctx.Err() != nil {
		return &exitError{code: stopCode(context.Cause(ctx)), err: context.Cause(ctx)}
	}
	return err
}

// localDirectory returns the path of the source, if it is a directory of this machine.
func localDirectory(source string) (string, error) {
	u, err := remoteURL(source)
	switch {
	case err != nil:
		return "", usagef("%w", err)
	case source == "-", u != nil && (u.Scheme != "file" || u.Host != "" && u.Host != "localhost"):
		return "", nil
	case u != nil:
		source = filepath.FromSlash(u.Path)
	}
	fi, err := os.Stat(source)
	if err != nil {
		return "", usagef("%w", err)
	}
	if !fi.IsDir() {
		return "", nil
	}
	return source, nil
}

// sortBound makes boundMemory leave room for what is sorted.
const sortBound = 2 * sortMemory / 32

// jobs is how many files are read at a time.
func (c *listCmd) jobs() int {
	if c.Jobs == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return c.Jobs
}

// maker makes one list.
type maker struct {
	*listCmd
	*streams
	format listing.Format
	self   os.FileInfo // of the file that the list is written to, nil if that is none

	base   *url.URL // written ahead of the paths of a local directory; nil: nothing
	sorter sorter
	failed int64 // files and directories that the list would lack
}

// fail reports what the list would lack.
func (m *maker) fail(text string) {
	switch m.failed++; {
	case m.failed <= maxLost:
		fmt.Fprintf(m.err, "fsync: %s\n", escape(text))
	case m.failed == maxLost+1:
		fmt.Fprintln(m.err, "fsync: … and more")
	}
}

// incomplete ends a run whose list would lack something.
func (m *maker) incomplete() error {
	what := "1 file or directory"
	if m.failed > 1 {
		what = fmt.Sprintf("%d files or directories", m.failed)
	}
	return &exitError{code: exitFailed, err: fmt.Errorf("no list is written: it would lack %s", what)}
}

// readLists takes the entries of what is no directory of this machine.
func (m *maker) readLists(ctx context.Context) error {
	console := newConsole(m.streams, m.Quiet)
	src, err := newTransports(ctx, m.network, m.jobs(), console)
	if err != nil {
		return err
	}
	defer src.close()
	flags := m.listFlags
	flags.CaseSensitive = true // whoever pulls the list knows
	ls, err := openLists(ctx, []string{m.Source}, flags, m.streams, src)
	if err != nil {
		return err
	}
	defer ls.close()
	boundMemory(sortBound + ls.totals.Entries)
	for _, l := range ls.all {
		if text := l.walked.warning(); text != "" {
			console.warn(text)
		}
		for _, lost := range l.walked.lost {
			m.fail(lost.path + ": " + lost.err.Error())
		}
		m.failed += l.walked.nLost - int64(len(l.walked.lost))
	}
	for e, err := range ls.entries(nil) {
		if err != nil || ctx.Err() != nil {
			return err
		}
		if err := m.sorter.add(e); err != nil {
			return noPlace(err)
		}
	}
	return nil
}

// write writes the sorted list.
func (m *maker) write(ctx context.Context, w io.Writer) error {
	list := m.format.NewWriter(w, listing.WriterOptions{Base: m.base, URLs: m.sorter.urls, Digests: m.sorter.columns()})
	noSum, first := int64(0), ""
	for e, err := range m.sorter.sorted() {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch err := list.Write(e); {
		case errors.Is(err, listing.ErrNoSHA256):
			if noSum++; noSum == 1 {
				first = e.Path
			}
		case err != nil:
			m.fail(err.Error())
		}
	}
	switch {
	case noSum > 0:
		return (&exitError{code: exitFailed, err: fmt.Errorf("%s gives no sha256 of %d files, the first of which is %s", shown(m.Source), noSum, first)}).
			withHint("--format tsv needs none; of pulled files, fsync list DIR computes them")
	case m.failed > 0:
		return m.incomplete()
	}
	return list.Close()
}
