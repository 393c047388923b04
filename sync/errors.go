package sync

import (
	"errors"
	"fmt"
)

// ErrConflict is wrapped by the error of every Conflict.
var ErrConflict = errors.New("conflict")

// conflict is a reason not to touch a file.
type conflict struct{ reason string }

func (c conflict) Error() string        { return c.reason }
func (c conflict) Is(target error) bool { return target == ErrConflict }

func conflictf(format string, args ...any) error { return conflict{fmt.Sprintf(format, args...)} }

var errLoginPage = conflictf("the server answers with an HTML page (a login page?) where another kind of file is")

// Failures that belong to one mirror of an entry; the next one is tried.
var (
	errListSize  = errors.New("the list disagrees")
	errNoLength  = errors.New("the server does not say how long the file is, and neither does the list")
	errDigest    = errors.New("wrong digest")
	errDisagrees = errors.New("it has another version than the mirror that the file was begun from")
	errMore      = errors.New("the server gave a part of what was asked for")
	errListMore  = fmt.Errorf("%w: the remote is longer", errListSize)
	errListLess  = fmt.Errorf("%w: the remote is shorter", errListSize)
	errBadBefore = errors.New("the remote is still the version whose digest was wrong last time")
)

// ErrFull is the error of entries that were not tried because the disk is full.
var ErrFull = errors.New("no space left on the destination's file system")
