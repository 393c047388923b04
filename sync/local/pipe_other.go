//go:build !linux

package local

import "errors"

// NewPipe fails: there is no splice(2) here.
func NewPipe() (*Pipe, error) { return nil, errors.ErrUnsupported }

// AppendPipe fails, as NewPipe does.
func (w *Writer) AppendPipe(*Pipe, int) (spliced bool, err error) {
	return false, errors.ErrUnsupported
}
