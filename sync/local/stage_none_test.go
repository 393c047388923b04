package local

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestStagesRemembered: whatever was read of a directory, a staged copy that is there, or that
// this run makes, is found.
func TestStagesRemembered(t *testing.T) {
	t.Parallel()
	const files = 3 * stageLookups
	for there := -1; there < files; there += 5 {
		dir := t.TempDir()
		d := openDir(t, dir)
		for i := range files {
			put(t, filepath.Join(dir, fmt.Sprint(i)), content(10))
		}
		has := func(i int) bool {
			f := look(t, d, fmt.Sprint(i))
			defer f.Close()
			s, err := f.Stage()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			return s.Exists
		}
		if there >= 0 {
			put(t, filepath.Join(dir, StageName(fmt.Sprint(there))), content(5))
		}
		for round := range 2 {
			for i := range files {
				if has(i) != (i == there) {
					t.Fatalf("copy of %d: file %d, round %d", there, i, round)
				}
			}
		}
		if state := d.parents[""].stages.state.Load(); (state == stagesNone) != (there < 0) {
			t.Errorf("copy of %d: state %d", there, state)
		}
		f := look(t, d, "7")
		closed(t, must(t)(f.NewStage(t.Context(), partial(20), 3)))
		if !has(7) {
			t.Errorf("copy of %d: the one that this run made is not found", there)
		}
	}
}
