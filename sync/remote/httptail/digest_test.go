package httptail

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

var (
	sum256 = sha256.Sum256([]byte("x"))
	sum512 = sha512.Sum512([]byte("x"))
	b256   = base64.StdEncoding.EncodeToString(sum256[:])
	b512   = base64.StdEncoding.EncodeToString(sum512[:])
)

// digestRows give the names of the digests found. All are of "x".
var digestRows = []struct {
	name, field, value string
	want               []string
}{
	{"one", "Repr-Digest", "sha-256=:" + b256 + ":", []string{"sha256"}},
	{"both", "Repr-Digest", "sha-256=:" + b256 + ":, sha-512=:" + b512 + ":", []string{"sha256", "sha512"}},
	{"tabs", "Repr-Digest", "sha-256=:" + b256 + ":\t,\tsha-512=:" + b512 + ":", []string{"sha256", "sha512"}},
	{"parameters", "Repr-Digest", "sha-256=:" + b256 + `:;a;b="x,y" , sha-512=:` + b512 + ":", []string{"sha256", "sha512"}},
	{"among others", "Repr-Digest", `md5=:AAAA:, x="a,\"b", l=(1 "2,)" :AA==:;p);q=1, n=-1.5, t=?0, sha-256=:` + b256 + ":", []string{"sha256"}},
	{"the last counts", "Repr-Digest", "sha-256=:AAAA:, sha-256=:" + b256 + ":", []string{"sha256"}},
	{"the last is bad", "Repr-Digest", "sha-256=:" + b256 + ":, sha-256=:AAAA:", nil},
	{"empty", "Repr-Digest", "", nil},
	{"capitals", "Repr-Digest", "SHA-256=:" + b256 + ":", nil},
	{"too short", "Repr-Digest", "sha-256=:" + b256[:40] + ":", nil},
	{"wrong algorithm", "Repr-Digest", "sha-512=:" + b256 + ":", nil},
	{"no colons", "Repr-Digest", "sha-256=" + b256, nil},
	{"no colon at the end", "Repr-Digest", "sha-256=:" + b256, nil},
	{"a string", "Repr-Digest", `sha-256="` + b256 + `"`, nil},
	{"alone", "Repr-Digest", "sha-256", nil},
	{"no padding", "Repr-Digest", "sha-256=:" + strings.TrimRight(b256, "=") + ":", nil},
	{"not base64", "Repr-Digest", "sha-256=:" + strings.Repeat("!", 44) + ":", nil},
	{"bits after the end", "Repr-Digest", "sha-256=:" + b256[:42] + "/=:", nil},
	{"comma at the end", "Repr-Digest", "sha-256=:" + b256 + ":,", nil},
	{"spoilt behind", "Repr-Digest", "sha-256=:" + b256 + ":, =", nil},
	{"nested list", "Repr-Digest", "l=((1)), sha-256=:" + b256 + ":", nil},
	{"open string", "Repr-Digest", `x="a, sha-256=:` + b256 + ":", nil},
	{"part of the body only", "Content-Digest", "sha-256=:" + b256 + ":", nil},
	{"obsolete", "Digest", "md5=AAAA,SHA-256=" + b256, []string{"sha256"}},
	{"obsolete, new form", "Digest", "sha-256=:" + b256 + ":", nil},
	{"obsolete, cut", "Digest", "SHA-256=" + b256[:20], nil},
}

func TestFieldDigests(t *testing.T) {
	for _, row := range digestRows {
		checkDigests(t, row.name, fieldDigests(http.Header{row.field: {row.value}}), row.want)
	}
	two := http.Header{"Repr-Digest": {"sha-256=:" + b256 + ":", "sha-512=:" + b512 + ":"}}
	checkDigests(t, "two lines", fieldDigests(two), []string{"sha256", "sha512"})
	other := sha256.Sum256([]byte("y"))
	against := http.Header{"Repr-Digest": two["Repr-Digest"], "Digest": {"sha-256=" + base64.StdEncoding.EncodeToString(other[:])}}
	checkDigests(t, "contradiction", fieldDigests(against), []string{"sha512"})
}

func checkDigests(t *testing.T, name string, got map[string][]byte, want []string) {
	t.Helper()
	var names []string
	for algorithm, sum := range got {
		names = append(names, algorithm)
		if !bytes.Equal(sum, sum256[:]) && !bytes.Equal(sum, sum512[:]) {
			t.Errorf("%s: %s is %x", name, algorithm, sum)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Errorf("%s: found %q, want %q", name, names, want)
	}
}

// TestDigests looks at the digests of answers, before and after the body.
func TestDigests(t *testing.T) {
	for _, row := range []struct {
		fault         remotetest.Fault
		before, after bool
	}{
		{remotetest.ReprDigest(), true, true},
		{remotetest.OldDigest(), true, true},
		{remotetest.ReprDigestTrailer(), false, true},
		{remotetest.Transcoded(), false, false},
		{remotetest.NoDate(), false, false},
	} {
		for _, off := range []int64{0, 5000} {
			s := remotetest.NewServer(t)
			f := sample()
			f.Faults = []remotetest.Fault{row.fault}
			tail, err := newClient(t, Options{}).Open(t.Context(), remote.Request{URL: s.Put("file", f), Offset: off})
			if err != nil {
				t.Fatal(err)
			}
			want := sha256.Sum256(f.Content)
			has := func() bool { return bytes.Equal(tail.Digests()["sha256"], want[:]) }
			if has() != row.before || !row.before && tail.Digests() != nil {
				t.Errorf("%s from byte %d: %x before the body", row.fault.Name, off, tail.Digests())
			}
			buf := make([]byte, 1<<20)
			for err == nil {
				_, err = tail.Body.Read(buf)
			}
			if has() != row.after {
				t.Errorf("%s from byte %d: %x after the body", row.fault.Name, off, tail.Digests())
			}
			tail.Body.Close()
		}
	}
}

func FuzzDigestHeader(f *testing.F) {
	for _, row := range digestRows {
		f.Add(row.value)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, field := range []string{"Repr-Digest", "Digest"} {
			found := fieldDigests(http.Header{field: {s}})
			for name, sum := range found {
				if len(sum) != map[string]int{"sha256": 32, "sha512": 64}[name] {
					t.Fatalf("%q: %s of %d bytes", s, name, len(sum))
				}
			}
		}
		if dict, ok := parseDictionary(s); ok {
			// A good dictionary stays one with another member, and keeps its own.
			more, ok := parseDictionary(strings.TrimPrefix(strings.TrimRight(s, " \t")+", zz=1", ", "))
			if strings.TrimSpace(s) != "" && (!ok || more["zz"] != "1") {
				t.Fatalf("%q has %q, with one more member %q", s, dict, more)
			}
		}
	})
}
