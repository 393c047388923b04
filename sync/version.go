package sync

import (
	"slices"
	"time"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote"
)

// relation says how the remote's version relates to the one that a local file is of.
type relation int

const (
	unknown relation = iota // nothing comparable is known on one side
	same
	other
)

// relate compares a local file's stamp with the version that a remote gave. Validators
// are compared only if the same place gave both (RFC 9110 §8.8.1); the total always.
//
// Without a stamp, a partial whose modification time is the remote's carries it as a
// mark, left by an orderly stop where stamps are not to be had.
func relate(l local.State, v remote.Version) relation {
	s := l.Stamp
	if s == nil {
		if t := v.StrongTime(); !t.IsZero() && l.Size < v.Size && l.ModTime.Equal(t) {
			return same
		}
		return unknown
	}
	if s.Total >= 0 && v.Size >= 0 && s.Total != v.Size {
		return other
	}
	if s.Place != v.Place {
		return unknown
	}
	if tag := v.StrongETag(); tag != "" && s.ETag != "" {
		if s.HasTag(tag) {
			return same
		}
		return other
	}
	if s.LastModified.IsZero() || v.ModTime.IsZero() {
		return unknown
	}
	if s.LastModified.Unix() != v.ModTime.Unix() {
		return other // a weak time, too, can prove a change
	}
	if s.WeakTime || v.WeakTime {
		return unknown
	}
	return same
}

// newStamp returns the stamp of a file whose bytes are of version v.
func newStamp(state local.StampState, v remote.Version, total int64) local.Stamp {
	s := local.Stamp{State: state, Total: total, Place: v.Place, ETag: v.StrongETag()}
	if !v.ModTime.IsZero() {
		s.LastModified, s.WeakTime = v.ModTime.Truncate(time.Second), v.WeakTime
	}
	return s
}

// condition returns the version to send as a condition: what the stamp of a committed
// file can be asked by; nil if it holds no validator that can be sent.
func condition(s *local.Stamp) *remote.Version {
	v := remote.Version{Size: s.Total, Place: s.Place, ETag: s.RawTag()}
	if !s.WeakTime {
		v.ModTime = s.LastModified
	}
	if v.StrongETag() == "" && v.StrongTime().IsZero() {
		return nil
	}
	return &v
}

// older says whether a file was last written before the remote was last modified, so
// that the remote may have changed since. A remote without a time may always have.
func older(modTime time.Time, v remote.Version) bool {
	return v.ModTime.IsZero() || modTime.Truncate(time.Second).Before(v.ModTime.Truncate(time.Second))
}

// shortDigests returns the forms in which a stamp remembers digests.
func shortDigests(ds []listing.Digest) []string {
	var short []string
	for _, d := range ds {
		short = append(short, local.ShortDigest(d.Algorithm, d.Sum))
	}
	return short[max(0, len(short)-maxRemembered):]
}

// maxRemembered digests leave room for the rest of the stamp; of more, the strongest, which
// come last, are kept.
const maxRemembered = 3

// remembers says whether every digest is one that the stamp remembers.
func remembers(s *local.Stamp, ds []listing.Digest) bool {
	if s == nil {
		return len(ds) == 0
	}
	for _, d := range ds[max(0, len(ds)-maxRemembered):] {
		if !slices.Contains(s.Digests, local.ShortDigest(d.Algorithm, d.Sum)) {
			return false
		}
	}
	return true
}
