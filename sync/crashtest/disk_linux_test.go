package crashtest

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	pageSize = 4096
	// dataWrite is from what size on a write is taken for one of file data, which may be
	// late. Journals and metadata are written in smaller ones, mostly.
	dataWrite = 128 << 10
	// latest is how late it may be.
	latest = 400 * time.Millisecond
)

type page = [pageSize]byte

// stale is what a page holds that was never written: what another file left there, not zeros.
var stale = func() *page {
	p := new(page)
	for i := range p {
		p[i] = 0xA5
	}
	return p
}()

// pages is what a disk holds. A page that is in it is never written to, so copies of the
// table share their pages.
type pages []*page

func newPages(size int64) pages {
	t := make(pages, size/pageSize)
	for i := range t {
		t[i] = stale
	}
	return t
}

// write puts data at off. The data belongs to the table from then on.
func (t pages) write(off int64, data []byte) {
	for len(data) > 0 {
		i, within := off/pageSize, off%pageSize
		n := min(pageSize-within, int64(len(data)))
		if n == pageSize {
			t[i] = (*page)(data[:n])
		} else {
			p := *t[i]
			copy(p[within:], data[:n])
			t[i] = &p
		}
		off, data = off+n, data[n:]
	}
}

func (t pages) read(off int64, p []byte) {
	for len(p) > 0 {
		n := copy(p, t[off/pageSize][off%pageSize:])
		off, p = off+int64(n), p[n:]
	}
}

// event is a write that reached the disk, or, without data, a FLUSH: all that came before it
// is durable.
type event struct {
	off  int64
	data []byte
}

// disk is a disk with a volatile cache. Writes of data may take a while, so they reach it
// out of order. A live one logs what reaches it.
type disk struct {
	mu   sync.Mutex // guards what follows
	now  pages
	base pages // what the disk held when the log began; nil: it has not
	log  []event
	late bool // writes of data are
}

func newDisk(t pages) *disk { return &disk{now: t} }

// size is in bytes.
func (d *disk) size() int64 { return int64(len(d.now)) * pageSize }

// write returns when the data has reached the disk.
func (d *disk) write(off int64, p []byte) {
	data := append([]byte(nil), p...)
	d.mu.Lock()
	var wait time.Duration
	if d.late && len(p) >= dataWrite {
		wait = rand.N(latest)
	}
	d.mu.Unlock()
	if wait > 0 {
		time.Sleep(wait)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now.write(off, data)
	if d.base != nil {
		d.log = append(d.log, event{off, data})
	}
}

func (d *disk) read(off int64, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now.read(off, p)
}

// flush makes durable what has reached the disk, and not what is on its way.
func (d *disk) flush() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.base != nil {
		d.log = append(d.log, event{})
	}
}

// begin begins the log, and with it the lateness.
func (d *disk) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.base, d.log, d.late = append(pages(nil), d.now...), nil, true
}

// end ends the log: what is written from now on is not in it, nor late.
func (d *disk) end() record {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := record{d.base, d.log}
	d.base, d.log, d.late = nil, nil, false
	return r
}

// position is how long the log is: what reached the disk until now.
func (d *disk) position() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.log)
}

// record is what was written to a disk, in the order in which it got there.
type record struct {
	base pages
	log  []event
}

// loss says which of the writes behind the last FLUSH a cut takes.
type loss int

const (
	inOrder loss = iota // none: the disk has no cache, and was cut off between two writes
	random              // a random half of them
	torn                // of each of them a random half of its pages
)

func (l loss) String() string { return [...]string{"in order", "random", "torn"}[l] }

// cut returns what the disk holds after a power cut when it had come as far as at.
func (r record) cut(at int, l loss, rnd *rand.Rand) pages {
	t := append(pages(nil), r.base...)
	last := 0
	for i, e := range r.log[:at] {
		if e.data == nil {
			last = i
		}
	}
	for _, e := range r.log[:last] {
		t.write(e.off, e.data)
	}
	for _, e := range r.log[last:at] {
		switch {
		case l == inOrder || l == random && rnd.IntN(2) == 0:
			t.write(e.off, e.data)
		case l == torn:
			for from := int64(0); from < int64(len(e.data)); from += pageSize {
				if to := min(from+pageSize, int64(len(e.data))); rnd.IntN(2) == 0 {
					t.write(e.off+from, e.data[from:to])
				}
			}
		}
	}
	return t
}
