package sync

import (
	"fsync/sync/local"
)

// step is what to do about an entry before anything is known of its remote.
type step int

const (
	skip     step = iota // complete as the list has it: no request
	hashHere             // compute the list's digests of the local file, then decide again
	askIf                // conditional request: a file that is still this version has no body
	askWhole             // request without a range; what is here is compared as it streams
	askRange             // request from ahead of the append point on
)

var stepNames = [...]string{"skip", "hash", "conditional", "whole", "range"}

func (s step) String() string { return stepNames[s] }

// decide chooses the request for an entry from what is here and what the list says. It is
// pure.
//
//	local file                                                  step
//	committed; size, mtime of the list agree; digests known     skip
//	committed by stamp; digests known; no mtime in the list     skip
//	--size-only, no unfinished stamp; size agrees; no digests   skip
//	size agrees, a digest is not known to be right              hashHere
//	absent or empty                                             askWhole
//	touched since it was done: digest in the list               askRange (a digest proves byte 0 on)
//	touched since it was done; --checksum; hashed and damaged   askWhole
//	committed; --append, or a new digest and no smaller size    askRange
//	committed by a stamp with a validator                       askIf
//	anything else with bytes                                    askRange
//
// Committed is: the stamp says done and the mtime is the one that was set then; or no
// stamp, but size and mtime are the list's and there is no hole. A field that the list
// does not give never agrees. The digests of pieces count as digests, but what is
// hashed here to prove a file has to be all of it.
func decide(l local.State, byStamp bool, w want, o Options) step {
	if !l.Exists {
		return askWhole
	}
	sizeAgrees := w.Size >= 0 && w.Size == l.Size
	timeAgrees := l.HasTime(w.ModTime)
	digests := len(w.Digests) > 0 || w.Pieces != nil
	remembered := digests && byStamp && remembers(l.Stamp, w.proofs())
	if !o.Checksum && !w.damaged {
		byTime := l.Stamp == nil && sizeAgrees && timeAgrees && !l.Holes
		finished := l.Stamp == nil && !l.Holes ||
			l.Stamp != nil && l.Stamp.State == local.Done && (byStamp || l.Stamp.Boot == "")
		switch {
		case (byStamp || byTime) && sizeAgrees && timeAgrees && (!digests || remembered),
			o.SizeOnly && finished && sizeAgrees && (!digests || remembered),
			remembered && w.ModTime.IsZero() && (w.Size < 0 || sizeAgrees):
			return skip
		}
	}
	if sizeAgrees && w.provable() && !w.damaged {
		return hashHere
	}
	switch {
	case touched(l) && (!digests || sizeAgrees):
		return askWhole // its tail proves nothing
	case o.Checksum:
		return askWhole
	case w.damaged && (l.Stamp == nil || l.Stamp.State == local.Done):
		return askWhole
	case l.Size == 0 && (!byStamp || condition(l.Stamp) == nil):
		return askWhole
	case byStamp && l.Size > 0 && (o.Append || digests && !remembered && (w.Size < 0 || w.Size > l.Size)):
		return askRange // it may have grown: only the new bytes are wanted
	case byStamp && condition(l.Stamp) != nil:
		return askIf
	}
	return askRange
}

// touched says that somebody wrote to a file since it was done. A size that a power cut
// changed, of a file that was never synced, is no such thing.
func touched(l local.State) bool {
	s := l.Stamp
	return s != nil && s.State == local.Done &&
		(!l.HasTime(s.ModTime) || s.Total != l.Size && s.Boot == "")
}

// rangeStart returns where a request begins so that enough is compared before the first
// byte that is missing or doubtful.
func rangeStart(size, suspect int64) int64 {
	return max(0, min(size, suspect)-overlap)
}
