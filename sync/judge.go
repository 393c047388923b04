package sync

import (
	"fmt"
	"strings"

	"fsync/sync/local"
	"fsync/sync/remote"
)

// verdict is what an answer means for the local file.
type verdict int

const (
	upToDate     verdict = iota // nothing to do; the body is dropped
	create                      // no bytes here: write the body
	extend                      // compare what is here, then append
	extendTrial                 // as extend, but in a staged copy that only a digest can prove
	extendAnyway                // as extend, whatever the version: --append
	proveAll                    // ask for the whole file and compare from byte 0
	askAgain                    // ask for a range, without a condition
	replace                     // another version: stage it
	refuse                      // conflict: untouched
	giveUp                      // this remote cannot serve the entry
)

var verdictNames = [...]string{
	"up to date", "create", "extend", "extend on trial", "extend anyway", "prove all", "ask again", "replace", "refuse", "give up",
}

func (v verdict) String() string { return verdictNames[v] }

// ruling is a verdict with its grounds.
type ruling struct {
	verdict
	err error // of refuse and giveUp
	rel relation
}

// facts are what judge knows of the local side.
type facts struct {
	local.State
	stage     bool // it is fsync's own staged copy
	committed bool // by its stamp
	html      bool // it is an HTML page
}

// judge says what an answer means. It is pure.
//
//	answer                                         local file              verdict
//	total is not the list's size                   any                     giveUp
//	304                                            committed               upToDate; from another place: askAgain
//	text/html without a validator                  bytes, not HTML         refuse (a login page)
//	no length, not framed, no size in the list     any                     giveUp
//	empty                                          empty                   upToDate
//	whole or from byte 0                           absent or empty         create
//	whole, to a condition, version the same        committed               upToDate
//	shorter than what is here                      bytes                   replace
//	whole                                          bytes                   extend (all of it is compared)
//	range, not another version                     touched since done      extendTrial if a digest is known, else proveAll
//	range, version the same                        bytes                   extend
//	range, other version                           --append                extendAnyway; same size: proveAll
//	range, other version, longer, digest known     was complete            extendTrial
//	range, other version                           bytes                   replace
//	range, version unknown                         committed, same size    extend
//	range, version unknown                         as new as the remote    extend
//	range, version unknown, digest known           same size: extend; shorter: extendTrial
//	range, version unknown                         maybe older             proveAll; --append: extendAnyway
//	range, total unknown                           bytes                   proveAll
//
// replace needs a reason to believe that what is here may go: see mayReplace.
func judge(l facts, w want, asked step, t *remote.Tail, o Options) ruling {
	if w.Size >= 0 && t.Size >= 0 && w.Size != t.Size && !t.NotModified {
		return ruling{verdict: giveUp, err: fmt.Errorf("%w: it says %d bytes, the remote has %d", errListSize, w.Size, t.Size)}
	}
	rel := relate(l.State, t.Version)
	if t.NotModified {
		return judgeNotModified(l, w, t)
	}
	if loginPage(l, t) {
		return ruling{verdict: refuse, err: errLoginPage}
	}
	total := totalOf(w, t)
	switch {
	case total < 0 && t.End < 0 && !t.Framed:
		return ruling{verdict: giveUp, err: errNoLength}
	case l.Exists && l.Size == 0 && total == 0 && !l.stage:
		return ruling{verdict: upToDate, rel: rel}
	case !l.Exists || l.Size == 0:
		return ruling{verdict: create, rel: rel}
	case total < 0 && (t.Start > 0 || t.End >= 0):
		return ruling{verdict: proveAll, rel: rel}
	case asked == askIf && t.Start == 0 && rel == same && (total < 0 || total == l.Size):
		return ruling{verdict: upToDate, rel: rel}
	case total >= 0 && total < l.Size:
		return replaceOr(l, w, t, o, rel, fmt.Sprintf("the local file is longer (%d bytes) than the remote one (%d)", l.Size, total))
	case t.Start == 0:
		return ruling{verdict: extend, rel: rel}
	}
	return judgeRange(l, w, t, o, rel, total)
}

// totalOf returns the complete length, from the remote or else from the list, or -1.
func totalOf(w want, t *remote.Tail) int64 {
	if t.Size >= 0 {
		return t.Size
	}
	return w.Size
}

func judgeNotModified(l facts, w want, t *remote.Tail) ruling {
	switch {
	case t.Place != l.Stamp.Place:
		return ruling{verdict: askAgain} // a validator of one place says nothing at another
	case w.Size >= 0 && w.Size != l.Size:
		return ruling{verdict: giveUp, err: fmt.Errorf("%w: it says %d bytes, the remote has %d", errListSize, w.Size, l.Size)}
	}
	return ruling{verdict: upToDate, rel: same}
}

// loginPage recognises what a captive portal or an expired session puts in a file's place.
func loginPage(l facts, t *remote.Tail) bool {
	return t.Start == 0 && l.Size > 0 && !l.html && !l.stage && t.ETag == "" && t.ModTime.IsZero() &&
		strings.HasPrefix(t.MediaType, "text/html")
}

// judgeRange rules on a body that starts within the local file.
func judgeRange(l facts, w want, t *remote.Tail, o Options, rel relation, total int64) ruling {
	provable := w.provable() || t.Digests != nil && len(t.Digests()) > 0
	switch {
	case rel != other && touched(l.State) && provable:
		return ruling{verdict: extendTrial, rel: rel}
	case rel != other && touched(l.State):
		return ruling{verdict: proveAll, rel: rel}
	case rel == same:
		return ruling{verdict: extend, rel: rel}
	case l.stage && rel == unknown && w.provable():
		return ruling{verdict: extend, rel: rel} // from another mirror
	case l.stage:
		return ruling{verdict: replace, rel: rel}
	case o.Append && rel == other && total == l.Size && !provable:
		return ruling{verdict: proveAll, rel: rel} // it has not grown
	case o.Append:
		return ruling{verdict: extendAnyway, rel: rel}
	case rel == other && provable && total > l.Size && l.committed:
		return ruling{verdict: extendTrial, rel: rel}
	case rel == other:
		return replaceOr(l, w, t, o, rel, "the remote is another version")
	case l.committed && total == l.Size, !older(l.ModTime, t.Version):
		return ruling{verdict: extend, rel: rel}
	case provable && total == l.Size:
		return ruling{verdict: extend, rel: rel}
	case provable && l.Stamp == nil:
		return ruling{verdict: extendTrial, rel: rel}
	}
	return ruling{verdict: proveAll, rel: rel}
}

// replaceOr rules that another version is staged, or, where nothing says that what is
// here may go, that it is a conflict.
func replaceOr(l facts, w want, t *remote.Tail, o Options, rel relation, reason string) ruling {
	if l.stage || mayReplace(l, w, t.Version, o) {
		return ruling{verdict: replace, rel: rel}
	}
	return ruling{verdict: refuse, rel: rel, err: conflictf("%s, and nothing says that it came from there", reason)}
}

// mayReplace says whether a local file that is not what the remote has may be swapped for
// it: it is fsync's own, the list says that another one belongs here, the remote is newer,
// or the user said so.
func mayReplace(l facts, w want, v remote.Version, o Options) bool {
	return l.Stamp != nil || o.Overwrite || len(w.Digests) > 0 || w.Pieces != nil ||
		w.Size >= 0 && w.Size != l.Size ||
		!w.ModTime.IsZero() && !l.HasTime(w.ModTime) ||
		!v.ModTime.IsZero() && older(l.ModTime, v)
}

// difference is what to do about the first byte that differs.
type difference int

const (
	cutHere     difference = iota // damage: cut there and append from the same stream
	stageRepair                   // damage of a file that is not fsync's: repair a copy, if only zeros differ
	stageStream                   // another version: stage it, the equal prefix and the same stream
	stageAnew                     // another version: stage it by another request
	keepLocal                     // conflict
)

// judgeDifference says what a difference at offset k means, the bytes before k being
// equal. suspect is the first offset that a power cut may have left wrong. It is pure.
func judgeDifference(l facts, w want, t *remote.Tail, o Options, k, suspect int64) difference {
	unfinished := l.Stamp != nil && (l.Stamp.State != local.Done || !l.committed && !touched(l.State))
	switch {
	case l.stage && (k >= suspect || t.Start == 0):
		return cutHere
	case l.stage:
		return stageAnew
	case k >= suspect && unfinished:
		return cutHere
	case k >= suspect && l.Stamp == nil:
		return stageRepair
	case !mayReplace(l, w, t.Version, o):
		return keepLocal
	case t.Start == 0:
		return stageStream
	}
	return stageAnew
}
