//go:build !linux

package httptail

import (
	"errors"
	"os"
)

// splice fails: there is no splice(2) here.
func (b *directBody) splice(*os.File, int) (int, error) { return 0, errors.ErrUnsupported }
