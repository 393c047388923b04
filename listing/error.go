package listing

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Errors to branch on, all wrapped by *Error. ErrBinary and ErrHTML are ErrNotList too.
var (
	// ErrNotList says that the content is no list at all. Reading ends with it.
	ErrNotList = errors.New("not a list")

	// ErrBinary says that the content is binary: most likely a file to pull was given
	// where its list was expected.
	ErrBinary = fmt.Errorf("binary data, %w", ErrNotList)

	// ErrEmpty says that a list has no entry.
	ErrEmpty = errors.New("the list is empty")

	// ErrHTML says that the content is an HTML page.
	ErrHTML = fmt.Errorf("an HTML page, %w", ErrNotList)
)

// Error is one thing that is wrong with a list. Its text never holds a secret: user
// information and queries of URLs are left out.
type Error struct {
	File string // the list's name, as it was given to Read
	Line int    // 1-based; 0: the whole list
	Msg  string // the whole message; Err adds nothing to it
	Err  error  // the cause, for errors.Is and errors.As; may be nil
}

// Error returns "file:12: message", without the number where Line is 0.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Msg
	}
	return e.File + ":" + strconv.Itoa(e.Line) + ": " + e.Msg
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// maxErrors is how many errors of a list are kept: enough to see what is wrong with it.
const maxErrors = 100

// Errors is all that is wrong with a list, in the order of its lines.
type Errors struct {
	List  []*Error // the first 100
	Count int      // of all, those not kept included
}

// Error returns one line per kept error, then "… and N more" if there are more.
func (e *Errors) Error() string {
	lines := make([]string, 0, len(e.List)+1)
	for _, one := range e.List {
		lines = append(lines, one.Error())
	}
	if more := e.Count - len(e.List); more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the kept errors.
func (e *Errors) Unwrap() []error {
	list := make([]error, len(e.List))
	for i, one := range e.List {
		list[i] = one
	}
	return list
}

func (e *Errors) add(one *Error) {
	e.Count++
	if len(e.List) < maxErrors {
		e.List = append(e.List, one)
	}
}
