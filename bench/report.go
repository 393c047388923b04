//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// A report is all that one call of this program measured.
type report struct {
	Machine machine
	Scale   float64
	Runs    int
	Missing []string `json:",omitempty"` // programs that are not installed
	Tables  []table
}

func (r report) markdown() string {
	var s strings.Builder
	s.WriteString(r.Machine.markdown())
	if len(r.Missing) > 0 {
		fmt.Fprintf(&s, "\nNot installed, and left out: %s.\n", strings.Join(r.Missing, ", "))
	}
	if r.Scale != 1 {
		fmt.Fprintf(&s, "\n**Sizes and numbers are scaled by %g: these are not the rows' own figures.**\n", r.Scale)
	}
	for _, t := range r.Tables {
		s.WriteString(t.markdown())
	}
	return s.String()
}

// failed names the rows in which fsync itself was wrong.
func (r report) failed() []string {
	var rows []string
	for _, t := range r.Tables {
		if slices.ContainsFunc(t.Entries, func(e entry) bool { return e.Fsync && !e.right() }) {
			rows = append(rows, t.Row)
		}
	}
	return rows
}

// write writes what has a name: JSON, Markdown, SVG.
func (r report) write(jsonFile, md, svg string) error {
	var errs []error
	if jsonFile != "" {
		text, err := json.MarshalIndent(r, "", "\t")
		errs = append(errs, err, os.WriteFile(jsonFile, append(text, '\n'), 0o644))
	}
	if md != "" {
		errs = append(errs, os.WriteFile(md, []byte(r.markdown()), 0o644))
	}
	if svg != "" {
		errs = append(errs, os.WriteFile(svg, []byte(drawing(r.Tables)), 0o644))
	}
	return errors.Join(errs...)
}

// merge puts the rows of several calls together, in the order of the rows. Of one that was
// measured more than once the last counts.
func merge(reports []report) report {
	var all report
	for _, r := range reports {
		tables := slices.DeleteFunc(all.Tables, func(t table) bool {
			return slices.ContainsFunc(r.Tables, func(u table) bool { return u.Row == t.Row })
		})
		missing := append(slices.Clone(all.Missing), r.Missing...)
		all = r
		all.Tables = append(tables, r.Tables...)
		slices.Sort(missing)
		all.Missing = slices.Compact(missing)
	}
	order := make(map[string]int)
	for i, r := range allRows() {
		order[r.id] = i
	}
	slices.SortStableFunc(all.Tables, func(a, b table) int { return order[a.Row] - order[b.Row] })
	return all
}

// render reads what -json wrote and writes it in the other forms.
func render(args []string) error {
	f := flag.NewFlagSet("bench render", flag.ContinueOnError)
	jsonFile := f.String("json", "", "write all as one `file`")
	md := f.String("md", "/dev/stdout", "write the tables to this `file`")
	svg := f.String("svg", "", "draw them to this `file`")
	if err := f.Parse(args); err != nil {
		return err
	}
	var reports []report
	for _, name := range f.Args() {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var r report
		if err := json.Unmarshal(text, &r); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		reports = append(reports, r)
	}
	if len(reports) == 0 {
		return errors.New("render: no file that -json wrote")
	}
	return merge(reports).write(*jsonFile, *md, *svg)
}
