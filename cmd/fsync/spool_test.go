package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// A body that is cut says so by an error, and half a list looks like a list.
func TestSpoolCut(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, headSize - 1, headSize, headSize + 1} {
		for _, cut := range []error{io.ErrUnexpectedEOF, errors.New("reset")} {
			l := &list{name: "list"}
			t.Cleanup(l.close)
			text := strings.Repeat("a\n", (size+1)/2)[:size]
			if err := l.spool(io.MultiReader(strings.NewReader(text), iotest.ErrReader(cut))); !errors.Is(err, cut) {
				t.Errorf("%d bytes, then %v: %v", size, cut, err)
			}
		}
	}
}
