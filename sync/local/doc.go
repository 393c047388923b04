// Package local is where the bytes go: one directory, and files in it that only grow.
//
// A Dir opens files by relative path, never leaves its directory and never follows a
// symbolic link. Dir.Look tells what is at a path (State). To put bytes there a Writer is
// made: File.Append continues the file in place, File.Create makes a fresh one,
// File.NewStage makes a copy beside it that Writer.Publish swaps in whole.
//
// The package keeps these rules, whoever calls it:
//
//   - A Writer writes only at the end of its file. The size says how far the file is, so
//     space is reserved without changing it, and O_APPEND is not used (with it a write
//     goes to wherever the end is by then, pwrite(2) BUGS).
//   - A file is marked with its Stamp before its first byte is written.
//   - A file is written only while it is locked, is the one that its path still names,
//     is regular and has a single link.
package local
