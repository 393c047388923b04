package sftptail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
// the right kind. What a small file takes is asked for at once.
func TestFaults(t *testing.T) {
	for _, how := range []struct {
		size   int64
		limits bool
	}{{faultSize, true}, {smallSize, true}, {smallSize, false}} {
		for _, fault := range remotetest.SFTPFaults() {
			t.Run(fmt.Sprintf("%s/%d/limits=%t", fault.Name, how.size, how.limits), func(t *testing.T) {
				t.Parallel()
				testFault(t, fault, remotetest.Content(1, how.size), how.limits)
			})
		}
	}
}

const smallSize = 25_000 // less than the first read

func testFault(t *testing.T, fault remotetest.SFTPFault, content []byte, limits bool) {
	s := newServer(t)
	if !limits {
		s.Configure(func(c *remotetest.SFTPConfig) { c.Limits = nil })
	}
	u := s.Put("file", remotetest.File{Content: content, ModTime: then})
	if fault.Whole {
		s.Break(fault)
	} else {
		s.PutFaulty("file", remotetest.File{Content: content, ModTime: then}, fault)
	}
	c := newTestClient(t, s, func(o *Options) { o.Stall = 500 * time.Millisecond })
	for _, off := range []int64{0, 5000, int64(len(content) - len(content)/8)} {
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
	// Nothing waits for a CLOSE, and none is left out.
	until(t, "all handles are closed", func() bool { return s.Handles("file") == 0 })
}

// TestSmall: a small file is looked at twice and no more, and one that changes while it is
// read is found out, also where both looks and the read are asked for at once.
func TestSmall(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 4096, commonRead - 1, commonRead, commonRead + 1} {
		for _, limits := range []bool{true, false} {
			s := newServer(t)
			if !limits {
				s.Configure(func(c *remotetest.SFTPConfig) { c.Limits = nil })
			}
			content := remotetest.Content(uint64(size), int64(size))
			c := newTestClient(t, s)
			u := s.Put("still", remotetest.File{Content: content, ModTime: then})
			for _, off := range []int64{0, int64(size) / 2, int64(size), int64(size) + 7} {
				before := s.Stats("still")
				got, start, err := fetchAll(t, c, remote.Request{URL: u, Offset: off})
				if want := min(off, int64(size)); err != nil || start != want || !bytes.Equal(got, content[want:]) {
					t.Errorf("%d bytes from %d, limits %t: %d from %d, %v", size, off, limits, len(got), start, err)
				}
				looks := s.Stats("still") - before
				if int64(size)-off <= commonRead && looks > 2 || off < int64(size) && looks < 2 {
					t.Errorf("%d bytes from %d, limits %t: looked at %d times", size, off, limits, looks)
				}
			}
			if size == 0 {
				continue
			}
			u = s.PutFaulty("moving", remotetest.File{Content: content, ModTime: then}, remotetest.SFTPOverwrite(0))
			if _, _, err := fetchAll(t, c, remote.Request{URL: u}); !errors.Is(err, remote.ErrChanged) {
				t.Errorf("%d bytes that change, limits %t: %v", size, limits, err)
			}
		}
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
