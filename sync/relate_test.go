package sync

import (
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote"
)

func TestRelate(t *testing.T) {
	const place, elsewhere = "0123456789abcdef", "fedcba9876543210"
	long := `"` + longTag + `"`
	stamp := func(change func(*local.Stamp)) *local.Stamp {
		s := &local.Stamp{State: local.Partial, Total: 100, Place: place, ETag: `"a"`, LastModified: then}
		change(s)
		return s
	}
	keep := func(*local.Stamp) {}
	version := remote.Version{ETag: `"a"`, ModTime: then, Size: 100, Place: place}
	for name, c := range map[string]struct {
		stamp   *local.Stamp
		version func(v *remote.Version)
		want    relation
	}{
		"same":                      {stamp(keep), func(*remote.Version) {}, same},
		"other tag":                 {stamp(keep), func(v *remote.Version) { v.ETag = `"b"` }, other},
		"other tag, same time":      {stamp(keep), func(v *remote.Version) { v.ETag = `"b"`; v.ModTime = then }, other},
		"same tag, other time":      {stamp(keep), func(v *remote.Version) { v.ModTime = then.Add(time.Hour) }, same},
		"other total":               {stamp(keep), func(v *remote.Version) { v.Size = 101 }, other},
		"other total elsewhere":     {stamp(keep), func(v *remote.Version) { v.Size, v.Place = 101, elsewhere }, other},
		"elsewhere":                 {stamp(keep), func(v *remote.Version) { v.Place = elsewhere }, unknown},
		"other tag elsewhere":       {stamp(keep), func(v *remote.Version) { v.Place, v.ETag = elsewhere, `"b"` }, unknown},
		"unknown total":             {stamp(keep), func(v *remote.Version) { v.Size = -1 }, same},
		"weak tag, same time":       {stamp(keep), func(v *remote.Version) { v.ETag = `W/"a"` }, same},
		"no tag, same time":         {stamp(keep), func(v *remote.Version) { v.ETag = "" }, same},
		"no tag, other time":        {stamp(keep), func(v *remote.Version) { v.ETag, v.ModTime = "", then.Add(time.Second) }, other},
		"no tag, weak time":         {stamp(keep), func(v *remote.Version) { v.ETag, v.WeakTime = "", true }, unknown},
		"no tag, other weak time":   {stamp(keep), func(v *remote.Version) { v.ETag, v.WeakTime, v.ModTime = "", true, then.Add(time.Hour) }, other},
		"no tag, no time":           {stamp(keep), func(v *remote.Version) { v.ETag, v.ModTime = "", time.Time{} }, unknown},
		"stamp without a tag":       {stamp(func(s *local.Stamp) { s.ETag = "" }), func(*remote.Version) {}, same},
		"stamp with a weak time":    {stamp(func(s *local.Stamp) { s.ETag, s.WeakTime = "", true }), func(*remote.Version) {}, unknown},
		"stamp without validators":  {stamp(func(s *local.Stamp) { s.ETag, s.LastModified = "", time.Time{} }), func(*remote.Version) {}, unknown},
		"stamp without a total":     {stamp(func(s *local.Stamp) { s.Total = -1 }), func(*remote.Version) {}, same},
		"stamp with a hashed tag":   {stamp(func(s *local.Stamp) { s.ETag = local.TagHash(long) }), func(v *remote.Version) { v.ETag = long }, same},
		"stamp with another's hash": {stamp(func(s *local.Stamp) { s.ETag = local.TagHash(long) }), func(*remote.Version) {}, other},
		"fractions of a second":     {stamp(func(s *local.Stamp) { s.ETag = "" }), func(v *remote.Version) { v.ETag, v.ModTime = "", then.Add(300*time.Millisecond) }, same},
		"marked":                    {nil, func(*remote.Version) {}, same},
		"marked, weak time":         {nil, func(v *remote.Version) { v.WeakTime = true }, unknown},
		"marked, as long":           {nil, func(v *remote.Version) { v.Size = 50 }, unknown},
		"marked, unknown total":     {nil, func(v *remote.Version) { v.Size = -1 }, unknown},
		"not marked":                {nil, func(v *remote.Version) { v.ModTime = then.Add(time.Second) }, unknown},
		"no mark, no time":          {nil, func(v *remote.Version) { v.ModTime = time.Time{} }, unknown},
	} {
		v := version
		c.version(&v)
		l := local.State{Exists: true, Size: 50, ModTime: then, Stamp: c.stamp}
		if got := relate(l, v); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestStampRelates: what a version is stamped as is that version when read back, and can
// be asked for by its strong validators.
func TestStampRelates(t *testing.T) {
	for _, tag := range []string{"", `"a"`, `W/"a"`, `"` + longTag + `"`} {
		for _, lm := range []time.Time{{}, then, then.Add(time.Millisecond)} {
			for _, weak := range []bool{false, true} {
				v := remote.Version{ETag: tag, ModTime: lm, WeakTime: weak, Size: 100, Place: "0123456789abcdef"}
				s, err := local.ParseStamp(newStamp(local.Done, v, 100).String())
				if err != nil {
					t.Errorf("%+v: %v", v, err)
					continue
				}
				strong := v.StrongETag() != "" || !v.StrongTime().IsZero()
				want := unknown
				if strong {
					want = same
				}
				if got := relate(local.State{Exists: true, Size: 100, Stamp: &s}, v); got != want {
					t.Errorf("%+v: %v, want %v", v, got, want)
				}
				c := condition(&s)
				if c != nil && !strong || c == nil && !v.StrongTime().IsZero() {
					t.Errorf("%+v is asked by %+v", v, c)
				}
				if c != nil && c.ETag != "" && c.ETag != tag {
					t.Errorf("%+v is asked by the tag %s", v, c.ETag)
				}
			}
		}
	}
}

const longTag = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" +
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901"

func TestRemembers(t *testing.T) {
	a, b := sha([]byte("a")), sha([]byte("b"))
	md5 := listing.Digest{Algorithm: "md5", Sum: "0123456789abcdef"}
	s := &local.Stamp{Digests: shortDigests([]listing.Digest{a})}
	for _, c := range []struct {
		stamp *local.Stamp
		ds    []listing.Digest
		want  bool
	}{
		{s, []listing.Digest{a}, true},
		{s, []listing.Digest{b}, false},
		{s, []listing.Digest{a, md5}, false},
		{s, nil, true},
		{nil, nil, true},
		{nil, []listing.Digest{a}, false},
		{&local.Stamp{}, []listing.Digest{a}, false},
	} {
		if got := remembers(c.stamp, c.ds); got != c.want {
			t.Errorf("%v remembers %v: %t", c.stamp, c.ds, got)
		}
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		local, remote time.Time
		want          bool
	}{
		{then, then, false},
		{then.Add(-time.Second), then, true},
		{then.Add(time.Second), then, false},
		{then.Add(999 * time.Millisecond), then, false},
		{then, then.Add(500 * time.Millisecond), false},
		{then, time.Time{}, true},
	} {
		if got := older(c.local, remote.Version{ModTime: c.remote}); got != c.want {
			t.Errorf("older(%v, %v) = %t", c.local, c.remote, got)
		}
	}
}

func TestRangeStart(t *testing.T) {
	for _, c := range []struct{ size, suspect, want int64 }{
		{0, 0, 0},
		{1, 1, 0},
		{overlap, overlap, 0},
		{overlap + 1, overlap + 1, 1},
		{1 << 30, 1 << 30, 1<<30 - overlap},
		{1 << 30, 100_000, 100_000 - overlap},
		{1 << 30, 0, 0},
		{100, 200, 0},
	} {
		if got := rangeStart(c.size, c.suspect); got != c.want {
			t.Errorf("rangeStart(%d, %d) = %d, want %d", c.size, c.suspect, got, c.want)
		}
	}
}
