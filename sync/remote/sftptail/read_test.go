package sftptail

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"

	"fsync/sync/remote/remotetest"
)

// scripted returns a lane with a file open on it, and the server's end of it, where OPEN
// was answered.
func scripted(t *testing.T) (*lane, *sftp.File, net.Conn) {
	t.Helper()
	near, server := net.Pipe()
	t.Cleanup(func() { near.Close(); server.Close() })
	l := &lane{gone: make(chan struct{}), cut: func(error) { near.Close() }}
	close(l.gone) // nobody waits for it to end
	l.pipe = newPipe(near, near, versionPacket(3), &l.calls.data, l.cut)
	var err error
	l.sftp, err = sftp.NewClientPipe(l.pipe, l.pipe, sftp.MaxPacketUnchecked(largestRead), sftp.UseConcurrentReads(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.sftp.Close(); l.pipe.flushing.Wait() })
	go func() {
		if p, err := readPacket(server); err == nil {
			server.Write(framed(fxpHandle, binary.BigEndian.Uint32(p[5:]), packed("the handle")))
		}
	}()
	file, err := l.sftp.Open("file")
	if err != nil {
		t.Fatal(err)
	}
	return l, file, server
}

// asked takes packets of a kind each and returns their ids.
func asked(t *testing.T, server net.Conn, kinds ...byte) (ids []uint32, bodies [][]byte) {
	t.Helper()
	for _, kind := range kinds {
		p, err := readPacket(server)
		if err != nil {
			t.Error(err)
			return make([]uint32, len(kinds)), make([][]byte, len(kinds))
		}
		if p[4] != kind {
			t.Errorf("packet of type %d, want %d", p[4], kind)
		}
		ids, bodies = append(ids, binary.BigEndian.Uint32(p[5:])), append(bodies, p[9:])
	}
	return ids, bodies
}

const somewhere = 1<<40 + 7

// TestBegin: what is asked for of a file at once leaves in one piece and in that order;
// what came in another order, or not at all, proves nothing.
func TestBegin(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(3, 100)
	was, is := packed(uint32(attrSize|attrTimes), uint64(50), 1, 77), packed(uint32(attrSize|attrTimes), uint64(51), 1, 78)
	data := func(n int) []byte { return packed(string(content[:n])) }
	old, young := status{size: 50, mtime: 77}, status{size: 51, mtime: 78}
	type replies func(a, r, b uint32) [][]byte
	for name, test := range map[string]struct {
		replies
		want first
		err  error
	}{
		"all": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpAttrs, a, was), framed(fxpData, r, data(50)), framed(fxpAttrs, b, is)}
		}, first{seen: old, n: 50, proven: true, after: young}, nil},
		"less": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpAttrs, a, was), framed(fxpData, r, data(10)), framed(fxpAttrs, b, was)}
		}, first{seen: old, n: 10, proven: true, after: old}, nil},
		"more than was asked for": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpAttrs, a, was), framed(fxpData, r, data(100)), framed(fxpAttrs, b, was)}
		}, first{seen: old, n: 60, proven: true, after: old}, nil},
		"the end": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpAttrs, a, was), framed(fxpStatus, r, packed(1, "end", "")), framed(fxpAttrs, b, was)}
		}, first{seen: old, atEnd: true, proven: true, after: old}, nil},
		"the READ fails": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpAttrs, a, was), framed(fxpStatus, r, packed(4, "no", "")), framed(fxpAttrs, b, was)}
		}, first{seen: old, proven: true, after: old}, nil},
		"the second look fails": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpAttrs, a, was), framed(fxpData, r, data(50)), framed(fxpStatus, b, packed(4))}
		}, first{seen: old, n: 50}, nil},
		"the first look fails": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpStatus, a, packed(4)), framed(fxpData, r, data(50)), framed(fxpAttrs, b, was)}
		}, first{}, &sftp.StatusError{Code: 4}},
		"the data first": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpData, r, data(50)), framed(fxpAttrs, a, was), framed(fxpAttrs, b, was)}
		}, first{seen: old}, nil},
		"the data last": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpAttrs, a, was), framed(fxpAttrs, b, was), framed(fxpData, r, data(50))}
		}, first{seen: old}, nil},
		"the looks swapped": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpAttrs, b, is), framed(fxpData, r, data(50)), framed(fxpAttrs, a, was)}
		}, first{seen: old}, nil},
		"the data twice": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpData, r, data(50)), framed(fxpData, r, data(50))}
		}, first{}, errMalformed},
		"the data and the end": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpData, r, data(50)), framed(fxpStatus, r, packed(1))}
		}, first{}, errMalformed},
		"a look twice": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpAttrs, a, was), framed(fxpAttrs, a, was)}
		}, first{}, errMalformed},
		"a name": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpName, r, packed(0))}
		}, first{}, errMalformed},
		"OK": {func(a, r, b uint32) [][]byte {
			return [][]byte{framed(fxpAttrs, a, was), framed(fxpStatus, r, packed(0, "", "")), framed(fxpAttrs, b, was)}
		}, first{}, errMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, file, server := scripted(t)
			go func() {
				ids, bodies := asked(t, server, fxpFstat, fxpRead, fxpFstat)
				handle := packed("the handle")
				if !bytes.Equal(bodies[0], handle) || !bytes.Equal(bodies[2], handle) || !bytes.Equal(bodies[1], packed("the handle", uint64(somewhere), 60)) {
					t.Errorf("asked %q", bodies)
				}
				server.Write(slices.Concat(test.replies(ids[0], ids[1], ids[2])...))
			}()
			p := make([]byte, 64)
			got, err := l.begin(file, p[:60], somewhere)
			if got != test.want || (err == nil) != (test.err == nil) {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
			if test.err == errMalformed {
				if l.sftp.Wait(); !errors.Is(l.pipe.err, errMalformed) && !errors.Is(err, errMalformed) {
					t.Errorf("%v, the lane: %v", err, l.pipe.err)
				}
			} else if err != nil && !isAnswer(err) {
				t.Errorf("%v is no answer", err)
			}
			if !bytes.Equal(p[:got.n], content[:got.n]) || len(bytes.Trim(p[60:], "\x00")) > 0 {
				t.Errorf("other bytes: %x", p)
			}
		})
	}
}

// TestReadAt: what is answered short is asked for again from where it ended, and the data
// of several reads goes to each.
func TestReadAt(t *testing.T) {
	t.Parallel()
	content := remotetest.Content(5, 200_000)
	l, file, server := scripted(t)
	go func() {
		for {
			p, err := readPacket(server)
			if err != nil {
				return
			}
			in := fields{rest: p[9:]}
			in.text()
			in.number()
			off, n := int(in.number()), int(in.number())
			body, kind := packed(1), byte(fxpStatus)
			if off < len(content) {
				body, kind = packed(string(content[off:min(off+min(n, 1+n*2/3), len(content))])), fxpData
			}
			server.Write(framed(kind, binary.BigEndian.Uint32(p[5:]), body))
		}
	}()
	var bad atomic.Int32
	done := make(chan struct{})
	for i := range 20 {
		go func() {
			defer func() { done <- struct{}{} }()
			off := i * 9973
			p := make([]byte, 20_000)
			n, err := l.readAt(file, p, int64(off))
			want := content[off:min(off+len(p), len(content))]
			if !bytes.Equal(p[:n], want) || (err == nil) != (len(want) == len(p)) || err != nil && err != io.EOF {
				bad.Add(1)
			}
		}()
	}
	for range 20 {
		<-done
	}
	if bad.Load() > 0 {
		t.Errorf("%d reads went wrong", bad.Load())
	}
	if n := l.calls.data.Load(); n < 195_000 {
		t.Errorf("%d bytes counted", n)
	}
	if len(l.pipe.reads) > 0 {
		t.Errorf("%d reads are kept", len(l.pipe.reads))
	}
}

// TestReadEmpty: a server that answers reads with nothing for ever is given up.
func TestReadEmpty(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		each  []string // answers; "status" is one
		times int
		fails error
	}{
		"some":           {[]string{""}, mostEmpty, nil},
		"for ever":       {[]string{""}, mostEmpty + 1, errEmptyData},
		"between others": {[]string{"", "status"}, mostEmpty + 1, errEmptyData},
		"between data":   {[]string{"", "x"}, 3 * mostEmpty, nil},
	} {
		var stream []byte
		reads := make(map[uint32]*read)
		for range test.times {
			for _, what := range test.each {
				id := uint32(len(reads))
				reads[id] = &read{into: make([]byte, 1), id: id}
				if what == "status" {
					stream = append(stream, framed(fxpStatus, id, packed(4, "", ""))...)
				} else {
					stream = append(stream, framed(fxpData, id, packed(what))...)
				}
			}
		}
		d := newTestPipe(bytes.NewReader(stream), pipeEnd{io.Discard})
		d.reads = reads
		if _, err := io.ReadAll(d); !errors.Is(err, test.fails) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
