package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/units"
)

// rateFlag is a number of bytes a second: 1024-based with K, M, G or KiB …, 1000-based
// with KB ….
type rateFlag int64

// UnmarshalText parses a flag's value.
func (r *rateFlag) UnmarshalText(text []byte) error {
	s := strings.ToUpper(strings.TrimSpace(string(text)))
	if n := len(s); n > 0 && strings.ContainsRune("KMGT", rune(s[n-1])) {
		s += "iB"
	} else if n > 0 && s[n-1] >= '0' && s[n-1] <= '9' {
		s += "B"
	}
	s = strings.NewReplacer("IB", "iB").Replace(s)
	n, err := units.ParseStrictBytes(s)
	if err != nil || n <= 0 {
		return fmt.Errorf("%q is no rate: give bytes a second such as 500K or 20MiB", text)
	}
	*r = rateFlag(n)
	return nil
}
