//go:build !linux

package main

// confine does nothing: other systems have nothing of the kind that a process may do to
// itself without a privilege or C code.
func confine(places) {}
