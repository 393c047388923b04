package local

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// An edit that keeps the size used to pass for no change: what is appended to, marked as
// complete or swapped away then is not what was looked at.
func TestEditedSinceLook(t *testing.T) {
	t.Parallel()
	steps := map[string]func(t *testing.T, f *File, edit func()) error{
		"Append": func(t *testing.T, f *File, edit func()) error {
			edit()
			w, err := f.Append(partial(20))
			if err == nil {
				closed(t, w)
			}
			return err
		},
		"Adopt": func(_ *testing.T, f *File, edit func()) error {
			edit()
			return f.Adopt(Publication{Stamp: done(10), ModTime: then})
		},
		"swap": func(t *testing.T, f *File, edit func()) error {
			w := must(t)(f.NewStage(t.Context(), partial(5), 0))
			write(t, w, []byte("fresh"))
			edit()
			_, err := w.Publish(Publication{Stamp: done(5), ModTime: then})
			w.Abandon()
			closed(t, w)
			return err
		},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d := openDir(t, dir)
			path := filepath.Join(dir, "f")
			put(t, path, []byte("0123456789"))
			if err := os.Chtimes(path, then, then); err != nil {
				t.Fatal(err)
			}
			err := step(t, look(t, d, "f"), func() { put(t, path, []byte("user edit!")) })
			if !errors.Is(err, ErrChanged) {
				t.Errorf("%s of a file that was edited since: %v", name, err)
			}
			wantFile(t, path, []byte("user edit!"))
			wantNames(t, dir, "f")
			if f := look(t, d, "f"); f.Stamp != nil || f.ModTime.Equal(then) {
				t.Errorf("it was marked: %v, modified %v", f.Stamp, f.ModTime)
			}
		})
	}
}
