package sftptail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

const faultSize = 1_500_000 // several blocks, and more than the first window

// TestFaults: whatever a server does, the bytes that come are the file's from where the
// answer says, in order; a body that ends well has all of them; and what goes wrong has
// the right kind.
func TestFaults(t *testing.T) {
	content := remotetest.Content(1, faultSize)
	for _, fault := range remotetest.SFTPFaults() {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			u := s.Put("file", remotetest.File{Content: content, ModTime: then})
			if fault.Whole {
				s.Break(fault)
			} else {
				s.PutFaulty("file", remotetest.File{Content: content, ModTime: then}, fault)
			}
			c := newTestClient(t, s, func(o *Options) { o.Stall = 500 * time.Millisecond })
			for _, off := range []int64{0, 5000, faultSize - 200_000} {
				got, start, err := fetchAll(t, c, remote.Request{URL: u, Offset: off})
				versions := [][]byte{content, s.File("file").Content}
				right := slices.ContainsFunc(versions, func(v []byte) bool {
					return start <= int64(len(v)) && bytes.HasPrefix(v[start:], got)
				})
				if !right && !strings.HasPrefix(fault.Name, "overwritten") {
					t.Errorf("from byte %d: %d bytes that are not the file's", off, len(got))
				}
				whole := slices.ContainsFunc(versions, func(v []byte) bool { return start+int64(len(got)) == int64(len(v)) })
				if err == nil && !whole && fault.Name != "size off by -5000" { // nothing tells of the rest
					t.Errorf("from byte %d: it ended well after %d bytes", off, len(got))
				}
				if err != nil && fault.Legal {
					t.Errorf("from byte %d: %v", off, err)
				}
				if e, ok := errors.AsType[*remote.Error](err); err != nil && (!ok || e.Kind == remote.BadRange) {
					t.Errorf("from byte %d: the error %v (%T)", off, err, err)
				}
			}
		})
	}
}

// fetchAll opens a file and reads what comes.
func fetchAll(t *testing.T, c *Client, req remote.Request) (got []byte, start int64, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tail, err := c.Open(ctx, req)
	if err != nil {
		return nil, req.Offset, err
	}
	defer tail.Body.Close()
	remotetest.CheckTail(t, req, tail)
	got, err = io.ReadAll(tail.Body)
	return got, tail.Start, err
}
