package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"fsync/listing"
)

// randomEntries have all kinds of fields and of paths, each path once.
func randomEntries(n int) []listing.Entry {
	r := rand.New(rand.NewPCG(1, 2))
	entries := make([]listing.Entry, n)
	for i := range entries {
		e := listing.Entry{Path: fmt.Sprintf("%c/%x\xff\n%d", 'a'+r.IntN(3), r.Uint32()>>r.IntN(32), i), Size: int64(r.Uint64()>>r.IntN(64)) - 1}
		if i%3 > 0 {
			e.ModTime = time.Unix(r.Int64N(1<<36)-1<<35, r.Int64N(1e9)).UTC()
		}
		for j := range i % 4 {
			e.URLs = append(e.URLs, strings.Repeat("u", j*100))
			e.Digests = append(e.Digests, listing.Digest{Algorithm: fmt.Sprint("a", j), Sum: strings.Repeat("\x00", j*20)})
		}
		if i%5 == 0 {
			e.Pieces = &listing.Pieces{Algorithm: "sha1", Length: 1 << 40, Offset: 3, Padding: 5, Sums: strings.Repeat("s", r.IntN(20)*20)}
		}
		entries[i] = e
	}
	return entries
}

func TestSorter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ entries, memory, runs int }{
		{0, 1000, 0},
		{1, 1 << 20, 0},
		{500, 1 << 20, 0},
		{1, 1, 1},
		{2, 1, 2},
		{500, 1, 500},
		{500, 5000, -1},
		{3000, 20_000, -1},
	} {
		t.Run(fmt.Sprintf("%d entries in %d bytes", c.entries, c.memory), func(t *testing.T) {
			t.Parallel()
			want := randomEntries(c.entries)
			s := sorter{memory: c.memory}
			defer s.close()
			for _, e := range want {
				if err := s.add(e); err != nil {
					t.Fatal(err)
				}
			}
			if c.runs >= 0 && len(s.runs) != c.runs || c.runs < 0 && len(s.runs) < 5 {
				t.Errorf("%d runs", len(s.runs))
			}
			slices.SortFunc(want, func(a, b listing.Entry) int { return cmp.Compare(a.Path, b.Path) })
			for range 2 {
				var got []listing.Entry
				for e, err := range s.sorted() {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, e)
				}
				if len(want) == 0 && len(got) == 0 {
					continue
				}
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Fatalf("(-want +got):\n%.2000s", diff)
				}
			}
			if s.empty() != (c.entries == 0) || c.entries >= 4 && s.urls != 3 {
				t.Errorf("empty %t, %d URLs", s.empty(), s.urls)
			}
		})
	}
}

// Entries of one path stay in the order in which they came.
func TestSorterStable(t *testing.T) {
	t.Parallel()
	for _, memory := range []int{1, 100, 1 << 20} {
		s := sorter{memory: memory}
		for i := range 100 {
			if err := s.add(listing.Entry{Path: "same", Size: int64(i)}); err != nil {
				t.Fatal(err)
			}
		}
		i := int64(0)
		for e, err := range s.sorted() {
			if err != nil || e.Size != i {
				t.Fatalf("%d bytes: entry %d is %d, error %v", memory, i, e.Size, err)
			}
			i++
		}
		s.close()
	}
}

func TestSorterColumns(t *testing.T) {
	t.Parallel()
	var s sorter
	if got := fmt.Sprint(s.columns()); got != "[sha256]" {
		t.Errorf("got %s", got)
	}
	for _, a := range []string{"sha512", "md5", "sha256", "md5"} {
		s.add(listing.Entry{Path: "a", Digests: []listing.Digest{{Algorithm: a}}})
	}
	if got := fmt.Sprint(s.columns()); got != "[sha256 md5 sha512]" {
		t.Errorf("got %s", got)
	}
}

// A disk that gave other bytes back must not make the program fall.
func TestRecordDamaged(t *testing.T) {
	t.Parallel()
	for _, e := range randomEntries(20) {
		record, path := appendEntry(nil, e)
		if !bytes.HasPrefix(record[path:], []byte(e.Path)) {
			t.Fatalf("the path is not at %d", path)
		}
		for n := 4; n < len(record); n++ {
			got, err := readEntry(record[:n])
			if err == nil && (e.Pieces == nil || got.Pieces != nil) {
				t.Errorf("%d of %d bytes were enough", n, len(record))
			}
		}
		for i := 4; i < len(record); i++ {
			bad := slices.Clone(record)
			bad[i] ^= 0xff
			readEntry(bad)
		}
	}
}
