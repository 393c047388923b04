package local

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func wholePublication(size int64) Publication {
	t := time.Unix(1700000000, 0)
	return Publication{ModTime: t, Stamp: Stamp{State: Done, Total: size, Place: "0123456789abcdef", LastModified: t, Boot: "this-boot"}}
}

// TestCreateWhole makes a file and finds it committed, in this boot and in no other.
func TestCreateWhole(t *testing.T) {
	d := openDir(t, t.TempDir())
	data := content(4097)
	f := look(t, d, "new/dir/file")
	if err := f.CreateWhole(data, wholePublication(int64(len(data)))); err != nil {
		t.Fatal(err)
	}
	got := look(t, d, "new/dir/file")
	defer got.Close()
	if !got.Exists || got.Stamp == nil || !got.Committed("this-boot") || got.Committed("another") {
		t.Errorf("found %+v, want it committed in this boot only", got.State)
	}
	have := make([]byte, len(data))
	if _, err := got.ReadAt(have, 0); err != nil || !bytes.Equal(have, data) {
		t.Errorf("the file has other bytes (%v)", err)
	}
	if err := look(t, d, "new/dir/file").CreateWhole(data, wholePublication(1)); !errors.Is(err, ErrChanged) {
		t.Errorf("over a file that is there: %v, want ErrChanged", err)
	}
}

// TestCreateWholeKilled makes what SIGKILL leaves of it, which must never be committed.
func TestCreateWholeKilled(t *testing.T) {
	data := content(5000)
	for _, n := range []int{0, 1, 4096, 4999, 5000} {
		d := openDir(t, t.TempDir())
		p := wholePublication(int64(len(data)))
		p.Stamp.ModTime = p.ModTime
		w, err := look(t, d, "f").Create(p.Stamp)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data[:n]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(time.Time{}); err != nil {
			t.Fatal(err)
		}
		f := look(t, d, "f")
		if f.Stamp == nil || f.Committed("this-boot") {
			t.Errorf("%d of %d bytes, the time not set: stamp %v, committed %v", n, len(data), f.Stamp, f.Committed("this-boot"))
		}
		f.Close()
	}
}
