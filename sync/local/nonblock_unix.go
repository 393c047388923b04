//go:build unix && !linux

package local

import "syscall"

// openNonblock keeps an open from waiting for the other end of a FIFO.
const openNonblock = syscall.O_NONBLOCK
