package listing

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func seedLists(f *testing.F) {
	for _, cases := range allCases() {
		for _, c := range cases {
			f.Add(c.text)
		}
	}
	for _, c := range errorCases {
		f.Add(c.text)
	}
	for _, data := range packedSamples(f) {
		f.Add(data)
	}
	f.Add(pack(f, "gzip", debSources))
	f.Add(pack(f, "zstd", rpmPrimary))
}

// checkEntry holds what Entry and Read promise of each entry.
func checkEntry(t *testing.T, e Entry, o Options) {
	t.Helper()
	if err := CheckPath(e.Path); err != nil {
		t.Errorf("entry of line %d: %v", e.Line, err)
	}
	if e.Size < -1 || len(e.URLs) == 0 || e.Line < 1 {
		t.Errorf("entry %+v", e)
	}
	for _, s := range e.URLs {
		u, err := url.Parse(s)
		if err != nil || !slices.Contains(o.Schemes, u.Scheme) || u.Fragment != "" {
			t.Errorf("URL %q of line %d: %v", s, e.Line, err)
			continue
		}
		if u.Scheme == "file" && o.Remote || u.Scheme != "file" && u.Host == "" || u.String() != s {
			t.Errorf("URL %q of line %d", s, e.Line)
		}
	}
	for i, d := range e.Digests {
		if again, err := NewDigest(d.Algorithm, strings.TrimPrefix(d.String(), d.Algorithm+":")); err != nil || again != d {
			t.Errorf("digest %v of line %d: %v", d, e.Line, err)
		}
		if slices.ContainsFunc(e.Digests[:i], func(other Digest) bool { return other.Algorithm == d.Algorithm }) {
			t.Errorf("two digests %s in line %d", d.Algorithm, e.Line)
		}
	}
	if !e.ModTime.IsZero() && (e.ModTime.Location() != time.UTC || e.ModTime.Year() < 0 || e.ModTime.Year() > 10000) {
		t.Errorf("time %v of line %d", e.ModTime, e.Line)
	}
}

func FuzzRead(f *testing.F) {
	seedLists(f)
	f.Fuzz(func(t *testing.T, text string) {
		o := testOptions()
		o.Remote = strings.Count(text, "a")%2 == 0
		checkRead(t, text, o)
	})
}

// FuzzPackages reaches what FuzzRead finds rarely: stanzas and XML packages.
func FuzzPackages(f *testing.F) {
	f.Add(debPackages)
	f.Add(debSources)
	f.Add(rpmPrimary[len(rpmHead):])
	f.Fuzz(func(t *testing.T, text string) {
		checkRead(t, "Package: ab\nVersion: 1\n"+text, testOptions())
		checkRead(t, rpmHead+text, testOptions())
	})
}

func FuzzNUL(f *testing.F) {
	for _, text := range []string{"a\x00b\x00", "a\nb", "\x00", "https://x.example/a\x00bob@host:b\x00", "..\x00#\x00 \x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := testOptions()
		o.NUL = true
		checkRead(t, text, o)
	})
}

// checkRead holds what Read and Check promise of any list.
func checkRead(t *testing.T, text string, o Options) {
	t.Helper()
	line, entries, errs := 0, 0, 0
	for e, err := range Read("list", strings.NewReader(text), o) {
		if err == nil {
			entries++
			checkEntry(t, e, o)
			if e.Line < line {
				t.Errorf("entry of line %d after line %d", e.Line, line)
			}
			line = e.Line
			continue
		}
		errs++
		bad, ok := errors.AsType[*Error](err)
		switch {
		case !ok || bad.File != "list" || bad.Line < 0 || bad.Msg == "" || e.Line != 0:
			t.Errorf("error %#v, entry %+v", err, e)
		case strings.ContainsFunc(bad.Msg, func(r rune) bool { return r < ' ' }):
			t.Errorf("error %q has control characters", bad.Msg)
		case bad.Line > 0 && bad.Line < line:
			t.Errorf("error %v after line %d", err, line)
		default:
			line = max(line, bad.Line)
		}
	}
	totals, err := Check("list", strings.NewReader(text), o)
	if totals.Entries > int64(entries) || err == nil && (errs > 0 || entries == 0) {
		t.Errorf("Check: %+v, %v; Read: %d entries, %d errors", totals, err, entries, errs)
	}
}

// FuzzPath holds that a raw path and its URL are the same: what a relative entry is asked
// for is what an absolute URL below the base would be written to.
func FuzzPath(f *testing.F) {
	for _, p := range []string{"a", "a b", "100%25", "a+b?c#d", "\xff", "a:b", "[x]", "é", "%2f", "a;b=c,d", "\n"} {
		f.Add(p)
	}
	r := newResolver(testOptions())
	f.Fuzz(func(t *testing.T, path string) {
		path, err := cleanPath(path)
		if err != nil {
			return
		}
		below, err := r.below(path)
		if err != nil {
			t.Fatal(err)
		}
		u, err := r.reference(below)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.path(u); err != nil || got != path || u.String() != below {
			t.Errorf("path %q: got %q of %s, error %v", path, got, below, err)
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2024-01-02T03:04:05Z", "1704164645.5", "-1.25", "Tue, 02 Jan 2024 03:04:05 GMT", "2024-01-02 03:04", "2024-01-02 03:04:05 +0100"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTime(s)
		if err != nil || got.IsZero() {
			return
		}
		again, err := parseTime(got.Format(time.RFC3339Nano))
		if err != nil || !again.Equal(got) {
			t.Errorf("%q: got %v, then %v, error %v", s, got, again, err)
		}
	})
}
