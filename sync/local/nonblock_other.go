//go:build !unix

package local

const openNonblock = 0
