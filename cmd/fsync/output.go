package main

import "io"

// output is standard output, and remembers that something could not be written to it: a
// report that lacks lines must not look like a whole one.
type output struct {
	w   io.Writer
	err error // the first one
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}
