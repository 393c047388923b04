// Package sync makes every file that a list names exist in one directory, by fetching
// only the bytes that are missing. A local file's own size is the only record of
// progress; docs/design.md has the rules that make it trustworthy.
//
// Start at Puller.Pull. One entry goes through these stages, each in the file of its name:
//
//	probe    what is here: size, kind, stamp, holes            (local.Dir.Look)
//	decide   which request that calls for, or none             (pure)
//	open     one request; its answer is a remote.Tail          (Source.Open)
//	judge    what the answer means for the local file          (pure)
//	compare  the bytes ahead of the append point, with the same bytes fetched again
//	append   in order, at the end of the file
//	verify   size and every known digest
//	commit   data durable, then the stamp, then the modification time
//
// A retry begins at probe again, so trying again in a run and running again are the same.
// The package knows no protocol and prints nothing.
package sync
