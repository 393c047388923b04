package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"fsync/listing"
	"fsync/sync"
	"fsync/sync/local"
	"fsync/sync/remote"
)

// The rules of what is printed:
//
//   - Standard output has what was asked for: -v and -n lines, --json objects.
//   - Standard error has what went wrong, a line an entry, and one line for the run; on a
//     terminal the progress. A run in which nothing went wrong says one line, with -q none.
//   - Every name and every text from a server is escaped before it is printed.

// report prints what becomes of each entry and adds it up.
type report struct {
	*pullCmd
	out   *output
	err   io.Writer
	total int64
	began time.Time

	count    [sync.Stopped + 1]int64
	fetched  int64
	again    int64 // bytes fetched again
	requests int64
	planned  int64
	listErr  error // the list could not be read to its end
	skipped  int64 // names that walks left out
	hints    map[string]bool
	held     bool // what --last names was not begun
	deleted  int64
	trashed  int64

	ontoItself bool // relative entries lie in the destination itself
}

func newReport(c *pullCmd, s *streams, t listing.Totals) *report {
	return &report{pullCmd: c, out: &output{w: s.out}, err: s.err, total: t.Entries, began: time.Now(), hints: map[string]bool{}}
}

// add reports one entry.
func (r *report) add(res sync.Result) {
	if res.Entry.Path == "" && res.Err != nil {
		r.listErr = res.Err
		fmt.Fprintf(r.err, "fsync: %s\n", escape(res.Err.Error()))
		return
	}
	r.count[res.Outcome]++
	r.fetched += res.Fetched
	r.again += res.Refetched
	r.requests += int64(res.Requests)
	r.planned += res.Planned
	switch {
	case r.Json:
		r.json(res)
	case res.Outcome == sync.Stopped:
	case !res.Outcome.OK():
		fmt.Fprintf(r.err, "fsync: %s: %s: %s\n", escape(res.Entry.Path), res.Outcome, escape(res.Err.Error()))
		r.hint(res)
	case r.Quiet:
	case r.DryRun && res.Outcome == sync.UpToDate && !r.Verbose:
	case r.DryRun:
		fmt.Fprintf(r.out, "%-10s %12d %s\n", res.Outcome, res.Planned, escape(res.Entry.Path))
	case r.Verbose:
		fmt.Fprintf(r.out, "%-10s %12d %s%s\n", res.Outcome, res.Fetched, escape(res.Entry.Path), note(res))
	}
}

// walked reports what a walk came upon and cannot be pulled, as entries that failed.
func (r *report) walked(w *walked) {
	r.skipped += w.skipped
	r.total += w.nLost
	for _, l := range w.lost {
		r.add(sync.Result{Entry: listing.Entry{Path: l.path, Size: -1}, Outcome: sync.Failed, Err: l.err, Size: -1})
	}
	if more := w.nLost - int64(len(w.lost)); more > 0 {
		r.count[sync.Failed] += more
		fmt.Fprintf(r.err, "fsync: … and %d more that cannot be pulled\n", more)
	}
}

func note(res sync.Result) string {
	if res.Note == "" {
		return ""
	}
	return " (" + res.Note + ")"
}

// hint says, once a run, what a person can do about an error.
func (r *report) hint(res sync.Result) {
	text := ""
	re, _ := errors.AsType[*remote.Error](res.Err)
	knows, _ := errors.AsType[hinter](res.Err)
	switch {
	case r.ontoItself && res.Outcome == sync.Failed:
		text = "the entries are looked for in the directory that they are pulled to: say where they lie by --base"
	case knows != nil:
		text = knows.Hint()
	case res.Outcome == sync.Conflict:
		text = "move it away; --overwrite replaces regular files that are in conflict"
	case errors.Is(res.Err, local.ErrBusy):
		text = "another pull is at work on it; run again later"
	case local.IsFull(res.Err):
		text = "free some space and run again: what was fetched is kept"
	case re != nil && re.Status == 401:
		text = "give credentials by --header 'Authorization: …' or ~/.netrc"
	case re != nil && re.Status == 403:
		text = "the server refuses: a credential (--header, ~/.netrc) or a signed URL may have expired"
	case re != nil && re.Kind == remote.Temporary:
		text = "run again to go on where it stopped"
	}
	if text != "" && !r.hints[text] {
		r.hints[text] = true
		fmt.Fprintf(r.err, "fsync: hint: %s\n", escape(text))
	}
}

// complete says that all entries so far are, and that the lists were read to their ends.
func (r *report) complete(ctx context.Context) bool {
	return ctx.Err() == nil && r.listErr == nil &&
		r.count[sync.Failed] == 0 && r.count[sync.Conflict] == 0 && r.count[sync.Stopped] == 0
}

// prune reports a file that was deleted, or was to be.
func (r *report) prune(p sync.Pruned) {
	word := "deleted"
	switch {
	case p.Err != nil:
		r.count[sync.Failed]++
		r.notDeleted(p)
		return
	case r.Trash != "" && !p.Dir:
		word = "trashed"
		r.trashed++
	case !p.Dir: // as the cap counts
		r.deleted++
	}
	path := p.Path
	if p.Dir {
		path += "/"
	}
	switch {
	case r.Json:
		printJSON(r.out, newJSONExtra(path, word, p.Size))
	case r.Quiet:
	case r.DryRun, r.Verbose:
		fmt.Fprintf(r.out, "%-10s %12d %s\n", word, 0, escape(path))
	}
}

// notDeleted reports one that could not be.
func (r *report) notDeleted(p sync.Pruned) {
	if r.Json {
		o := newJSONExtra(p.Path, "failed", p.Size)
		o.Reason = "not deleted: " + p.Err.Error()
		printJSON(r.out, o)
		return
	}
	fmt.Fprintf(r.err, "fsync: %s: not deleted: %s\n", escape(p.Path), escape(p.Err.Error()))
}

// left is how many entries were not brought to an end.
func (r *report) left() int64 {
	left := r.total
	for o, n := range r.count {
		if sync.Outcome(o) != sync.Stopped {
			left -= n
		}
	}
	return max(0, left)
}

// end reports the run.
func (r *report) end(cause error) {
	if left := r.left(); r.held && left > 0 && cause == nil {
		fmt.Fprintf(r.err, "fsync: %d entries that --last names were not begun: others are not complete\n", left)
	}
	if r.Json {
		printJSON(r.out, r.jsonSummary(cause))
		return
	}
	bad := r.count[sync.Failed] + r.count[sync.Conflict]
	if r.Quiet && bad == 0 && cause == nil {
		return
	}
	fmt.Fprintf(r.err, "fsync: %s\n", r.summary(cause))
}

// summary returns the one line about the run.
func (r *report) summary(cause error) string {
	var parts []string
	for o := range r.count {
		if n := r.count[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, sync.Outcome(o)))
		}
	}
	for _, gone := range []struct {
		n          int64
		done, toDo string
	}{{r.deleted, "deleted", "to delete"}, {r.trashed, "moved to the trash", "to move to the trash"}} {
		switch {
		case gone.n > 0 && r.DryRun:
			parts = append(parts, fmt.Sprintf("%d %s", gone.n, gone.toDo))
		case gone.n > 0:
			parts = append(parts, fmt.Sprintf("%d %s", gone.n, gone.done))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing done")
	}
	text := strings.Join(parts, ", ")
	if r.DryRun {
		return fmt.Sprintf("dry run: %s; %s to fetch", text, humanize.IBytes(uint64(r.planned)))
	}
	took := time.Since(r.began)
	text += fmt.Sprintf("; %s fetched in %s", humanize.IBytes(uint64(r.fetched)), took.Round(time.Millisecond))
	if cause != nil {
		text += fmt.Sprintf("; %v: %d of %d left, run again to go on", cause, r.left(), r.total)
	}
	return text
}

// exit returns the error that carries the run's exit code, nil if all is complete.
func (r *report) exit(cause error) error {
	switch {
	case cause != nil && r.left() > 0:
		return &exitError{code: stopCode(cause)}
	case r.listErr != nil, r.count[sync.Failed] > 0, r.count[sync.Conflict] > 0:
		return &exitError{code: exitFailed}
	case r.out.err != nil:
		return &exitError{code: exitFailed, err: fmt.Errorf("standard output: %w", r.out.err)}
	}
	return nil
}
