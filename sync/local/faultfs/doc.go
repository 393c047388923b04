// Package faultfs is a file system for tests. It passes everything on to a directory, by
// FUSE, and lets chosen operations fail, or makes something happen right before them.
// Mounting needs Linux, root and /dev/fuse.
package faultfs
