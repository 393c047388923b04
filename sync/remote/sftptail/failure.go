package sftptail

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/pkg/sftp"

	"fsync/sync/remote"
)

var (
	errDirectory  = errors.New("is a directory")
	errNotRegular = errors.New("not a regular file")
	errNoSize     = errors.New("the server does not say how long the file is")
	errLost       = errors.New("connection lost")
)

// statusText are the status codes of draft-ietf-secsh-filexfer-02 §7, in our words: the
// server's own are not repeated.
var statusText = map[uint32]string{
	4: "the server failed (SSH_FX_FAILURE)",
	5: "the server cannot use that name (SSH_FX_BAD_MESSAGE)",
	8: "the server cannot do that (SSH_FX_OP_UNSUPPORTED)",
}

// failure says of what went wrong with a file whether it may pass.
func failure(name string, err error) *remote.Error {
	if e, ok := errors.AsType[*remote.Error](err); ok {
		return e
	}
	kind := remote.Temporary
	text := err
	status, isStatus := errors.AsType[*sftp.StatusError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind, text = remote.Final, missing{err}
	case errors.Is(err, fs.ErrPermission):
		kind, text = remote.Final, denied{err}
	case errors.Is(err, errDirectory), errors.Is(err, errNotRegular), errors.Is(err, errNoSize), errors.Is(err, errClosed):
		kind = remote.Final
	case isStatus:
		if status.Code == 5 || status.Code == 8 {
			kind = remote.Final
		}
		what, ok := statusText[status.Code]
		if !ok {
			what = fmt.Sprintf("the server failed (status %d)", status.Code)
		}
		text = errors.New(what)
	case errors.Is(err, sftp.ErrSSHFxConnectionLost), errors.Is(err, sftp.ErrSSHFxNoConnection), errors.Is(err, io.EOF):
		text = errLost
	}
	return remote.Errorf(kind, "%s: %w", name, text)
}

// missing and denied say in our words what the system or a server says in its own.
type missing struct{ error }

func (missing) Error() string   { return "no such file" }
func (m missing) Unwrap() error { return m.error }

type denied struct{ error }

func (denied) Error() string   { return "permission denied" }
func (d denied) Unwrap() error { return d.error }

// silence is the error of what brought nothing for too long.
func silence(limit time.Duration) error {
	return fmt.Errorf("%w for %v", remote.ErrStall, limit)
}
