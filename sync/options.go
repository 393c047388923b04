package sync

import (
	"context"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote"
)

// Source is a transport; remote.Request and remote.Tail are its contract. It must be safe
// for use by several goroutines.
type Source interface {
	Open(ctx context.Context, req remote.Request) (*remote.Tail, error)
}

// SyncMode says when data must be durable.
type SyncMode int

const (
	SyncRun  SyncMode = iota // before the Result; many small files share one syncfs(2)
	SyncFile                 // each file by itself
	SyncNone                 // left to the system: done files count until the next boot only
)

// Options are the policies of a run. The zero value is usable.
type Options struct {
	Jobs    int // entries worked on at a time; 0 means 1; one: in the list's order
	Retries int // attempts without progress after the first one
	Streams int // connections for one file; 0: as many as help

	Overwrite bool // conflicts are replaced, too
	Backup    bool // a replaced file is kept as NAME~
	Append    bool // files grow at their end: the overlap is proof enough
	Atomic    bool // a fresh file, too, appears under its name only when it is whole
	SizeOnly  bool // equal sizes are enough for an entry without digests
	Checksum  bool // trust neither stamp nor modification time
	DryRun    bool // ask and judge, but change nothing

	Sync    SyncMode
	Limiter *rate.Limiter // bytes a second over all files; nil: no limit
}

// Puller pulls lists into a directory.
type Puller struct {
	Dir     *local.Dir
	Sources map[string]Source // by URL scheme
	Options

	stats Stats
	pace  pacer
	full  fullDisk
	room  pieceRoom
	boot  string
}

// want is an entry with what the run demands of it.
type want struct {
	listing.Entry
	// damaged says that the local file has the list's size and not its digest.
	damaged bool
}

// proofs are the digests that settle what the file's bytes are: of the whole, and one that
// stands for those of its pieces.
func (w want) proofs() []listing.Digest { return w.withPieces(w.Digests) }

// withPieces adds what stands for the pieces' digests.
func (w want) withPieces(ds []listing.Digest) []listing.Digest {
	if w.Pieces == nil {
		return ds
	}
	return append(slices.Clone(ds), w.Pieces.ID())
}

// provable says that the list proves every byte of the file.
func (w want) provable() bool {
	return len(w.Digests) > 0 || w.Pieces != nil && w.Pieces.Cover(w.Size)
}

const (
	overlap = 64 << 10 // bytes fetched again ahead of the append point, to compare

	// longestWait is the longest Retry-After that is obeyed. Beyond it the entry fails,
	// and the next run asks again.
	longestWait = 5 * time.Minute
)
