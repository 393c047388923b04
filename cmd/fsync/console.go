package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// console is where transports speak to a person, while the progress line is there.
type console struct {
	err      io.Writer
	quiet    bool
	turn     chan struct{} // holds a token while a question is asked
	progress atomic.Pointer[progress]
}

func newConsole(s *streams, quiet bool) *console {
	return &console{err: s.err, quiet: quiet, turn: make(chan struct{}, 1)}
}

// warn prints what nothing fails by.
func (c *console) warn(text string) {
	if c.quiet {
		return
	}
	c.progress.Load().above(func() { fmt.Fprintf(c.err, "fsync: warning: %s\n", escape(text)) })
}

var errNobody = errors.New("nobody to ask: there is no terminal in the foreground")

// asker returns what asks for a secret at the terminal, one question at a time. The
// terminal is put back in order before it returns, which is soon after its context or the
// run's are done. It is nil without a terminal.
func (c *console) asker(run context.Context) func(ctx context.Context, prompt string) (string, error) {
	if !canAsk() {
		return nil
	}
	return func(ctx context.Context, prompt string) (string, error) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(run, func() { cancel(context.Cause(run)) })()
		return c.ask(ctx, prompt)
	}
}

func (c *console) ask(ctx context.Context, prompt string) (string, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	p := c.progress.Load()
	p.hold(true)
	defer p.hold(false)
	return readSecret(ctx, escape(prompt))
}
