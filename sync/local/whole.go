package local

import (
	"errors"
	"time"
)

// CreateWhole makes a fresh file of bytes that are all at hand and verified, and marks it:
// Create, Write, Publish and Close in fewer system calls. Nothing is made durable, so the
// stamp must name this boot; p.ModTime must be set.
//
// The one stamp that is written, before the first byte, is that of the complete file.
// Committed takes neither a shorter file for one, nor one whose modification time is
// another, so what SIGKILL leaves in between is compared from byte 0 on.
func (f *File) CreateWhole(data []byte, p Publication) error {
	p.Stamp.ModTime = p.ModTime
	w, err := f.Create(p.Stamp)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		// Now it is a beginning, like any other that an error left.
		s := p.Stamp
		s.State, s.Boot, s.ModTime, s.Digests = Partial, "", time.Time{}, nil
		return errors.Join(err, w.Mark(s), w.Close(time.Time{}))
	}
	if w.setModTime(p.ModTime) != nil {
		if _, err := w.Publish(p); err != nil { // the stamp has to name the time that the file has
			return errors.Join(err, w.Close(time.Time{}))
		}
	}
	return w.Close(time.Time{})
}
