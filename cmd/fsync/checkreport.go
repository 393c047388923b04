package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"fsync/sync"
	"fsync/sync/local"
)

// checkReport prints what is here of each entry and adds it up. The rules are those of
// report: what is not complete goes to standard error.
type checkReport struct {
	*checkCmd
	out   *output
	err   io.Writer
	above func(print func()) // keeps a progress line out of the way
	total int64
	began time.Time

	count   [sync.FoundFailed + 1]int64
	left    int64 // bytes to fetch
	unknown int64 // entries that add to these nobody knows how many
	unread  int64 // entries that are complete, and by -c nothing was to be read
	extras  int64
	listErr error // the list could not be read to its end
	hints   map[string]bool
}

func newCheckReport(c *checkCmd, s *streams, total int64) *checkReport {
	return &checkReport{
		checkCmd: c, out: &output{w: s.out}, err: s.err, above: func(print func()) { print() },
		total: total, began: time.Now(), hints: map[string]bool{},
	}
}

func (r *checkReport) line(w io.Writer, format string, args ...any) {
	r.above(func() { fmt.Fprintf(w, format+"\n", args...) })
}

// add reports one entry.
func (r *checkReport) add(c sync.Checked, err error) {
	if err != nil {
		r.listErr = err
		r.line(r.err, "fsync: %s", escape(err.Error()))
		return
	}
	r.count[c.Finding]++
	r.left += max(0, c.Left)
	if c.Left < 0 {
		r.unknown++
	}
	if c.Finding == sync.FoundComplete && c.Verified == sync.NoEvidence {
		r.unread++
	}
	switch {
	case r.Json:
		r.json(c)
	case c.Finding != sync.FoundComplete:
		r.line(r.err, "fsync: %s: %s%s", escape(c.Path), c.Finding, escape(detail(c)))
		r.hint(c)
	case r.Verbose && !r.Quiet:
		r.line(r.out, "%-10s %12d %s", c.Finding, c.Size, escape(c.Path))
	}
}

// detail says how much is here, and why that is not all.
func detail(c sync.Checked) string {
	text := ""
	switch c.Finding {
	case sync.FoundPartial, sync.FoundLonger, sync.FoundDiffers, sync.FoundStaged:
		if c.Want >= 0 && c.Want != c.Size {
			text = fmt.Sprintf(": %d of %d bytes", c.Size, c.Want)
		}
	}
	switch {
	case c.Reason == "":
	case text == "":
		text = ": " + c.Reason
	default:
		text += ", " + c.Reason
	}
	return text
}

// hint says, once a run, what settles what is not proven.
func (r *checkReport) hint(c sync.Checked) {
	text := ""
	switch {
	case c.Finding != sync.FoundUnproven:
	case c.Digests && !r.Checksum:
		text = "-c reads what is here, and compares the list's digests"
	case !c.Digests && c.Left == 0 && !r.SizeOnly:
		text = "fsync pull asks the server; --size-only takes an equal size for enough"
	}
	if text != "" && !r.hints[text] {
		r.hints[text] = true
		r.line(r.err, "fsync: hint: %s", text)
	}
}

// addExtra reports a file that no list names. Directories are none: those with an extra in
// them are told by that.
func (r *checkReport) addExtra(e sync.Extra, err error) {
	if err != nil && !r.Quiet {
		r.line(r.err, "fsync: warning: %s: not looked at: %s", escape(cmp.Or(e.Path, r.Dir)), escape(reason(err).Error()))
	}
	if err != nil || e.Kind == local.KindDir {
		return
	}
	r.extras++
	switch {
	case r.Json:
		printJSON(r.out, newJSONExtra(e.Path, "extra", e.Size))
	case r.Verbose && !r.Quiet:
		r.line(r.out, "%-10s %12d %s", "extra", e.Size, escape(e.Path))
	}
}

// walked reports what a walk came upon and cannot be a file here.
func (r *checkReport) walked(w *walked) {
	r.total += w.nLost
	for _, l := range w.lost {
		r.add(sync.Checked{Path: l.path, Finding: sync.FoundFailed, Reason: l.err.Error(), Size: -1, Want: -1, Left: -1}, nil)
	}
	if more := w.nLost - int64(len(w.lost)); more > 0 {
		r.count[sync.FoundFailed] += more
		r.unknown += more
		r.line(r.err, "fsync: … and %d more that cannot be looked at", more)
	}
}

// jsonChecked is the object that --json prints for an entry. Sizes are in bytes; -1 is
// unknown. Fields are added, never renamed.
type jsonChecked struct {
	Path     string `json:"path"`
	PathRaw  []byte `json:"path_base64,omitempty"` // if path is no valid UTF-8
	Result   string `json:"result"`
	Reason   string `json:"reason,omitempty"`
	Verified string `json:"verified"`
	Size     int64  `json:"size"` // of what is here, -1: nothing is
	Want     int64  `json:"want"`
	Left     int64  `json:"left"`
}

// jsonCheckSummary is the last object that --json prints.
type jsonCheckSummary struct {
	Summary bool             `json:"summary"`
	Entries int64            `json:"entries"`
	Results map[string]int64 `json:"results"`
	Left    int64            `json:"left"`         // bytes
	Unknown int64            `json:"left_unknown"` // entries of which it is not known
	Extra   *int64           `json:"extra,omitempty"`
	Seconds float64          `json:"seconds"`
	Stopped string           `json:"stopped,omitempty"`
}

func (r *checkReport) json(c sync.Checked) {
	o := jsonChecked{
		Path: c.Path, PathRaw: rawPath(c.Path), Result: c.Finding.String(), Reason: c.Reason,
		Verified: c.Verified.String(), Size: c.Size, Want: c.Want, Left: c.Left,
	}
	printJSON(r.out, o)
}

// end reports the run.
func (r *checkReport) end(cause error) {
	if r.Json {
		s := jsonCheckSummary{
			Summary: true, Entries: r.total, Results: map[string]int64{},
			Left: r.left, Unknown: r.unknown, Seconds: seconds(time.Since(r.began)),
		}
		for f, n := range r.count {
			if n > 0 {
				s.Results[sync.Finding(f).String()] = n
			}
		}
		if r.Extra {
			s.Extra = &r.extras
		}
		if cause != nil {
			s.Stopped = cause.Error()
		}
		printJSON(r.out, s)
		return
	}
	if r.Quiet && r.ok() && cause == nil {
		return
	}
	if r.Checksum && r.unread > 0 {
		r.line(r.err, "fsync: of %d complete entries the list gives no digest: -c could not prove them", r.unread)
	}
	r.line(r.err, "fsync: %s", r.summary(cause))
}

// summary returns the one line about the run.
func (r *checkReport) summary(cause error) string {
	var parts []string
	done := int64(0)
	for f, n := range r.count {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, sync.Finding(f)))
		}
		done += n
	}
	if r.extras > 0 {
		parts = append(parts, fmt.Sprintf("%d extra", r.extras))
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing checked")
	}
	text := strings.Join(parts, ", ")
	switch {
	case r.unknown > 0 && r.left > 0:
		text += fmt.Sprintf("; at least %s left", bytesText(r.left))
	case r.unknown > 0:
		text += "; bytes left: unknown"
	case r.left > 0:
		text += fmt.Sprintf("; %s left", bytesText(r.left))
	}
	if cause != nil {
		text += fmt.Sprintf("; %v: %d of %d not checked", cause, r.total-done, r.total)
	}
	return text
}

// ok says that all entries are complete.
func (r *checkReport) ok() bool { return r.listErr == nil && r.count[sync.FoundComplete] == r.total }

// exit returns the error that carries the run's exit code, nil if all is complete.
func (r *checkReport) exit(cause error) error {
	switch {
	case cause != nil:
		return &exitError{code: stopCode(cause)}
	case !r.ok():
		return &exitError{code: exitFailed}
	case r.out.err != nil:
		return &exitError{code: exitFailed, err: fmt.Errorf("standard output: %w", r.out.err)}
	}
	return nil
}
