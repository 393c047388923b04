package sync

import (
	"strings"

	"fsync/listing"
	"fsync/sync/local"
)

// Finding is what a check finds of an entry, without asking anybody.
type Finding int

const (
	FoundComplete  Finding = iota // a pull would have nothing to fetch
	FoundPartial                  // a beginning is here
	FoundMissing                  // nothing is here
	FoundLonger                   // more is here than there should be
	FoundDiffers                  // what is here is something else, or damaged
	FoundUnproven                 // all of it may be here, but nothing says that it is right
	FoundStaged                   // it is under way in a copy beside it
	FoundForeign                  // another program's download is not finished: the size tells nothing
	FoundIrregular                // what is here is no regular file
	FoundFailed                   // it could not be looked at
)

var findingNames = [...]string{"complete", "partial", "missing", "longer", "differs", "unproven", "staged", "foreign", "irregular", "failed"}

func (f Finding) String() string { return findingNames[f] }

// classify says what a file is for its entry, by what a look at it tells, and why that is
// not more. It is pure.
//
//	local file                                                       finding
//	none                                                             missing
//	a directory, a symbolic link, a FIFO …                           irregular
//	more bytes than the list says, or else the stamp                 longer
//	fewer, but committed                                             differs: an older version
//	fewer                                                            partial
//	decide would skip it (size and time of the list, digests known)  complete
//	committed; no digest in the list; its size and time, if given    complete
//	committed; remembers another digest than the list's              differs
//	its digest was found wrong, and the list still has that          differs
//	any other                                                        unproven
//
// A size alone proves nothing: other programs reserve it before there is a byte.
func classify(l local.State, byStamp bool, w want, o Options) (Finding, string) {
	size := wantSize(l.Stamp, w)
	switch {
	case !l.Exists:
		return FoundMissing, ""
	case l.Irregular != "":
		return FoundIrregular, l.Irregular + " is where the file should be"
	case size >= 0 && l.Size > size:
		return FoundLonger, ""
	case l.Size < size && byStamp:
		return FoundDiffers, "it is complete as another version, which is shorter"
	case l.Size < size:
		return FoundPartial, ""
	}
	switch {
	case l.Stamp != nil && l.Stamp.State == local.Bad && len(w.Digests) > 0 && remembers(l.Stamp, w.Digests):
		return FoundDiffers, "its digest was found wrong when it was pulled"
	case byStamp && contradicts(l.Stamp, w.Digests):
		return FoundDiffers, "the digest that it had when it was pulled is not the list's"
	case decide(l, byStamp, w, o) == skip,
		byStamp && !w.hasDigests() && (w.ModTime.IsZero() || l.HasTime(w.ModTime)):
		return FoundComplete, ""
	}
	return FoundUnproven, unproven(l, byStamp, w)
}

// hasDigests says that reading the file can tell something.
func (w want) hasDigests() bool { return len(w.Digests) > 0 || w.Pieces != nil }

// wantSize is how long a file should be: as the list says, else as its stamp does, else -1.
func wantSize(s *local.Stamp, w want) int64 {
	if w.Size < 0 && s != nil {
		return s.Total
	}
	return w.Size
}

// contradicts says that a stamp remembers another digest of the same algorithm. Digests of
// other pieces contradict nothing.
func contradicts(s *local.Stamp, ds []listing.Digest) bool {
	for _, d := range ds {
		short := local.ShortDigest(d.Algorithm, d.Sum)
		for _, have := range s.Digests {
			if have != short && strings.HasPrefix(have, d.Algorithm+":") {
				return true
			}
		}
	}
	return false
}

// unproven says why a file that may be complete is not known to be.
func unproven(l local.State, byStamp bool, w want) string {
	switch s := l.Stamp; {
	case s != nil && s.State == local.Bad:
		return "its digest was found wrong when it was pulled, by another list"
	case s != nil && s.State != local.Done && s.Total < 0:
		return "it was not pulled to its end, and nothing says how long it is"
	case s != nil && s.State != local.Done:
		return "it was not pulled to its end: what is here was not verified"
	case s != nil && touched(l):
		return "it was written to since it was complete"
	case s != nil && !byStamp:
		return "it was complete, but perhaps not on disk when the system was started anew"
	case l.Holes:
		return "it has holes, which were never written"
	case s == nil && w.Size < 0 && !w.hasDigests():
		return "nothing says how long it is"
	case !w.ModTime.IsZero() && !l.HasTime(w.ModTime):
		return "its time is not the list's"
	case w.hasDigests():
		return "its digest is not known"
	}
	return "nothing but its size is known to agree"
}

// stagedBytes returns how many bytes of an entry a staged copy holds that a pull would go
// on with. It is pure.
func stagedBytes(st local.State, w want) int64 {
	s := st.Stamp
	switch {
	case s == nil || st.Size == 0 || st.Links > 1 || condition(s) == nil,
		s.State == local.Bad || s.State == local.Trial && !w.provable(),
		w.Size >= 0 && (st.Size > w.Size || s.Total >= 0 && s.Total != w.Size),
		s.Total >= 0 && st.Size > s.Total:
		return 0
	}
	return st.Size
}

// left returns how many bytes a pull would have to fetch, -1 if that cannot be told.
func left(f Finding, size, want int64) int64 {
	switch {
	case f == FoundComplete:
		return 0
	case want < 0 || f == FoundForeign || f == FoundFailed:
		return -1
	case f == FoundPartial || f == FoundUnproven:
		return want - size
	}
	return want
}

// count returns how many pieces that were seen are wrong, and how many bytes they have.
func (c *pieceCheck) count() (wrong int, bytes int64) {
	if c == nil {
		return 0, 0
	}
	for i := range c.i {
		if !c.good[i] {
			from, to := c.pieces.Span(i, c.size)
			wrong, bytes = wrong+1, bytes+to-from
		}
	}
	return wrong, bytes
}
