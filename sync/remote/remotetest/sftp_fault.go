package remotetest

import (
	"slices"
	"time"
)

// SFTPFault is one way in which an SFTP server misbehaves.
type SFTPFault struct {
	Name string

	// Silent says that all replies are well formed and the bytes are not those that size
	// and modification time stand for: only a comparison or a digest can notice.
	Silent bool

	// Legal says that a server may be so: whoever asks gets its files all the same.
	Legal bool

	// Whole says that it is the server's fault and not one file's: it goes to Break and
	// not to PutFaulty.
	Whole bool

	times int // how many opens, channels or connections it is for; 0 for all

	// A file's. What is nil is done honestly. attrs is also for STAT and READDIR as long
	// as the fault is the next one, and called with the server's mutex held.
	open  func(q *session, h *handle, id uint32)
	attrs func(n *node, a *attrs)
	fstat func(q *session, h *handle, id uint32)
	read  func(q *session, h *handle, r readCall)
	close func(q *session, h *handle, id uint32)

	// A channel's.
	noSubsystem bool
	config      func(*SFTPConfig)
	start       func(q *session) // before the first packet

	// A connection's.
	perConn                        bool
	noBanner, noLogin, noKeepalive bool
}

// Times returns the fault for the first n opens of the file, or the first n channels or
// connections.
func (f SFTPFault) Times(n int) SFTPFault {
	f.times = n
	return f
}

// legal returns the fault as one that a server may have.
func (f SFTPFault) legal() SFTPFault {
	f.Legal = true
	return f
}

// next returns the first fault that is not used up, pick does so and uses it.
func next(faults []SFTPFault, used []int, which func(*SFTPFault) bool) *SFTPFault {
	if i := nextIndex(faults, used, which); i >= 0 {
		return &faults[i]
	}
	return nil
}

func pick(faults []SFTPFault, used []int, which func(*SFTPFault) bool) *SFTPFault {
	i := nextIndex(faults, used, which)
	if i < 0 {
		return nil
	}
	used[i]++
	return &faults[i]
}

func nextIndex(faults []SFTPFault, used []int, which func(*SFTPFault) bool) int {
	for i := range faults {
		if f := &faults[i]; (which == nil || which(f)) && (f.times == 0 || used[i] < f.times) {
			return i
		}
	}
	return -1
}

// SFTPFaults returns every fault with ordinary parameters, which suit a file of 64 KiB or
// more.
func SFTPFaults() []SFTPFault {
	const n = 10_000 // where reading breaks
	return slices.Concat(
		[]SFTPFault{
			SFTPShortReads(8192), SFTPOneByteReads(200), SFTPRandomReads(), SFTPEarlyEOF(n), SFTPEmptyData(n), SFTPEmptyDataOnce(),
			SFTPLongData(100), SFTPReadOK(n), SFTPReadFails(n), SFTPReadFailsOnce(n), SFTPReversed(2), SFTPReversed(16),
		},
		[]SFTPFault{
			SFTPGrow(n, 5000), SFTPGrowUnseen(n, 5000), SFTPShrink(n), SFTPOverwrite(n), SFTPOverwriteUnseen(n), SFTPReplace(),
			SFTPSizeOff(5000), SFTPSizeOff(-5000), SFTPNoSize(), SFTPNoTime(), SFTPNoAttrs(), SFTPStatFails(),
			SFTPYoung(), SFTPRestless(), SFTPSlowStat(20 * time.Millisecond), SFTPCloseFails(),
		},
		[]SFTPFault{
			SFTPDenied(), SFTPMissing(), SFTPOpenFails(), SFTPDirectory(), SFTPFIFO(),
		},
		[]SFTPFault{
			SFTPStall(n), SFTPStallOpen(), SFTPLostRead(n), SFTPTrickle(10 * time.Millisecond), SFTPSlow(5 * time.Millisecond),
			SFTPReset(n), SFTPDisconnect(n), SFTPChannelClosed(n), SFTPChannelEOF(n),
			SFTPGarbage(n), SFTPHugePacket(n), SFTPUnknownID(n), SFTPTwice(n), SFTPWrongType(n), SFTPShortPacket(n),
		},
		[]SFTPFault{
			SFTPNoSubsystem(), SFTPDies(), SFTPChatter(), SFTPNoVersion(), SFTPOtherVersion(6), SFTPOneSession(), SFTPFewHandles(4),
			SFTPLimitsLie(), SFTPSmallLimit(1000), SFTPNoLimits(), SFTPNoKeepalive(), SFTPNoBanner(), SFTPNoLogin(),
		},
	)
}
