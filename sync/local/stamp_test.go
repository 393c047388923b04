package local

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// compareStamps compares times as instants.
var compareStamps = cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })

// stampGrid yields stamps that have every field in every form, in all combinations.
func stampGrid(yield func(Stamp)) {
	longest := ShortDigest("sha512", strings.Repeat("\xff", 64))
	times := []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 0), time.Unix(1_700_000_000, 123_456_789), time.Unix(9_000_000_000, 999_999_999)}
	for _, state := range []StampState{Partial, Trial, Done, Bad} {
		for _, total := range []int64{-1, 0, 1, 1 << 40, 1<<63 - 1} {
			for _, etag := range []string{"", `""`, `"a"`, `"-"`, `"a b  c"`, `" "`, `"\x80é` + "\t" + `"`, `"` + strings.Repeat("x", 198) + `"`, `"` + strings.Repeat("y", 5000) + `"`} {
				for _, digests := range [][]string{nil, {ShortDigest("md5", "")}, {longest, longest, longest}} {
					for i, lm := range times {
						for _, weak := range []bool{false, true} {
							yield(Stamp{
								State: state, Total: total, Place: "0123456789abcdef", ETag: etag,
								LastModified: lm.Truncate(time.Second), WeakTime: weak && !lm.IsZero(),
								ModTime: []time.Time{times[len(times)-1-i], lm.Truncate(time.Second)}[len(digests)%2], Digests: digests, Boot: []string{"", "?", "123456"}[i%3],
							})
						}
					}
				}
			}
		}
	}
}

func TestStampRoundTrip(t *testing.T) {
	t.Parallel()
	n := 0
	stampGrid(func(want Stamp) {
		n++
		text := want.String()
		if len(text) > MaxStamp {
			t.Fatalf("%q has %d bytes", text, len(text))
		}
		got, err := ParseStamp(text)
		if err != nil {
			t.Fatalf("ParseStamp(%q): %v", text, err)
		}
		if !got.HasTag(want.ETag) && want.ETag != "" {
			t.Fatalf("%q does not stand for the ETag %q", got.ETag, want.ETag)
		}
		if strings.HasPrefix(got.ETag, "#") {
			if got.RawTag() != "" || len(want.ETag) < 30 {
				t.Fatalf("the tag %q is kept as %q", want.ETag, got.ETag)
			}
			want.ETag = got.ETag
		}
		if diff := cmp.Diff(want, got, compareStamps); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", text, diff)
		}
		if again := got.String(); again != text {
			t.Fatalf("%q becomes %q", text, again)
		}
	})
	if n < 2000 {
		t.Errorf("%d stamps", n)
	}
}

// TestStampFitsInode: an attribute of more bytes costs ext4 a block for each file.
func TestStampFitsInode(t *testing.T) {
	t.Parallel()
	const room = 56 // of 256: 128 and 32 of the inode, 4 of the header and 4 of its end, 32 of the entry and its name
	lm := time.Unix(1_795_000_000, 0)
	s := Stamp{State: Done, Total: 1 << 20, Place: "yI523KxtJds", ETag: `"6b01b246-100000"`, LastModified: lm, ModTime: lm, Boot: "123456"}
	if text := s.String(); len(text) > room {
		t.Errorf("%q has %d bytes", text, len(text))
	}
}

func TestStampLongTag(t *testing.T) {
	t.Parallel()
	short, long := `"`+strings.Repeat("s", 60)+`"`, `"`+strings.Repeat("l", 300)+`"`
	for _, c := range []struct {
		tag string
		raw bool
	}{{short, true}, {long, false}} {
		s, err := ParseStamp(Stamp{State: Done, Total: 5, Place: "0123456789abcdef", ETag: c.tag}.String())
		if err != nil {
			t.Fatal(err)
		}
		if raw := s.RawTag() != ""; raw != c.raw {
			t.Errorf("a tag of %d bytes is kept raw: %v", len(c.tag), raw)
		}
		if !s.HasTag(c.tag) || s.HasTag(c.tag[:len(c.tag)-2]+`"`) || s.HasTag("") {
			t.Errorf("%q does not compare as the tag that it is of", s.ETag)
		}
	}
}

// Years that nanoseconds in 64 bits do not reach are in no danger of being taken for
// another time.
func TestStampFarTimes(t *testing.T) {
	t.Parallel()
	for _, year := range []int{1, 1600, 1969, 2262, 9999} {
		when := time.Date(year, 7, 1, 12, 0, 0, 0, time.UTC)
		text := Stamp{State: Done, Total: 1, LastModified: when, ModTime: when}.String()
		s, err := ParseStamp(text)
		if err != nil {
			t.Errorf("%d: %v", year, err)
			continue
		}
		if !s.LastModified.Equal(when) {
			t.Errorf("%d: Last-Modified becomes %v", year, s.LastModified)
		}
		if len(text) > MaxStamp {
			t.Errorf("%d: %d bytes", year, len(text))
		}
	}
}

var badStamps = []string{
	"", "1", "1p", "2p - - - - - - -", "1x - - - - - - -", "1p - - - - - -", "1p  - - - - - -",
	"1p -1 - - - - - -", "1p zzzzzzzzzzzzzzzzzzzz - - - - - -", "1p +5 - - - - - -", "1p 05 - - - - - -", "1p A - - - - - -",
	"1p - - 5 - - - -", "1p - - w - - - -", "1p - - xg - - - -", "1p - - - q! - - -", "1p - - - = - - -",
	"1pp - - - - - - -", " 1p - - - - - - -", "1p - - - - - - " + strings.Repeat("x", 300), "\x00\x01\x02",
}

func TestParseStampRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range badStamps {
		if s, err := ParseStamp(text); err == nil {
			t.Errorf("ParseStamp(%q) = %+v", text, s)
		}
	}
}

func FuzzParseStamp(f *testing.F) {
	for _, text := range badStamps {
		f.Add(text)
	}
	i := 0
	stampGrid(func(s Stamp) {
		if i++; i%97 == 0 {
			f.Add(s.String())
		}
	})
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStamp(text)
		if err != nil {
			return
		}
		if again := s.String(); again != text {
			t.Errorf("%q becomes %q", text, again)
		}
		if len(text) > MaxStamp {
			t.Errorf("%d bytes are a stamp", len(text))
		}
	})
}

func TestSameTime(t *testing.T) {
	t.Parallel()
	at := func(sec, nsec int64) time.Time { return time.Unix(1_700_000_000+sec, nsec) }
	tests := []struct {
		name string
		a, b time.Time
		want bool
	}{
		{"zero equals nothing", time.Time{}, time.Time{}, false},
		{"zero and a time", time.Time{}, at(0, 0), false},
		{"equal seconds", at(0, 0), at(0, 0), true},
		{"other seconds", at(0, 0), at(1, 0), false},
		{"seconds and nanoseconds", at(0, 0), at(0, 123_456_789), true},
		{"seconds and the nanosecond before", at(1, 0), at(0, 999_999_999), false},
		{"seconds and the last nanosecond", at(0, 0), at(0, 999_999_999), true},
		{"milliseconds and nanoseconds", at(0, 123_000_000), at(0, 123_456_789), true},
		{"other milliseconds", at(0, 124_000_000), at(0, 123_456_789), false},
		{"microseconds and nanoseconds", at(0, 123_456_000), at(0, 123_456_789), true},
		{"other microseconds", at(0, 123_457_000), at(0, 123_456_789), false},
		{"NTFS and nanoseconds", at(0, 123_456_700), at(0, 123_456_789), true},
		{"other NTFS ticks", at(0, 123_456_800), at(0, 123_456_789), false},
		{"equal nanoseconds", at(0, 123_456_789), at(0, 123_456_789), true},
		{"other nanoseconds", at(0, 123_456_788), at(0, 123_456_789), false},
		{"another zone", at(0, 5).UTC(), at(0, 5).In(time.FixedZone("", 3600)), true},
		{"before 1970", time.Unix(-5, 0), time.Unix(-5, 7), true},
	}
	for _, c := range tests {
		for _, swap := range []bool{false, true} {
			a, b := c.a, c.b
			if swap {
				a, b = b, a
			}
			if got := SameTime(a, b); got != c.want {
				t.Errorf("%s (swapped %v): %v", c.name, swap, got)
			}
			if got := (State{ModTime: a}).HasTime(b); got != c.want {
				t.Errorf("%s (swapped %v): the Dir says %v", c.name, swap, got)
			}
		}
	}
}

// FAT keeps even seconds only.
func TestSameTimeCoarse(t *testing.T) {
	t.Parallel()
	d := &Dir{fs: filesystem{precision: 2 * time.Second}}
	base := time.Unix(1_700_000_001, 0)
	for _, c := range []struct {
		off  time.Duration
		want bool
	}{{0, true}, {time.Second, true}, {-time.Second, true}, {2 * time.Second, false}, {-2 * time.Second, false}, {time.Hour, false}} {
		if got := (State{ModTime: base, precision: d.fs.precision}).HasTime(base.Add(c.off)); got != c.want {
			t.Errorf("%v apart: %v", c.off, got)
		}
	}
	if (State{precision: d.fs.precision}).HasTime(time.Time{}) {
		t.Error("a zero time equals itself")
	}
}

func TestStageName(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for n := 1; n <= 255; n++ {
		for _, c := range []string{"a", "b"} {
			name := strings.Repeat(c, n)
			got := StageName(name)
			if len(got) > maxName || !IsStageName(got) || strings.Contains(got, "/") {
				t.Errorf("the stage of %d bytes is %q", n, got)
			}
			if n <= maxName-len("..fsync") && got != "."+name+".fsync" {
				t.Errorf("the stage of %q is %q", name, got)
			}
			if other, ok := seen[got]; ok {
				t.Errorf("%q and %q share the stage %q", name, other, got)
			}
			seen[got] = name
		}
	}
	for _, name := range []string{"", ".fsync", "..fsync", "a.fsync", ".a", ".a.fsync.b"} {
		if IsStageName(name) && name != "..fsync" {
			t.Errorf("%q is a stage name", name)
		}
	}
}
