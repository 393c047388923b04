//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestSelectRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ names, want string }{
		{"A", "A100k A1M"},
		{"A1M,A", "A1M A100k"},
		{"C-disk", "C-disk"},
		{"J,B", "J B"},
		{"E,E50,H", "E50 E99 H-fresh H-noop"},
	} {
		rows, err := selectRows(c.names)
		var ids []string
		for _, r := range rows {
			ids = append(ids, r.id)
		}
		if got := strings.Join(ids, " "); err != nil || got != c.want {
			t.Errorf("%s: %s, %v, want %s", c.names, got, err, c.want)
		}
	}
	for _, names := range []string{"", "A,", "X", "disk", "a"} {
		if rows, err := selectRows(names); err == nil {
			t.Errorf("%q: %v", names, rows)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []int
		want   int
	}{{nil, 0}, {[]int{5}, 5}, {[]int{9, 1}, 9}, {[]int{9, 1, 5}, 5}, {[]int{4, 1, 3, 2, 100}, 3}} {
		if got := median(c.values); got != c.want {
			t.Errorf("%v: %d, want %d", c.values, got, c.want)
		}
	}
}

// runs are samples of these times, in seconds.
func runs(walls ...float64) []sample {
	var all []sample
	for _, w := range walls {
		all = append(all, sample{Wall: w, CPU: w / 2, RSS: 10 * mib, Served: 2_000_000, Connections: 3})
	}
	return all
}

func exampleTable() table {
	failed := runs(1, 1)
	failed[1].Wrong = "WRONG: 1 missing|0 wrong"
	return table{Row: "X", Title: "a row <of> files", Need: 1_500_000, Counted: "nginx", Entries: []entry{
		{Name: "least", Limit: true, Samples: runs(1)},
		{Name: "fsync", Fsync: true, Samples: runs(2, 4, 3)},
		{Name: "slow", Samples: runs(60)},
		{Name: "good & quick", Samples: runs(6)},
		{Name: "liar", Samples: failed},
		{Name: "fsync, durable", Fsync: true, Class: durable, Samples: runs(5)},
		{Name: "good && sync", Class: durable, Samples: runs(10)},
		{Name: "absent"},
	}}
}

func TestTable(t *testing.T) {
	t.Parallel()
	got := exampleTable().markdown()
	for _, want := range []string{
		"\n### X: a row <of> files, n=3\n\n| program |",
		"| *limit: least* | 1.000 (1.000–1.000) | 0.500 | 10.0 | 0.17 | 1.00 | 2.0 | +0.5 | 3 | ok |\n",
		"| fsync | 3.000 (2.000–4.000) | 1.500 | 10.0 | 0.50 | 3.00 | 2.0 | +0.5 | 3 | ok |\n",
		"| slow | 60.000 (60.000–60.000) | 30.000 | 10.0 | 10.00 | 60.00 |",
		"| liar | 1.000 (1.000–1.000) | 0.500 | 10.0 | – | 1.00 | 2.0 | +0.5 | 3 | **WRONG: 1 missing¦0 wrong** (1 of 2) |\n",
		"| fsync, durable | 5.000 (5.000–5.000) | 2.500 | 10.0 | 0.50 |",
		"| absent | not run |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "kill 1") {
		t.Errorf("nobody was killed:\n%s", got)
	}
}

func TestTableKills(t *testing.T) {
	t.Parallel()
	right, wrong := runs(1), runs(1)
	right[0].Kills = []kill{{Size: mib, Prefix: mib}, {Size: 2 * mib, Prefix: 2 * mib, Others: []string{"x.part"}}, {Ended: true}}
	wrong[0].Kills = []kill{{Size: 3 * mib, Prefix: mib}}
	got := table{Entries: []entry{{Name: "a", Samples: right}, {Name: "b", Samples: wrong}}}.markdown()
	for _, want := range []string{
		"| a | 1.0/1.0 MiB | 2.0/2.0 MiB + x.part | ended by itself | yes |\n",
		"| b | 3.0/1.0 MiB | **no** |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "kill 1"); n != 1 {
		t.Errorf("%d heads in\n%s", n, got)
	}
}

func TestDrawing(t *testing.T) {
	t.Parallel()
	without := table{Row: "Y", Title: "no fsync here", Entries: []entry{{Name: "peer", Samples: runs(1)}}}
	got := drawing([]table{exampleTable(), without})
	wellFormed(t, got)
	for _, want := range []string{
		"X: a row &lt;of&gt; files", "good &amp; quick",
		fmt.Sprintf(`<rect class="own" x="%d" y="52" width="%.1f"`, svgLabel, float64(svgUnit)),
		fmt.Sprintf(`width="%.1f"`, 2.0*svgUnit),
		"» 20.00 × · 60.0 s", "2.00 × · 6.00 s", "limit: least", "prefers-color-scheme: dark",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, bad := range []string{"liar", "durable", "good &amp;&amp; sync", "absent", "no fsync here"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q in\n%s", bad, got)
		}
	}
}

// TestBars: of many peers the fastest are drawn, fsync first and the limit last.
func TestBars(t *testing.T) {
	t.Parallel()
	tb := table{Entries: []entry{{Name: "least", Limit: true, Samples: runs(0.5)}, {Name: "least 2", Limit: true, Samples: runs(0.4)}}}
	for i := range 9 {
		tb.Entries = append(tb.Entries, entry{Name: fmt.Sprint(9 - i), Samples: runs(float64(9 - i))})
	}
	tb.Entries = append(tb.Entries, entry{Name: "fsync", Fsync: true, Samples: runs(3)}, entry{Name: "fsync 2", Fsync: true, Samples: runs(2)})
	var names []string
	for _, b := range tb.bars() {
		names = append(names, b.name)
	}
	if got, want := strings.Join(names, ","), "fsync 2,1,2,3,4,least 2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	old := report{Missing: []string{"axel", "x"}, Tables: []table{{Row: "J", Title: "1"}, {Row: "B", Title: "old"}}}
	now := report{Runs: 5, Missing: []string{"axel"}, Tables: []table{{Row: "B", Title: "new"}, {Row: "A100k"}}}
	got := merge([]report{old, now})
	text := fmt.Sprint(got.Runs, got.Missing)
	for _, tb := range got.Tables {
		text += " " + tb.Row + tb.Title
	}
	if want := "5 [axel x] A100k Bnew J1"; text != want {
		t.Errorf("%s, want %s", text, want)
	}
}

// TestFailed: a peer that is wrong is in the table; fsync's own failure is the harness's.
func TestFailed(t *testing.T) {
	t.Parallel()
	fine, bad := exampleTable(), exampleTable()
	bad.Row, bad.Entries[1].Samples = "Z", runs(1, 1)
	bad.Entries[1].Samples[1].Wrong = "exit 1"
	if got := (report{Tables: []table{fine, bad}}).failed(); len(got) != 1 || got[0] != "Z" {
		t.Errorf("%v, want Z", got)
	}
}
