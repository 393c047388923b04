package local

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestNewStageLeaksNothing: a staged copy that another process holds, or that cannot be
// begun, used to leave descriptors open and its directory's handle in use.
func TestNewStageLeaksNothing(t *testing.T) {
	open := func() int {
		es, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(es)
	}
	cases := map[string]func(t *testing.T, stage string) (want error){
		"held": func(t *testing.T, stage string) error {
			put(t, stage, []byte("another's"))
			hold, err := os.Open(stage)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { hold.Close() })
			if err := flock(hold, false); err != nil {
				t.Fatal(err)
			}
			return ErrBusy
		},
		"a directory": func(t *testing.T, stage string) error {
			put(t, filepath.Join(stage, "x"), nil)
			return ErrNotRegular
		},
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := openDir(t, dir)
			put(t, filepath.Join(dir, "f"), []byte("old"))
			want := prepare(t, filepath.Join(dir, StageName("f")))
			before := 0
			var kept []*File // so that no finalizer closes what is left open
			for i := range 50 {
				f, err := d.Look("f")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.NewStage(t.Context(), partial(3), 0); !errors.Is(err, want) {
					t.Fatalf("NewStage: %v, want %v", err, want)
				}
				f.Close()
				if kept = append(kept, f); i == 0 {
					before = open() // with the directory's handle, which is kept
				}
			}
			if after := open(); after != before {
				t.Errorf("%d descriptors are open, %d before", after, before)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			for _, p := range d.order {
				if p.refs != 0 {
					t.Errorf("directory %q is in use %d times", p.path, p.refs)
				}
			}
			if len(kept) != 50 {
				t.Error(len(kept))
			}
			wantFile(t, filepath.Join(dir, "f"), []byte("old"))
		})
	}
}
