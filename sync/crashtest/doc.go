// Package crashtest cuts the power under a pull: the program writes to a file system on a
// disk that logs every write and FLUSH, images of that disk are made as a cut at many points
// may have left it, each is mounted, and the program goes on there.
//
// It consists of tests only. They need root, FUSE and loop devices, so Linux; see
// docs/powercut.md.
package crashtest
