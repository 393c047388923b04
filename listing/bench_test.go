package listing

import (
	"io"
	"net/url"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// bigTable is a table of n entries, made as it is read: a copy of it in memory would hide
// what Check needs.
type bigTable struct {
	n, i int
	rest []byte
}

func newBigTable(n int) *bigTable { return &bigTable{n: n, rest: []byte("path\tsize\tmtime\n")} }

func (t *bigTable) Read(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		if len(t.rest) == 0 && t.i == t.n {
			return done, io.EOF
		}
		if len(t.rest) == 0 {
			t.rest = t.row(t.rest)
			t.i++
		}
		n := copy(p[done:], t.rest)
		t.rest = t.rest[:copy(t.rest, t.rest[n:])]
		done += n
	}
	return done, nil
}

func (t *bigTable) row(b []byte) []byte {
	b = append(b, "pool/main/"...)
	b = strconv.AppendInt(b, int64(t.i/100%1000), 10)
	b = append(b, "/package-"...)
	b = strconv.AppendInt(b, int64(t.i), 10)
	b = append(b, "_1.0-2_amd64.deb\t"...)
	b = strconv.AppendInt(b, int64(t.i)*37, 10)
	return append(b, "\t2024-01-02T03:04:05Z\n"...)
}

// BenchmarkCheck reads a table of a million entries. peak-MiB is the largest heap seen,
// garbage included.
func BenchmarkCheck(b *testing.B) {
	base, _ := url.Parse("https://host.example/dir/")
	b.ReportAllocs()
	runtime.GC()
	var peak atomic.Uint64
	stop := make(chan struct{})
	go func() {
		var m runtime.MemStats
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
		}
	}()
	for b.Loop() {
		totals, err := Check("big.tsv", newBigTable(1_000_000), Options{Base: base})
		if err != nil || totals.Entries != 1_000_000 {
			b.Fatal(totals, err)
		}
	}
	close(stop)
	b.ReportMetric(float64(peak.Load())/(1<<20), "peak-MiB")
}

// BenchmarkNames is the part of Check that keeps something; live-MiB is what it keeps.
func BenchmarkNames(b *testing.B) {
	for b.Loop() {
		n := newNames(true)
		for i := range 1_000_000 {
			if err := n.add("pool/main/"+strconv.Itoa(i), i+1, 0, false); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "live-MiB")
		runtime.KeepAlive(n)
		b.StartTimer()
	}
}
