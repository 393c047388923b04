package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"fsync/listing"
	"fsync/sync/remote"
)

// walk is what a walker yields; its contract stands at remote.File.
type walk = iter.Seq2[remote.File, error]

// walker is a transport that can say what lies below a directory.
type walker interface {
	Walk(ctx context.Context, dir *url.URL, prune func(dir string) bool) walk
}

// walked is what a walk came upon besides files to pull.
type walked struct {
	lost    []lost // the first maxLost of them
	nLost   int64
	skipped int64
	first   remote.File // of those skipped
	others  hashes      // of the paths of all that is skipped, out of scope or not
}

// lost is a directory that could not be read, or a name that cannot be one here. What it
// stands for is not pulled, so it is a failure of the run.
type lost struct {
	path string
	err  error
}

// maxLost bounds how many are kept to be told.
const maxLost = 1000

func (w *walked) lose(path string, err error) {
	if w.nLost++; w.nLost <= maxLost {
		w.lost = append(w.lost, lost{path, err})
	}
}

// walk makes the list of a directory's files, and spools it as one that was downloaded.
func (l *list) walk(ctx context.Context, w walker, dir *url.URL) error {
	if err := l.newSpool(); err != nil {
		return err
	}
	// The flag is about lists that somebody wrote; what is seen now may be other at once.
	l.walked, l.opts.NUL, l.opts.Seen = walked{}, false, true
	out := listing.TSV.NewWriter(&boundedFile{l.f, maxSpool}, listing.WriterOptions{})
	files, dropped := 0, 0
	for f, err := range w.Walk(ctx, dir, l.leaveOut(dir)) {
		if f.Skipped != "" {
			l.walked.others.add(f.Path)
		}
		switch {
		case err != nil && f.Path == "":
			return err
		case err != nil:
			l.walked.lose(f.Path, err)
		case l.opts.Keep != nil && !l.opts.Keep(f.Path):
			dropped++
		case f.Skipped != "":
			if l.walked.skipped++; l.walked.skipped == 1 {
				l.walked.first = f
			}
		default:
			if err := listing.CheckPath(f.Path); err != nil {
				l.walked.lose(f.Path, err)
				continue
			}
			files++
			if err := out.Write(listing.Entry{Path: f.Path, Size: f.Size, ModTime: f.ModTime}); err != nil {
				return noPlace(err)
			}
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := out.Close(); err != nil {
		return noPlace(err)
	}
	if files == 0 {
		return l.nothing(dropped)
	}
	return nil
}

// leaveOut says which directories are not walked. The destination is none of its sources:
// a run would pull what the run before brought, deeper each time.
func (l *list) leaveOut(dir *url.URL) func(dir string) bool {
	if l.dest == "" || dir.Scheme != "file" {
		return l.prunes
	}
	dest, inside := within(filepath.FromSlash(dir.Path), l.dest)
	if !inside {
		return l.prunes
	}
	return func(dir string) bool { return dir == dest || l.prunes != nil && l.prunes(dir) }
}

// nothing is the error of a walk that found no file, which tells what it found instead.
func (l *list) nothing(dropped int) error {
	errs := make([]error, 0, len(l.walked.lost)+1)
	for _, lost := range l.walked.lost {
		errs = append(errs, fmt.Errorf("%s: %s: %s", l.name, escape(lost.path), escape(lost.err.Error())))
	}
	last := fmt.Errorf("%s: there is no file in the directory", l.name)
	if dropped > 0 {
		last = fmt.Errorf("%s: --include and --exclude leave none of the %d files in the directory", l.name, dropped)
	}
	return usagef("%w", errors.Join(append(errs, last)...))
}

// warning is the one line about what a walk left out, "" if there is nothing to say.
func (w *walked) warning() string {
	switch w.skipped {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("1 name is no regular file and was left out: %s: %s", w.first.Path, w.first.Skipped)
	}
	return fmt.Sprintf("%d names are no regular files and were left out, the first: %s: %s", w.skipped, w.first.Path, w.first.Skipped)
}

// boundedFile fails where a list gets too long.
type boundedFile struct {
	f    *os.File
	left int64
}

func (b *boundedFile) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, fmt.Errorf("it is longer than %d bytes", int64(maxSpool))
	}
	return b.f.Write(p)
}

// isDirectory says that a URL names a directory, to be walked.
func isDirectory(u *url.URL) bool { return strings.HasSuffix(u.Path, "/") }
