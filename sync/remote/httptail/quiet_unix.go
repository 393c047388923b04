//go:build unix

package httptail

import (
	"net"
	"syscall"
)

// canBeDirect says that idle connections can be asked whether they are quiet.
const canBeDirect = true

// quiet says whether an idle connection is still open, and the server has sent nothing
// on it that was not asked for.
func quiet(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Control(func(fd uintptr) { // not Read, which keeps to a deadline
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN
	})
	return err == nil && quiet
}
