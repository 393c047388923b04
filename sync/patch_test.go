package sync

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"fsync/sync/local"
	"fsync/sync/remote/remotetest"
)

var allPieces = withTorrent(pieceContent, pieceLength, 0, -1)

// patchLab has a complete file in which these pieces are wrong.
func patchLab(t *testing.T, pieces ...int) *lab {
	t.Helper()
	l := newLab(t)
	l.put("f", pieceContent)
	l.write("f", flipped(pieceContent, pieces...), then.Add(time.Hour))
	return l
}

// patchedRight checks what every successful patch leaves.
func (l *lab) patchedRight(name string) {
	l.t.Helper()
	l.same(name, pieceContent)
	l.noSide(name)
	if s := l.stamp(name); s == nil || s.State != local.Done {
		l.t.Errorf("%s: stamp %v", name, s)
	}
	l.costs(cost{}, UpToDate, l.entry(name, allPieces))
}

// TestPatchBytes: a damaged file costs its wrong pieces, each run of them one request.
func TestPatchBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wrong    []int
		requests int
		bytes    int64
	}{
		{[]int{5, 20, 63}, 3, 3*pieceLength - 1000},
		{[]int{0, 1, 2, 40}, 2, 4 * pieceLength},
	} {
		l := patchLab(t, c.wrong...)
		l.DryRun = true
		if r := l.costs(cost{}, Repaired, l.entry("f", allPieces)); r.Planned != c.bytes {
			t.Errorf("%v: planned %d bytes", c.wrong, r.Planned)
		}
		l.same("f", flipped(pieceContent, c.wrong...))
		l.noSide("f")
		l.DryRun = false
		r := l.want(Repaired, l.entry("f", allPieces))
		l.server.Settle("f")
		if r.Requests != c.requests || r.Fetched != c.bytes || l.server.Bytes("f") != c.bytes || r.Verified != DigestEvidence {
			t.Errorf("%v: %d requests, %d bytes, %d sent, verified by %v", c.wrong, r.Requests, r.Fetched, l.server.Bytes("f"), r.Verified)
		}
		l.patchedRight("f")
	}
	// One that is committed is looked at under --checksum only.
	l := newLab(t)
	l.put("f", pieceContent)
	l.want(Fetched, l.entry("f", allPieces))
	l.overwriteAt("f", []byte{pieceContent[9999] ^ 1}, 9999)
	l.touch("f", then)
	l.Checksum = true
	if r := l.want(Repaired, l.entry("f", allPieces)); r.Fetched != pieceLength {
		t.Errorf("fetched %d", r.Fetched)
	}
	l.Checksum = false
	l.patchedRight("f")
}

// TestPatchTriggers: whatever shows that the file is not what the list says, what is right
// of it is not fetched again.
func TestPatchTriggers(t *testing.T) {
	t.Parallel()
	old := flipped(pieceContent, 3, 33)
	for name, prepare := range map[string]func(*lab){
		"own, of another version": func(l *lab) {
			l.put("f", old)
			l.want(Fetched, l.entry("f"))
			l.renew("f", pieceContent)
		},
		"partial, of another version": func(l *lab) {
			l.put("f", old)
			l.partial("f", 50*pieceLength+77)
			l.renew("f", pieceContent)
		},
		"the overlap differs": func(l *lab) {
			l.put("f", pieceContent)
			l.write("f", flipped(pieceContent[:50*pieceLength+77], 3, 48), then.Add(time.Hour))
		},
		"the piece begun differs": func(l *lab) {
			l.put("f", pieceContent)
			l.partial("f", 10*pieceLength+5000)
			l.overwriteAt("f", []byte{pieceContent[10*pieceLength+3] ^ 1}, 10*pieceLength+3)
		},
		"the prefix is damaged": func(l *lab) {
			l.put("f", pieceContent)
			l.partial("f", 50*pieceLength+77)
			l.overwriteAt("f", []byte{pieceContent[9999] ^ 1}, 9999)
		},
		"longer": func(l *lab) {
			l.put("f", pieceContent)
			l.write("f", append(flipped(pieceContent, 60), "and more"...), then.Add(-time.Hour))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			prepare(l)
			have := int64(len(l.read("f")))
			r := l.pull(l.entry("f", allPieces))
			if !r.Outcome.OK() || r.Fetched > max(0, pieceSize-have)+blockSize/2 {
				t.Errorf("%v (%v), fetched %d in %d requests", r.Outcome, r.Err, r.Fetched, r.Requests)
			}
			l.patchedRight("f")
		})
	}
}

// TestPatchServers patches from servers that do not give exactly what was asked for.
func TestPatchServers(t *testing.T) {
	t.Parallel()
	wrong := []int{5, 6, 7, 20, 63}
	for _, f := range remotetest.Faults() {
		ranged := strings.HasPrefix(f.Name, "206") || strings.HasPrefix(f.Name, "200 to") || strings.HasPrefix(f.Name, "416")
		if !ranged && !legal[f.Name] || f.Silent || f.Name == "206 wrong total" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			l := patchLab(t, wrong...)
			l.put("f", pieceContent, f)
			if r := l.pull(l.entry("f", allPieces)); !r.Outcome.OK() || r.Requests > 40 {
				t.Errorf("%v (%v), %d requests, %d bytes", r.Outcome, r.Err, r.Requests, r.Fetched)
			}
			l.patchedRight("f")
		})
	}
}

// TestPatchMirrors: a mirror that is bad in the piece, or has another size, is passed over.
func TestPatchMirrors(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string][]byte{
		"bad":     flipped(pieceContent, 20),
		"shorter": pieceContent[:pieceSize-1],
		"longer":  append(bytes.Clone(pieceContent), 1),
	} {
		l := patchLab(t, 5, 20, 40)
		l.put("bad", bad)
		r := l.want(Repaired, l.entry("f", l.mirrors("bad", "f"), allPieces))
		l.patchedRight("f")
		if r.Fetched > 5*pieceLength+blockSize {
			t.Errorf("%s: fetched %d bytes", name, r.Fetched)
		}
		// Alone it changes nothing.
		before := flipped(pieceContent, 5, 20, 40)
		l.write("g", before, then.Add(time.Hour))
		l.want(Failed, l.entry("g", l.mirrors("bad"), allPieces))
		l.same("g", before)
	}
}

// TestPatchContradiction: pieces that are right and a digest that is not are the list's
// fault, and nobody is asked twice.
func TestPatchContradiction(t *testing.T) {
	t.Parallel()
	l := patchLab(t, 5)
	before := l.read("f")
	l.put("m2", pieceContent)
	r := l.want(Failed, l.entry("f", l.mirrors("f", "m2"), allPieces, withDigest([]byte("other"))))
	if r.Err == nil || !strings.Contains(r.Err.Error(), "contradicts itself") || r.Requests != 1 {
		t.Errorf("%v, %d requests", r.Err, r.Requests)
	}
	l.same("f", before)
	l.noSide("f")
}

// TestPatchNotCovering: pieces that leave bytes out cannot patch.
func TestPatchNotCovering(t *testing.T) {
	t.Parallel()
	l := patchLab(t, 5)
	r := l.want(Replaced, l.entry("f", withTorrent(pieceContent, pieceLength, 5000, 0)))
	if r.Fetched < pieceSize {
		t.Errorf("fetched %d bytes", r.Fetched)
	}
	l.same("f", pieceContent)
	l.noSide("f")
}

// TestPatchedVersion: a file that was patched from a server whose file is by now another one
// is not taken for that.
func TestPatchedVersion(t *testing.T) {
	t.Parallel()
	l := patchLab(t, 5)
	next := flipped(pieceContent, 50)
	l.renew("f", next)
	l.want(Repaired, l.entry("f", allPieces))
	l.same("f", pieceContent)
	if s := l.stamp("f"); s == nil || condition(s) != nil {
		t.Errorf("stamp %v", s)
	}
	l.want(UpToDate, l.entry("f", allPieces))
	l.same("f", pieceContent)
}

// TestPatchPartial: of a file that was cut, and is damaged as well, the missing rest and the
// wrong piece are fetched, and nothing twice.
func TestPatchPartial(t *testing.T) {
	t.Parallel()
	for _, checksum := range []bool{false, true} {
		l := newLab(t)
		l.Checksum = checksum
		l.put("f", pieceContent)
		l.want(Fetched, l.entry("f", allPieces))
		l.write("f", flipped(pieceContent, 3)[:20*pieceLength], then.Add(time.Hour))
		r := l.want(Repaired, l.entry("f", allPieces))
		if want := int64(len(pieceContent)) - 19*pieceLength; r.Fetched > want+overlap {
			t.Errorf("-c %t: %d bytes were fetched, not %d", checksum, r.Fetched, want)
		}
		l.same("f", pieceContent)
	}
}
