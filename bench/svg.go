//go:build linux

package main

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

const (
	svgWidth = 800
	svgLabel = 240 // where bars begin
	svgBar   = 14
	svgStep  = 19
	svgUnit  = 90  // of fsync's bar
	svgMost  = 4.5 // a longer bar is cut off, and says so
	svgPeers = 4   // shown of a row, the fastest
)

// svgStyle is readable on a light and on a dark page.
const svgStyle = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.note { fill: #57606a }
.own { fill: #0969da }
.peer { fill: #afb8c1 }
.limit { fill: none; stroke: #57606a; stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.note { fill: #9198a1 }
.own { fill: #4493f8 }
.peer { fill: #545d68 }
.limit { stroke: #9198a1 }
}
</style>
`

// A bar is one program's time in a group.
type bar struct {
	name, class string
	wall        float64 // seconds
}

// bars chooses what is drawn of a table: the limit, fsync's fastest way, the fastest peers.
// Without fsync there is nothing to compare with.
func (t table) bars() []bar {
	var own, limit, peers []bar
	for _, e := range t.Entries {
		if !e.right() || e.Class != "" {
			continue
		}
		b := bar{e.Name, "peer", e.wall()}
		switch {
		case e.Limit:
			b.class = "limit"
			limit = append(limit, b)
		case e.Fsync:
			b.class = "own"
			own = append(own, b)
		default:
			peers = append(peers, b)
		}
	}
	if len(own) == 0 {
		return nil
	}
	faster := func(a, b bar) int {
		switch {
		case a.wall < b.wall:
			return -1
		case a.wall > b.wall:
			return 1
		}
		return 0
	}
	for _, group := range [][]bar{own, limit, peers} {
		slices.SortStableFunc(group, faster)
	}
	return slices.Concat(own[:1], peers[:min(len(peers), svgPeers)], limit[:min(len(limit), 1)])
}

// drawing returns an SVG picture: for each table a group of bars, as long as the program's time
// is in units of fsync's.
func drawing(tables []table) string {
	var body strings.Builder
	y := 44
	fmt.Fprintf(&body, `<text x="8" y="20" class="title">Time relative to fsync (shorter is faster)</text>`+"\n")
	for _, t := range tables {
		bars := t.bars()
		if len(bars) == 0 {
			continue
		}
		fmt.Fprintf(&body, `<text x="8" y="%d" class="title">%s: %s</text>`+"\n", y, html.EscapeString(t.Row), html.EscapeString(t.Title))
		y += 8
		for _, b := range bars {
			b.draw(&body, y, bars[0].wall)
			y += svgStep
		}
		y += 22
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-label="Time relative to fsync">`+"\n%s%s</svg>\n",
		svgWidth, y, svgStyle, body.String())
}

func (b bar) draw(s *strings.Builder, y int, unit float64) {
	ratio := b.wall / max(unit, 1e-9)
	length, value := min(ratio, svgMost)*svgUnit, fmt.Sprintf("%.2f × · %s", ratio, seconds(b.wall))
	if ratio > svgMost {
		value = "» " + value
	}
	name := b.name
	if b.class == "limit" {
		name = "limit: " + name
	}
	if r := []rune(name); len(r) > 34 {
		name = string(r[:33]) + "…"
	}
	fmt.Fprintf(s, `<text x="%d" y="%d" text-anchor="end">%s</text><rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/><text class="note" x="%.1f" y="%d">%s</text>`+"\n",
		svgLabel-6, y+11, html.EscapeString(name), b.class, svgLabel, y, length, svgBar, svgLabel+length+6, y+11, html.EscapeString(value))
}

func seconds(s float64) string {
	switch {
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 10:
		return fmt.Sprintf("%.2f s", s)
	}
	return fmt.Sprintf("%.1f s", s)
}
