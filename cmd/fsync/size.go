package main

import "fmt"

// sizeFlag is a number of bytes, written as a rateFlag is.
type sizeFlag int64

// UnmarshalText parses a flag's value.
func (f *sizeFlag) UnmarshalText(text []byte) error {
	var r rateFlag
	if err := r.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is no size: give bytes such as 500K or 20MiB", text)
	}
	*f = sizeFlag(r)
	return nil
}
