package remotetest

import (
	"bytes"
	"io"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

func TestContent(t *testing.T) {
	p := Content(1, 100_000)
	q, err := io.ReadAll(Reader(1, 100_000))
	if err != nil || !bytes.Equal(p, q) {
		t.Fatalf("Reader and Content differ: %v", err)
	}
	for _, off := range []int64{0, 1, 7, 8, 9, 4095, 99_990} {
		got := make([]byte, 10)
		Reader(1, 100_000).ReadAt(got, off)
		if !bytes.Equal(got, p[off:off+10]) {
			t.Errorf("bytes at %d differ", off)
		}
	}
	if bytes.Equal(p[:1000], Content(2, 1000)) {
		t.Error("two seeds give the same bytes")
	}
	seen := make(map[[8]byte]int)
	for i := 0; i+8 <= len(p); i++ {
		k := [8]byte(p[i:])
		if at, ok := seen[k]; ok {
			t.Fatalf("the bytes at %d are those at %d", i, at)
		}
		seen[k] = i
	}
}

func TestFaultNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range Faults() {
		if f.Name == "" || f.serve == nil || seen[f.Name] {
			t.Errorf("fault %q is nameless, empty or there twice", f.Name)
		}
		seen[f.Name] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d faults", len(seen))
	}
}
