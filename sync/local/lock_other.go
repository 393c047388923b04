//go:build !unix || solaris || aix

package local

import (
	"errors"
	"os"
)

var errNoLock = errors.New("not on this system")

// flock is not to be had here: runs into one directory at once are up to the user.
func flock(*os.File, bool) error { return errNoLock }

func lockUnsupported(err error) bool { return errors.Is(err, errNoLock) }
