package main

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"io"
	"iter"
	"maps"
	"os"
	"slices"

	"fsync/listing"
)

// sortMemory is how many bytes of entries are sorted in memory.
const sortMemory = 32 << 20

// sorter sorts entries by the bytes of their paths, in bounded memory: what gets too long
// goes to a file without a name, sorted, and is merged in the end. The zero value is ready.
type sorter struct {
	memory int // sortMemory if it is 0

	chunk []byte // records, see appendEntry
	at    []span // of the records
	file  *os.File
	runs  []sortedRun

	urls    int // the most that an entry has
	digests map[string]bool
}

// span is where a record begins, and the path in it.
type span struct{ begin, path, pathEnd, end int }

// sortedRun is a part of the file that is sorted.
type sortedRun struct{ from, to int64 }

// add adds an entry.
func (s *sorter) add(e listing.Entry) error {
	s.urls = max(s.urls, len(e.URLs))
	for _, d := range e.Digests {
		if !s.digests[d.Algorithm] {
			if s.digests == nil {
				s.digests = make(map[string]bool)
			}
			s.digests[d.Algorithm] = true
		}
	}
	memory := cmp.Or(s.memory, sortMemory)
	if s.chunk == nil {
		s.chunk = make([]byte, 0, memory+memory/8) // what is not used is never touched
	}
	begin := len(s.chunk)
	var path int
	s.chunk, path = appendEntry(s.chunk, e)
	s.at = append(s.at, span{begin, path, path + len(e.Path), len(s.chunk)})
	if len(s.chunk) >= memory {
		return s.spill()
	}
	return nil
}

// empty says that nothing was added.
func (s *sorter) empty() bool { return len(s.at) == 0 && len(s.runs) == 0 }

// columns are the algorithms of all digests in their order in a table, sha256 always.
func (s *sorter) columns() []string {
	others := slices.Sorted(maps.Keys(s.digests))
	others = slices.DeleteFunc(others, func(name string) bool { return name == "sha256" })
	return append([]string{"sha256"}, others...)
}

// close removes the file.
func (s *sorter) close() {
	if s.file != nil {
		s.file.Close()
	}
}

// order sorts what is in memory. Of entries with one path the first stays the first.
func (s *sorter) order() {
	slices.SortFunc(s.at, func(a, b span) int {
		return cmp.Or(bytes.Compare(s.chunk[a.path:a.pathEnd], s.chunk[b.path:b.pathEnd]), cmp.Compare(a.begin, b.begin))
	})
}

// spill writes what is in memory to the file, as one more run.
func (s *sorter) spill() (err error) {
	if s.file == nil {
		if s.file, err = unnamed(); err != nil {
			return err
		}
	}
	var next sortedRun
	if n := len(s.runs); n > 0 {
		next.from = s.runs[n-1].to
	}
	next.to = next.from + int64(len(s.chunk))
	s.order()
	w := bufio.NewWriterSize(s.file, 1<<20)
	for _, at := range s.at {
		if _, err := w.Write(s.chunk[at.begin:at.end]); err != nil {
			return err
		}
	}
	s.runs = append(s.runs, next)
	s.chunk, s.at = s.chunk[:0], s.at[:0]
	return w.Flush()
}

// sorted yields all entries in their order. It can be called again; nothing is added after it.
func (s *sorter) sorted() iter.Seq2[listing.Entry, error] {
	if len(s.runs) == 0 {
		return s.inMemory
	}
	return s.merged
}

func (s *sorter) inMemory(yield func(listing.Entry, error) bool) {
	s.order()
	for _, at := range s.at {
		if e, err := readEntry(s.chunk[at.begin:at.end]); !yield(e, err) || err != nil {
			return
		}
	}
}

// merged takes the least of the runs' first entries, again and again.
func (s *sorter) merged(yield func(listing.Entry, error) bool) {
	if len(s.at) > 0 {
		if err := s.spill(); err != nil {
			yield(listing.Entry{}, err)
			return
		}
	}
	s.chunk, s.at = nil, nil
	var h heads
	for i, r := range s.runs {
		one := &head{run: i, r: bufio.NewReaderSize(io.NewSectionReader(s.file, r.from, r.to-r.from), 64<<10)}
		if err := one.next(); err != nil {
			yield(listing.Entry{}, err)
			return
		}
		h = append(h, one)
	}
	heap.Init(&h)
	for len(h) > 0 {
		if !yield(h[0].entry, nil) {
			return
		}
		switch err := h[0].next(); {
		case err == io.EOF:
			heap.Pop(&h)
		case err != nil:
			yield(listing.Entry{}, err)
			return
		default:
			heap.Fix(&h, 0)
		}
	}
}

// head is the first entry of what is left of a run.
type head struct {
	entry  listing.Entry
	run    int
	r      *bufio.Reader
	record []byte
}

func (h *head) next() (err error) {
	if h.record, err = nextRecord(h.r, h.record); err == nil {
		h.entry, err = readEntry(h.record)
	}
	return err
}

// heads is a heap.
type heads []*head

func (h heads) Len() int { return len(h) }
func (h heads) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].entry.Path, h[j].entry.Path), cmp.Compare(h[i].run, h[j].run)) < 0
}
func (h heads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *heads) Push(x any)   { *h = append(*h, x.(*head)) }

// Pop takes the last one away.
func (h *heads) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
