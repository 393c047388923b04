package filetail

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"fsync/sync/remote"
)

// body yields the bytes of a file from off to end. The position of file is always off.
type body struct {
	file     *os.File
	before   fs.FileInfo
	name     string
	off, end int64
	err      error        // sticky
	stopped  func() error // why the context is done, nil while it is not
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	if b.err = b.stopped(); b.err != nil {
		return 0, b.err
	}
	if b.off == b.end {
		if b.err = b.Verify(); b.err == nil {
			b.err = io.EOF
		}
		return 0, b.err
	}
	n, err := b.file.Read(p[:min(int64(len(p)), b.end-b.off)])
	b.off += int64(n)
	switch {
	case err == io.EOF:
		b.err = b.changed()
	case err != nil:
		b.err = failure(b.name, err)
	}
	return n, b.err
}

// File implements remote.Filer. Whoever moves the bytes by it calls Verify after them.
func (b *body) File() (*os.File, int64) { return b.file, b.off }

// Verify says whether the file is still what it was when it was opened. It is for the
// consumer that used File; Read calls it by itself at the end.
func (b *body) Verify() error {
	after, err := b.file.Stat()
	if err != nil {
		return failure(b.name, err)
	}
	if after.Size() != b.before.Size() || !after.ModTime().Equal(b.before.ModTime()) {
		return b.changed()
	}
	return nil
}

func (b *body) changed() error {
	return remote.Errorf(remote.Temporary, "%s: %w", b.name, remote.ErrChanged)
}

// Close closes the file.
func (b *body) Close() error {
	if b.err == nil {
		b.err = errClosed
	}
	return b.file.Close()
}

var errClosed = errors.New("body closed")
