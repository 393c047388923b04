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
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	// What is no list at all is found before the rest of an ISO is copied.
	if err == nil {
		if err := l.notList(head[:n]); err != nil {
			return err
		}
	}
	if _, err := l.f.Write(head[:n]); err != nil {
		return noPlace(err)
	}
	if n == len(head) {
		m, err := io.Copy(l.f, io.LimitReader(r, maxSpool))
		if err != nil {
			return err
		}
		if m == maxSpool {
			return usagef("%s: longer than %d bytes", l.name, int64(maxSpool))
		}
	}
	return nil
}

// sniff looks at the beginning of a list that was spooled.
func (l *list) sniff() error {
	head := make([]byte, 64<<10)
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
