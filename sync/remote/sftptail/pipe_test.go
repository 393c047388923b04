package sftptail

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/pkg/sftp"
)

// pipeEnd is what a pipe writes to.
type pipeEnd struct{ io.Writer }

func (pipeEnd) Close() error { return nil }

// framed puts a packet together.
func framed(kind byte, id uint32, body []byte) []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(5+len(body)))
	return append(binary.BigEndian.AppendUint32(append(p, kind), id), body...)
}

// TestPipe: pkg/sftp sees its own replies, byte by byte as they came, and ours go to who
// asked; what nobody asked for, or is no answer to what was asked, ends the lane.
func TestPipe(t *testing.T) {
	t.Parallel()
	names := packed(1, "a", "", 0)
	data := framed(fxpHandle, 7, packed("some handle"))
	for name, test := range map[string]struct {
		packets [][]byte
		want    error
	}{
		"ours":       {[][]byte{data, framed(fxpName, firstID, names), data}, io.EOF},
		"failed":     {[][]byte{framed(fxpStatus, firstID, packed(4, "no", "")), data, data}, io.EOF},
		"no text":    {[][]byte{data, data, framed(fxpStatus, firstID, packed(1))}, io.EOF},
		"empty":      {[][]byte{data, framed(fxpStatus, 7, nil)[:9]}, io.EOF},
		"OK":         {[][]byte{framed(fxpStatus, firstID, packed(0, "", ""))}, errMalformed},
		"cut status": {[][]byte{framed(fxpStatus, firstID, []byte{0, 0})}, errMalformed},
		"wrong type": {[][]byte{framed(fxpHandle, firstID, packed("h"))}, errMalformed},
		"unknown id": {[][]byte{framed(fxpName, firstID+1, names)}, errMalformed},
		"twice":      {[][]byte{framed(fxpName, firstID, names), framed(fxpName, firstID, names)}, errMalformed},
		"malformed":  {[][]byte{framed(fxpName, firstID, names[1:])}, errMalformed},
		"too large":  {[][]byte{framed(fxpName, firstID, make([]byte, largestReply+1))}, errMalformed},
		"no read":    {[][]byte{framed(fxpData, 7, packed("some data"))}, errMalformed},
		"too short":  {[][]byte{{0, 0, 0, 4, fxpName, 0x80, 0, 0}}, errMalformed},
		"ends":       {[][]byte{framed(fxpName, firstID, names)[:12]}, io.ErrUnexpectedEOF},
	} {
		for _, slow := range []bool{false, true} {
			var count atomic.Int64
			var sent bytes.Buffer
			var r io.Reader = bytes.NewReader(slices.Concat(test.packets...))
			if slow {
				r = iotest.OneByteReader(r)
			}
			d := newPipe(r, pipeEnd{&sent}, nil, &count, func(error) {})
			a, err := d.send(fxpReaddir, []byte("h"))
			d.flushing.Wait()
			if err != nil || !bytes.Equal(sent.Bytes(), framed(fxpReaddir, firstID, packed("h"))) {
				t.Errorf("%s: sent %x, %v", name, sent.Bytes(), err)
			}
			var got bytes.Buffer
			_, err = got.ReadFrom(d)
			if err == nil {
				err = io.EOF
			}
			if !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", name, err, test.want)
			}
			if test.want != io.EOF {
				continue
			}
			var want []byte
			for _, p := range test.packets {
				if binary.BigEndian.Uint32(p[5:]) < firstID {
					want = append(want, p...)
				}
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s: pkg/sftp sees %x", name, got.Bytes())
			}
			if name == "ours" && (len(a.came) != 1 || count.Load() != int64(len(names))) {
				t.Errorf("%d replies, %d bytes", len(a.came), count.Load())
			}
		}
	}
}

// newTestPipe returns a pipe that nothing stands ahead of.
func newTestPipe(r io.Reader, w io.WriteCloser) *pipe {
	return newPipe(r, w, nil, new(atomic.Int64), func(error) {})
}

// slowEnd takes a write at a time, when it is let.
type slowEnd struct {
	let  chan error
	took chan []byte
}

func (w *slowEnd) Write(p []byte) (int, error) {
	w.took <- bytes.Clone(p)
	if err := <-w.let; err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *slowEnd) Close() error { return nil }

// TestPipeTogether: what is asked while something is written leaves in one piece after it,
// and nobody waits for that.
func TestPipeTogether(t *testing.T) {
	t.Parallel()
	w := &slowEnd{make(chan error), make(chan []byte)}
	d := newTestPipe(bytes.NewReader(nil), w)
	if _, err := d.send(fxpLstat, []byte("0")); err != nil {
		t.Fatal(err)
	}
	if p := <-w.took; !bytes.Equal(p, framed(fxpLstat, firstID, packed("0"))) {
		t.Fatalf("%x", p)
	}
	var want []byte
	for i := range 20 {
		name := fmt.Sprint("file ", i)
		if _, err := d.send(fxpLstat, []byte(name)); err != nil {
			t.Fatal(err)
		}
		theirs := framed(17, uint32(i), packed(name))
		if n, err := d.Write(theirs); n != len(theirs) || err != nil {
			t.Fatal(n, err)
		}
		want = slices.Concat(want, framed(fxpLstat, firstID+1+uint32(i), packed(name)), theirs)
	}
	w.let <- nil
	if p := <-w.took; !bytes.Equal(p, want) {
		t.Errorf("%d bytes, want %d", len(p), len(want))
	}
	w.let <- nil
	d.flushing.Wait()
}

// TestPipeBroken: where nothing can be sent the lane ends, and the end of the stream is not
// taken for the end of a file.
func TestPipeBroken(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	for _, fails := range []error{io.EOF, other, io.ErrClosedPipe} {
		w := &slowEnd{make(chan error, 1), make(chan []byte, 1)}
		w.let <- fails
		var cut error
		d := newPipe(bytes.NewReader(nil), w, nil, new(atomic.Int64), func(err error) { cut = err })
		if _, err := d.send(fxpLstat, []byte("x")); err != nil {
			t.Fatal(err)
		}
		d.flushing.Wait()
		if fails != io.EOF && !errors.Is(cut, fails) {
			t.Errorf("%v: cut for %v", fails, cut)
		}
		for range 2 {
			if _, err := d.send(fxpLstat, []byte("x")); err != sftp.ErrSSHFxConnectionLost {
				t.Errorf("%v: %v", fails, err)
			}
			if _, err := d.Write(framed(17, 3, packed("x"))); err != sftp.ErrSSHFxConnectionLost {
				t.Errorf("%v: %v", fails, err)
			}
		}
		if d.Close(); len(w.took) != 1 {
			t.Errorf("%v: written to again", fails)
		}
	}
}

// FuzzPipe: whatever comes, how it was cut into pieces makes no difference, and no more is
// written than was asked for.
func FuzzPipe(f *testing.F) {
	attrs := packed(attrSize|attrTimes, uint64(5), 1, 2)
	f.Add(append(framed(fxpData, 1, packed("hello")), framed(fxpStatus, 3, packed(0))...))
	f.Add(slices.Concat(framed(fxpAttrs, firstID, attrs), framed(fxpData, 2, packed("some")), framed(fxpAttrs, firstID+1, attrs)))
	f.Add(slices.Concat(framed(fxpStatus, 2, packed(1)), framed(fxpAttrs, firstID, attrs), framed(fxpStatus, firstID+1, packed(3))))
	f.Add(framed(fxpName, firstID+2, packed(1, "a", "", 0)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		play := func(r io.Reader) string {
			d := newTestPipe(r, pipeEnd{io.Discard})
			p := make([]byte, 12)
			plain, looks := &read{into: p[:2], id: 1}, &read{into: p[4:8], looks: true, id: 2}
			d.reads = map[uint32]*read{1: plain, 2: looks}
			d.put(fxpFstat, nil, answer{of: looks})
			d.put(fxpFstat, nil, answer{of: looks, after: true})
			a, err := d.send(fxpReaddir, nil)
			if err != nil {
				t.Fatal(err)
			}
			shown, err := io.ReadAll(d)
			d.flushing.Wait()
			if len(bytes.Trim(p[8:], "\x00"))+len(bytes.Trim(p[2:4], "\x00")) > 0 {
				t.Errorf("%x", p)
			}
			return fmt.Sprintf("%x %v %x %d %d %x %x %v %v %v %v %t %d", shown, err, p, plain.n, looks.n, plain.failed, looks.failed,
				looks.before.status, looks.before.err, looks.after.status, looks.after.err, looks.mixed, len(a.came))
		}
		if whole, cut := play(bytes.NewReader(stream)), play(iotest.OneByteReader(bytes.NewReader(stream))); whole != cut {
			t.Errorf("whole: %s, in pieces: %s", whole, cut)
		}
	})
}
