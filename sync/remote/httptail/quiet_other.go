//go:build !unix

package httptail

import "net"

// canBeDirect says that idle connections can be asked whether they are quiet.
const canBeDirect = false

func quiet(net.Conn) bool { return false }
