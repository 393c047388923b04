package remote

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what an attempt's failure means for the next one.
type Kind uint8

const (
	// Final failures stay: asking again cannot help.
	Final Kind = iota
	// Temporary failures may pass: ask again after a delay.
	Temporary
	// BadRange is an answer to a range that cannot be believed (a malformed or shifted
	// Content-Range, 416, multipart, an encoding): ask once more for the whole file.
	BadRange
)

// Error is a failed attempt. Its text says what was asked and what came back, without
// the URL's secrets.
type Error struct {
	Kind Kind
	// Status is the HTTP status code, 0 if there was none.
	Status int
	// Redirected says that the failure came from another URL than the one asked for, such
	// as a signed one that has expired: worth one more try from the start.
	Redirected bool
	// After is how long the server asked to wait (Retry-After), 0 if it did not.
	After time.Duration
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error of that kind with a formatted text; %w wraps.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// KindOf returns the kind of an error; one that is no *Error is Final.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Final
}

// ErrChanged is the cause of a body that ends because the file was changed while it was
// read: what the body brought may be of two versions.
var ErrChanged = errors.New("the file changed while it was read")

// ErrStall is the cause of a body or an answer that stopped coming.
var ErrStall = errors.New("no data")
