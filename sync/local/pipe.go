package local

import "os"

// Pipe is what bytes go through on their way from a connection to a Writer.
type Pipe struct{ R, W *os.File }

// Close frees the pipe, with what is left in it.
func (p *Pipe) Close() {
	p.R.Close()
	p.W.Close()
}
