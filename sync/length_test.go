package sync

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"fsync/sync/local"
)

// TestUnknownTotal: a cache that keeps blocks answers with whole blocks, and need not name
// the total. A block from byte 0 used to be taken for the whole file.
func TestUnknownTotal(t *testing.T) {
	t.Parallel()
	for _, block := range []int{costSize * 2 / 3, costHalf + 1} {
		for _, digest := range []bool{false, true} {
			l := newLab(t)
			at := l.handle(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Etag", `"one"`)
				if r.Header.Get("Range") == "" {
					w.(http.Flusher).Flush() // no length here either
					w.Write(costContent)
					return
				}
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/*", block-1))
				w.Header().Set("Content-Length", fmt.Sprint(block))
				w.WriteHeader(http.StatusPartialContent)
				w.Write(costContent[:block])
			})
			l.write("f", costContent[:costHalf], then.Add(time.Hour))
			e := l.entry("f", at)
			if digest {
				withDigest(costContent)(&e)
			}
			if r := l.pull(e); !r.Outcome.OK() {
				t.Errorf("block of %d: %v (%v)", block, r.Outcome, r.Err)
			}
			l.same("f", costContent)
			l.noSide("f")
		}
	}
}

// TestListLength: a body of no stated length that is longer than the list says failed in
// the first run, which left as many bytes as the list has, and passed in the second. The
// same for one that is shorter, which is no cut that a retry helps.
func TestListLength(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"longer": costHalf, "longer by one": costSize - 1, "shorter": costSize + 5000, "shorter by one": costSize + 1} {
		l := newLab(t)
		asked := 0
		e := l.entry("f", withSize(int64(size)), l.handle(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Etag", `"one"`)
			w.(http.Flusher).Flush()
			w.Write(costContent)
		}))
		for run := range 3 {
			asked = 0
			l.want(Failed, e)
			if asked > 1 {
				t.Errorf("%s, run %d: %d requests", name, run, asked)
			}
			if p := l.read("f"); !bytes.HasPrefix(costContent, p) {
				t.Errorf("%s, run %d: it holds %s", name, run, show(p))
			}
			if s := l.stamp("f"); s != nil && s.State == local.Done {
				t.Errorf("%s, run %d: it is marked as done", name, run)
			}
			l.noSide("f")
		}
		e.Size = costSize // the list is put right
		if r := l.pull(e); !r.Outcome.OK() {
			t.Errorf("%s: with the right size: %v (%v)", name, r.Outcome, r.Err)
		}
		l.same("f", costContent)
		l.noSide("f")
	}
}
