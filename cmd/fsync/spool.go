package main

import (
	"bytes"
	"errors"
	"io"
	"os"

	"fsync/listing"
)

// maxSpool bounds a list that is kept on disk while it is read twice.
const maxSpool = 16 << 30

// headSize is how much of a list is looked at to find that it is none.
const headSize = 64 << 10

// newSpool opens a file without a name.
func (l *list) newSpool() error {
	f, err := os.CreateTemp("", "fsync-list-")
	if err != nil {
		return noPlace(err)
	}
	_ = os.Remove(f.Name()) // Windows keeps it until it is closed
	if l.f != nil {
		l.f.Close() // an earlier try's
	}
	l.f = f
	return nil
}

func noPlace(err error) error { return usagef("no place for a copy of the list: %w", err) }

// spool copies what can be read once only to a file without a name.
func (l *list) spool(r io.Reader) error {
	if err := l.newSpool(); err != nil {
		return err
	}
	head, err := io.ReadAll(io.LimitReader(r, headSize))
	if err != nil { // not ReadFull: a body that was cut may end in its io.ErrUnexpectedEOF
		return err
	}
	// What is no list at all is found before the rest of an ISO is copied.
	if len(head) == headSize {
		if err := l.notList(head); err != nil {
			return err
		}
	}
	w := spoolWriter{l.f}
	if _, err := w.Write(head); err != nil {
		return err
	}
	if len(head) == headSize {
		m, err := io.Copy(w, io.LimitReader(r, maxSpool))
		if err != nil {
			return err
		}
		if m == maxSpool {
			return usagef("%s: longer than %d bytes", l.name, int64(maxSpool))
		}
	}
	return nil
}

// spoolWriter tells its errors from those of what is copied.
type spoolWriter struct{ f *os.File }

func (w spoolWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		err = noPlace(err)
	}
	return n, err
}

// spoolFile is spool for what is no download: its errors tell nobody where they come from.
func (l *list) spoolFile(r io.Reader) error {
	err := l.spool(r)
	if _, told := errors.AsType[*exitError](err); err == nil || told {
		return err
	}
	return usagef("%s: %w", l.name, reason(err))
}

// sniff looks at the beginning of a list that was spooled.
func (l *list) sniff() error {
	head := make([]byte, headSize)
	n, err := l.f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	return l.notList(head[:n])
}

// notList looks at the beginning of a list.
func (l *list) notList(head []byte) error {
	for _, err := range listing.Read(l.name, bytes.NewReader(head), l.opts) {
		if errors.Is(err, listing.ErrNotList) {
			return l.error(err)
		}
		break
	}
	return nil
}
