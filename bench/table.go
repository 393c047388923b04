//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// A table is what was measured in a row.
type table struct {
	Row, Title string
	Need       int64  // bytes that had to come
	Counted    string // what counted bytes and connections: "", "nginx" or "line"
	Entries    []entry
	Notes      []string `json:",omitempty"`
}

// An entry is a program in a table.
type entry struct {
	Name    string
	Limit   bool   `json:",omitempty"` // what can be had at all, no peer
	Fsync   bool   `json:",omitempty"`
	Class   string `json:",omitempty"` // what its peers are to have in common with it
	Unseen  bool   `json:",omitempty"` // leaves nothing to compare
	Samples []sample
}

// sample is one run.
type sample struct {
	Wall, CPU   float64 // seconds
	RSS         int64   // bytes, of the largest of its processes
	Served      int64   // bytes
	Connections int
	Wrong       string `json:",omitempty"` // "" if it was right
	Kills       []kill `json:",omitempty"`
}

func over(base, value float64) string {
	if base == 0 || value == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", value/base)
}

// markdown returns medians, and the least and most of the time.
func (t table) markdown() string {
	var s strings.Builder
	head := []string{"program", "wall s (min–max)", "CPU s", "RSS MiB", "× best peer", "× limit"}
	if t.Counted != "" {
		head = append(head, "served MB", "over need MB", "connections")
	}
	head = append(head, "result")
	runs := 0
	for _, e := range t.Entries {
		runs = max(runs, len(e.Samples))
	}
	fmt.Fprintf(&s, "\n### %s: %s, n=%d\n\n| %s |\n|%s\n", t.Row, t.Title, runs, strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, e := range t.Entries {
		fmt.Fprintf(&s, "| %s |\n", strings.Join(t.cells(e), " | "))
	}
	t.kills(&s)
	for _, note := range t.Notes {
		fmt.Fprintf(&s, "\n%s\n", note)
	}
	return s.String()
}

func (t table) cells(e entry) []string {
	name := e.Name
	if e.Limit {
		name = "*limit: " + name + "*"
	}
	if len(e.Samples) == 0 {
		return []string{name, "not run"}
	}
	walls := each(e.Samples, func(s sample) float64 { return s.Wall })
	ratio := over(t.bestPeer(e), e.wall())
	if !e.right() && !e.Limit {
		ratio = "–"
	}
	cells := []string{
		name,
		fmt.Sprintf("%.3f (%.3f–%.3f)", e.wall(), slices.Min(walls), slices.Max(walls)),
		fmt.Sprintf("%.3f", median(each(e.Samples, func(s sample) float64 { return s.CPU }))),
		fmt.Sprintf("%.1f", float64(median(each(e.Samples, func(s sample) int64 { return s.RSS })))/mib),
		ratio, over(t.limit(), e.wall()),
	}
	if t.Counted != "" {
		served := median(each(e.Samples, func(s sample) int64 { return s.Served }))
		cells = append(cells,
			fmt.Sprintf("%.1f", float64(served)/1e6),
			fmt.Sprintf("%+.1f", float64(served-t.Need)/1e6),
			fmt.Sprint(median(each(e.Samples, func(s sample) int { return s.Connections }))))
	}
	return append(cells, e.result())
}

// result names the first run that was wrong, and how many were.
func (e entry) result() string {
	wrong := slices.DeleteFunc(slices.Clone(e.Samples), func(s sample) bool { return s.Wrong == "" })
	switch {
	case len(wrong) > 0:
		return fmt.Sprintf("**%s** (%d of %d)", strings.ReplaceAll(wrong[0].Wrong, "|", "¦"), len(wrong), len(e.Samples))
	case e.Unseen:
		return "not compared"
	}
	return "ok"
}
