package listing

import (
	"encoding/hex"
	"strings"
)

// sumsEncoder writes what GNU sha256sum does, and sha256sum -c reads.
type sumsEncoder struct{}

func (sumsEncoder) begin(b []byte) []byte { return b }
func (sumsEncoder) end(b []byte) []byte   { return b }

// gnuEscapes are announced by a backslash at the line's begin.
var gnuEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)

func (sumsEncoder) entry(b []byte, e Entry) ([]byte, error) {
	d, ok := e.sum("sha256")
	if !ok {
		return nil, ErrNoSHA256
	}
	name := e.Path
	if name == "-" { // standard input
		name = "./-"
	}
	if strings.ContainsAny(name, "\\\n\r") {
		b = append(b, '\\')
		name = gnuEscapes.Replace(name)
	}
	b = append(hex.AppendEncode(b, []byte(d.Sum)), "  "...)
	return append(append(b, name...), '\n'), nil
}
