package sync

import (
	"time"

	"fsync/listing"
)

// Outcome says how an entry ended.
type Outcome int

const (
	UpToDate Outcome = iota // complete before; nothing was written
	Fetched                 // there was nothing; fetched whole
	Resumed                 // the missing rest was appended
	Repaired                // damage of a power cut was cut off, the rest appended
	Replaced                // a newer version was swapped in
	Conflict                // what is here is not fsync's to change; untouched
	Failed                  // see Err
	Stopped                 // the run ended first; what was fetched is kept
)

var outcomeNames = [...]string{"up-to-date", "fetched", "resumed", "repaired", "replaced", "conflict", "failed", "stopped"}

func (o Outcome) String() string { return outcomeNames[o] }

// OK says that the entry is complete.
func (o Outcome) OK() bool { return o <= Replaced }

// Evidence says what proves that the bytes are right.
type Evidence int

const (
	NoEvidence     Evidence = iota // fetched in one piece, or size and time agreed
	TailEvidence                   // the bytes ahead of the append point were compared
	PrefixEvidence                 // all bytes that were here were compared
	DigestEvidence                 // a digest of the whole file agreed
)

var evidenceNames = [...]string{"none", "tail", "prefix", "digest"}

func (e Evidence) String() string { return evidenceNames[e] }

// Result is the end of one entry.
type Result struct {
	Entry    listing.Entry
	Outcome  Outcome
	Err      error  // of Conflict, Failed and Stopped
	Note     string // what a careful reader wants to know of a success
	Verified Evidence

	Size      int64 // of the file now, -1 if unknown
	Offset    int64 // the size it had before
	Fetched   int64 // bytes of bodies that were read
	Refetched int64 // of those, bytes that were here before
	Planned   int64 // dry run: bytes that would be fetched
	Requests  int
	Elapsed   time.Duration
}

// keep says that a file of size bytes is complete as it is, by what is remembered of it.
func (r *Result) keep(size int64) {
	r.Outcome, r.Size = UpToDate, size
	if len(r.Entry.Digests) > 0 {
		r.Verified = DigestEvidence
	}
}
