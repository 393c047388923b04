package sftptail

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// wirePacket returns a packet with its length.
func wirePacket(kind byte, rest ...[]byte) []byte {
	p := append([]byte{kind}, bytes.Join(rest, nil)...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(p))), p...)
}

func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
func str(s string) []byte { return append(u32(uint32(len(s))), s...) }

// dataOf returns a DATA packet of n bytes.
func dataOf(n int) []byte { return wirePacket(fxpData, u32(7), str(strings.Repeat("x", n))) }

func versionPacket(v uint32, names ...string) []byte {
	rest := [][]byte{u32(v)}
	for _, name := range names {
		rest = append(rest, str(name), str("1"))
	}
	return wirePacket(fxpVersion, rest...)
}

func limitsPacket(packet, read, handles uint64) []byte {
	return wirePacket(fxpExtendedReply, u32(1), u64(packet), u64(read), u64(read), u64(handles))
}

// peer answers whatever it is told.
type peer struct {
	io.Reader
	io.Writer
}

func TestHello(t *testing.T) {
	t.Parallel()
	with := versionPacket(3, "posix-rename@openssh.com", limitsName)
	for name, test := range map[string]struct {
		from  []byte
		want  limits
		fails error
	}{
		"no extensions":   {versionPacket(3), limits{read: commonRead}, nil},
		"others":          {versionPacket(3, "a", "b"), limits{read: commonRead}, nil},
		"OpenSSH":         {append(with, limitsPacket(256<<10, 256<<10-1024, 1000)...), limits{largestRead, 1000}, nil},
		"no limit":        {append(with, limitsPacket(0, 0, 0)...), limits{read: commonRead}, nil},
		"by the packet":   {append(with, limitsPacket(10_000, 0, 0)...), limits{read: 10_000 - 1024}, nil},
		"tiny":            {append(with, limitsPacket(0, 1, 1)...), limits{1, 1}, nil},
		"2^64-1":          {append(with, limitsPacket(1<<64-1, 1<<64-1, 1<<64-1)...), limits{largestRead, 1 << 20}, nil},
		"refused":         {append(with, wirePacket(101, u32(1), u32(8), str("no"), str(""))...), limits{read: commonRead}, nil},
		"short":           {append(with, wirePacket(fxpExtendedReply, u32(1), u64(9))...), limits{read: commonRead}, nil},
		"version 6":       {versionPacket(6), limits{}, errOtherVersion},
		"no version":      {wirePacket(fxpVersion), limits{}, errNotSFTP},
		"another packet":  {dataOf(10), limits{}, errNotSFTP},
		"text":            {[]byte("Welcome\n"), limits{}, errNotSFTP},
		"empty packet":    {wirePacket(0)[:4:4], limits{}, io.ErrUnexpectedEOF},
		"length 0":        {[]byte{0, 0, 0, 0, 2}, limits{}, errNotSFTP},
		"too long":        {[]byte{0, 2, 0, 0, 2}, limits{}, errNotSFTP},
		"ends at once":    {nil, limits{}, io.EOF},
		"ends in between": {with[:20], limits{}, io.ErrUnexpectedEOF},
		"ends after":      {with, limits{}, io.EOF},
	} {
		for _, r := range []io.Reader{bytes.NewReader(test.from), iotest.OneByteReader(bytes.NewReader(test.from))} {
			version, l, err := hello(peer{r, io.Discard}, true)
			if test.fails != nil {
				if !errors.Is(err, test.fails) {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			if err != nil || l != test.want || !bytes.HasPrefix(test.from, version) {
				t.Errorf("%s: %+v, %v", name, l, err)
			}
		}
	}
}

// FuzzHello: whatever a server says, it is refused or gives limits that can be worked with.
func FuzzHello(f *testing.F) {
	f.Add(versionPacket(3))
	f.Add(append(versionPacket(3, "x", limitsName), limitsPacket(256<<10, 0, 7)...))
	f.Add(append(versionPacket(3, limitsName), limitsPacket(1025, 1<<63, 1<<63)...))
	f.Add([]byte("Last login: today\r\n"))
	f.Fuzz(func(t *testing.T, from []byte) {
		var sent bytes.Buffer
		version, l, err := hello(peer{bytes.NewReader(from), &sent}, true)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(from, version) || len(version) < 9 || len(version) > largestHello+4 {
			t.Errorf("version packet %x", version)
		}
		if l.read < 1 || l.read > largestRead || l.handles < 0 || l.handles > 1<<20 {
			t.Errorf("limits %+v", l)
		}
	})
}
