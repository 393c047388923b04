package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"fsync/sync"
)

// What --json prints: an object a line. Fields are added, never renamed.

// jsonResult is the object for an entry of a pull.
type jsonResult struct {
	Path      string  `json:"path"`
	PathRaw   []byte  `json:"path_base64,omitempty"` // if path is no valid UTF-8
	Result    string  `json:"result"`
	Reason    string  `json:"reason,omitempty"`
	Verified  string  `json:"verified"`
	Size      int64   `json:"size"`   // -1: unknown
	Offset    int64   `json:"offset"` // the size before
	Fetched   int64   `json:"fetched"`
	Refetched int64   `json:"refetched"`
	Planned   *int64  `json:"planned,omitempty"` // dry run: bytes to fetch
	Requests  int     `json:"requests"`
	Seconds   float64 `json:"seconds"`
}

func (r *report) json(res sync.Result) {
	o := jsonResult{
		Path: res.Entry.Path, PathRaw: rawPath(res.Entry.Path), Result: res.Outcome.String(), Reason: res.Note,
		Verified: res.Verified.String(), Size: res.Size, Offset: res.Offset, Fetched: res.Fetched,
		Refetched: res.Refetched, Requests: res.Requests, Seconds: seconds(res.Elapsed),
	}
	if res.Err != nil {
		o.Reason = res.Err.Error()
	}
	if r.DryRun {
		o.Planned = &res.Planned
	}
	printJSON(r.out, o)
}

// jsonExtra is the object for a file that no list names: "extra", or what --delete did with
// it. The path of a directory ends in a slash.
type jsonExtra struct {
	Path    string `json:"path"`
	PathRaw []byte `json:"path_base64,omitempty"`
	Result  string `json:"result"`
	Reason  string `json:"reason,omitempty"`
	Size    int64  `json:"size"`
}

func newJSONExtra(path, result string, size int64) jsonExtra {
	return jsonExtra{Path: path, PathRaw: rawPath(path), Result: result, Size: size}
}

// jsonSummary is the last object of a pull.
type jsonSummary struct {
	Summary   bool             `json:"summary"`
	Entries   int64            `json:"entries"`
	Results   map[string]int64 `json:"results"`
	Left      int64            `json:"left"`
	Fetched   int64            `json:"fetched"`
	Refetched int64            `json:"refetched"`
	Planned   *int64           `json:"planned,omitempty"`
	Deleted   int64            `json:"deleted,omitempty"`
	Trashed   int64            `json:"trashed,omitempty"`
	Skipped   int64            `json:"skipped,omitempty"` // names in a walked directory that are no regular files
	Requests  int64            `json:"requests"`
	Seconds   float64          `json:"seconds"`
	Stopped   string           `json:"stopped,omitempty"`
}

func (r *report) jsonSummary(cause error) jsonSummary {
	s := jsonSummary{
		Summary: true, Entries: r.total, Results: map[string]int64{}, Left: r.left(),
		Fetched: r.fetched, Refetched: r.again, Deleted: r.deleted, Trashed: r.trashed,
		Skipped: r.skipped, Requests: r.requests, Seconds: seconds(time.Since(r.began)),
	}
	for o, n := range r.count {
		if n > 0 {
			s.Results[sync.Outcome(o).String()] = n
		}
	}
	if r.DryRun {
		s.Planned = &r.planned
	}
	if cause != nil {
		s.Stopped = cause.Error()
	}
	return s
}

func printJSON(w io.Writer, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("main: internal error: " + err.Error())
	}
	fmt.Fprintf(w, "%s\n", escapeJSON(text))
}

// rawPath returns the bytes of a path that is no valid UTF-8, nil of any other.
func rawPath(path string) []byte {
	if utf8.ValidString(path) {
		return nil
	}
	return []byte(path)
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
