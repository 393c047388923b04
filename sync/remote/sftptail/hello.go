package sftptail

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Packet types of draft-ietf-secsh-filexfer-02 §3.
const (
	fxpInit          = 1
	fxpVersion       = 2
	fxpClose         = 4
	fxpRead          = 5
	fxpLstat         = 7
	fxpFstat         = 8
	fxpOpendir       = 11
	fxpReaddir       = 12
	fxpStatus        = 101
	fxpHandle        = 102
	fxpData          = 103
	fxpName          = 104
	fxpAttrs         = 105
	fxpExtended      = 200
	fxpExtendedReply = 201
)

const (
	// Every server answers a READ of 32 KiB (draft §3: packets of 34000 bytes); the
	// largest that OpenSSH answers is its packet of 256 KiB less 1 KiB (sftp-server.c),
	// and the largest packet that pkg/sftp takes is 256 KiB.
	commonRead  = 32 << 10
	largestRead = 256<<10 - 1024

	largestHello = 64 << 10
)

// limits are what a server says of itself by limits@openssh.com (OpenSSH PROTOCOL §4.8).
type limits struct {
	read    int // the most bytes that a READ may ask for
	handles int // files that may be open at a time; 0: not said
}

// hello begins SFTP on a channel: INIT and VERSION, and if limitsToo, the question for
// the limits of a server that can tell them. It is done here because pkg/sftp has no way
// to ask. The VERSION packet is returned, to be shown to pkg/sftp.
func hello(rw io.ReadWriter, limitsToo bool) (version []byte, l limits, err error) {
	l = limits{read: commonRead}
	if _, err := rw.Write([]byte{0, 0, 0, 5, fxpInit, 0, 0, 0, 3}); err != nil {
		return nil, l, err
	}
	version, err = readPacket(rw)
	if err != nil {
		return nil, l, err
	}
	if len(version) < 9 || version[4] != fxpVersion {
		return nil, l, errNotSFTP
	}
	if v := binary.BigEndian.Uint32(version[5:]); v != 3 {
		return nil, l, fmt.Errorf("%w: it has version %d", errOtherVersion, v)
	}
	if !limitsToo || !hasLimits(version[9:]) {
		return version, l, nil
	}
	ask := []byte{0, 0, 0, 0, fxpExtended, 0, 0, 0, 1, 0, 0, 0, byte(len(limitsName))}
	ask = append(ask, limitsName...)
	binary.BigEndian.PutUint32(ask, uint32(len(ask)-4))
	if _, err := rw.Write(ask); err != nil {
		return nil, l, err
	}
	reply, err := readPacket(rw)
	if err != nil {
		return nil, l, err
	}
	return version, l.parse(reply), nil
}

const limitsName = "limits@openssh.com"

// hasLimits looks through the extension pairs of a VERSION packet.
func hasLimits(pairs []byte) bool {
	for len(pairs) > 0 {
		name, rest, ok := cutString(pairs)
		if !ok {
			return false
		}
		_, rest, ok = cutString(rest)
		if !ok {
			return false
		}
		if string(name) == limitsName {
			return true
		}
		pairs = rest
	}
	return false
}

// cutString takes one string off (RFC 4251 §5).
func cutString(p []byte) (s, rest []byte, ok bool) {
	if len(p) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(p)
	if uint64(n) > uint64(len(p)-4) {
		return nil, nil, false
	}
	return p[4 : 4+n], p[4+n:], true
}

// parse takes what a reply says, so far as it makes sense: id, then four uint64: packet,
// read and write lengths, open handles. 0 means that there is no limit.
func (l limits) parse(reply []byte) limits {
	const head = 4 + 1 + 4
	if len(reply) < head+4*8 || reply[4] != fxpExtendedReply {
		return l
	}
	number := func(i int) uint64 { return binary.BigEndian.Uint64(reply[head+8*i:]) }
	read := number(1)
	if packet := number(0); packet > 1024 && (read == 0 || read > packet-1024) {
		read = packet - 1024
	}
	if read > 0 {
		l.read = int(min(read, largestRead))
	}
	l.handles = int(min(number(3), 1<<20))
	return l
}

var (
	errNotSFTP      = errors.New("what answers there does not speak SFTP")
	errOtherVersion = errors.New("the server does not speak version 3 of SFTP")
)

// readPacket reads one packet, its length included.
func readPacket(r io.Reader) ([]byte, error) {
	p := make([]byte, 5)
	if _, err := io.ReadFull(r, p); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(p)
	if isText(p) {
		return nil, fmt.Errorf("%w: the login prints text (%q…) ahead of it, as from a .bashrc with an echo", errNotSFTP, p)
	}
	if n < 1 || n > largestHello {
		return nil, errNotSFTP
	}
	p = append(p, make([]byte, n-1)...)
	_, err := io.ReadFull(r, p[5:])
	return p, err
}

func isText(p []byte) bool {
	for _, c := range p {
		if (c < ' ' || c > '~') && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return true
}
