package faultfs

import (
	"path"
	"slices"
	"sync"
	"syscall"
)

// Op is an operation that a Fault is for.
type Op string

// The operations, each by the system calls that lead to it.
const (
	Lookup   Op = "lookup"    // the first step to any name
	Open     Op = "open"      // open(2) of what is there
	Create   Op = "create"    // open(2) with O_CREAT
	Mkdir    Op = "mkdir"     //
	Read     Op = "read"      //
	Write    Op = "write"     // write(2), splice(2), one call for some pages of each
	Copy     Op = "copy"      // copy_file_range(2)
	Truncate Op = "truncate"  //
	Chtimes  Op = "chtimes"   // utimensat(2)
	Chmod    Op = "chmod"     //
	Allocate Op = "allocate"  // fallocate(2)
	Seek     Op = "seek"      // lseek(2) with SEEK_HOLE or SEEK_DATA
	SetXattr Op = "setxattr"  //
	GetXattr Op = "getxattr"  //
	Fsync    Op = "fsync"     // fsync(2), fdatasync(2)
	FsyncDir Op = "fsync dir" // fsync(2) of a directory
	Flush    Op = "close"     // close(2)
	Rename   Op = "rename"    //
	Link     Op = "link"      //
	Unlink   Op = "unlink"    //
)

// Fault is one way in which an operation goes wrong.
type Fault struct {
	Op    Op
	Name  string        // last element of the path that it is for, a pattern of path.Match; "" for all
	Errno syscall.Errno // 0: it succeeds, but for what the other fields say
	Skip  int           // so many operations pass first
	Times int           // then it is for so many; 0 for all

	// From is, for Write, Copy and Truncate, the size up to which a file can grow. What is
	// written across it is cut short there, as by a disk that gets full.
	From int64
	// Most is how many bytes one Write takes at most, 0 for all.
	Most int
	// At is the answer to Seek, if Errno is 0.
	At int64
	// Do is called before the operation, which then goes on or fails as the rest says.
	Do func()
}

type armed struct {
	Fault
	seen int
}

// faults are those of a mounted FS.
type faults struct {
	mu    sync.Mutex // guards what follows
	armed []*armed
	count map[Op]int
}

// Inject adds faults. Of those that are for an operation the first counts.
func (f *faults) Inject(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range faults {
		f.armed = append(f.armed, &armed{Fault: one})
	}
}

// Mend ends all faults and begins to count anew.
func (f *faults) Mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.count = nil, nil
}

// Hits returns how many operations met a fault since Mend: what was tested at all.
func (f *faults) Hits() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.armed {
		if hit := max(0, a.seen-a.Skip); a.Times > 0 {
			n += min(hit, a.Times)
		} else {
			n += hit
		}
	}
	return n
}

// Count returns how many operations of a kind there were since Mend.
func (f *faults) Count(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[op]
}

// meet returns the fault that an operation meets, nil for none. reach is where it ends in
// the file, for those that From is about.
func (f *faults) meet(op Op, name string, reach int64) *Fault {
	f.mu.Lock()
	if f.count == nil {
		f.count = map[Op]int{}
	}
	f.count[op]++
	i := slices.IndexFunc(f.armed, func(a *armed) bool {
		if a.Op != op || a.From > 0 && reach <= a.From {
			return false
		}
		if ok, _ := path.Match(a.Name, path.Base(name)); !ok && a.Name != "" {
			return false
		}
		a.seen++
		return a.seen > a.Skip && (a.Times == 0 || a.seen <= a.Skip+a.Times)
	})
	if i < 0 {
		f.mu.Unlock()
		return nil
	}
	fault := f.armed[i].Fault
	f.mu.Unlock()
	if fault.Do != nil {
		fault.Do()
	}
	return &fault
}

// fails returns the error of an operation that has no bytes.
func (f *faults) fails(op Op, name string) syscall.Errno {
	if fault := f.meet(op, name, 0); fault != nil {
		return fault.Errno
	}
	return 0
}
