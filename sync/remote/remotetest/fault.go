package remotetest

import (
	"slices"
	"time"
)

// Fault is one way in which a server misbehaves.
type Fault struct {
	Name string

	// Silent says that the answer is well formed and its bytes are not those that its
	// validators stand for: a transport cannot notice, only a comparison or a digest.
	Silent bool

	times int // how many requests it is for; 0 for all
	serve func(*call)
}

// Times returns the fault for the first n requests that it gets.
func (f Fault) Times(n int) Fault {
	f.times = n
	return f
}

// Faults returns every fault with ordinary parameters, which suit a file of 64 KiB or
// more. Faults about ranges leave other requests alone.
func Faults() []Fault {
	const n = 10_000 // where bodies break
	return slices.Concat(
		[]Fault{
			IgnoreRange(), OffsetLow(100), OffsetHigh(1), WrongTotal(1000), SmallTotal(), StarTotal(),
			WrongUnit(), Multipart(), LengthNotRange(), ShortRange(4096), EarlyRange(), TwoContentRanges(),
			NoContentRange(), WrongBytes(1), Unsatisfiable(true), Unsatisfiable(false), PartUnasked(),
		},
		[]Fault{
			CutFIN(n), CutRST(n), LongBody(100), Chunked(), ChunkedCut(n), ChunkedLong(100),
			CloseDelimited(), CloseDelimitedCut(n), ClosedEarly(), CloseIdle(), HTTP10(),
		},
		[]Fault{
			ETagChanges(), WeakETag(), SameETagOtherBytes(), NoValidators(), YoungTime(), NoDate(), BadETag(),
			GrowAt(n, 5000), ShrinkAt(n), ReplaceAt(n), OverwriteAt(n),
		},
		[]Fault{
			Gzip(), EncodedRange(), Transcoded(),
			ReprDigest(), ReprDigestBad(), ReprDigestTrailer(), OldDigest(),
		},
		[]Fault{
			Delay(50 * time.Millisecond), StallHeader(), Stall(n), Trickle(10 * time.Millisecond),
		},
		[]Fault{
			RetryAfter(503, "2"), RetryAfter(503, "date"), RetryAfter(503, "99999999999999999999"), RetryAfter(429, "1"),
			Status(500), Status(404), Status(403), Status(204), Status(304), LoginPage(), HugeHeader(), GarbageStatus(),
		},
		[]Fault{
			RedirectLoop(), CrossOrigin(), SignedURL(), SignedURLExpired(), NoLocation(), RedirectScheme(),
		},
	)
}
