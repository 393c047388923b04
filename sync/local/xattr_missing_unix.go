//go:build unix && !linux

package local

import (
	"errors"

	"github.com/pkg/xattr"
)

// xattrMissing says that the file has no such attribute, but could have.
func xattrMissing(err error) bool { return errors.Is(err, xattr.ENOATTR) }
