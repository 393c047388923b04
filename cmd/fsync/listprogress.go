package main

import (
	"fmt"
	"os"
	gosync "sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// listProgress shows on a terminal how much of a directory was read.
type listProgress struct {
	files, bytes atomic.Int64

	mu    gosync.Mutex // guards the terminal
	w     *os.File     // nil: nothing is shown
	shown bool
	rate  speed
}

// newListProgress shows nothing where standard error is no terminal.
func newListProgress(c *listCmd, s *streams) *listProgress {
	p := new(listProgress)
	if f, ok := s.err.(*os.File); ok && !c.Quiet && term.IsTerminal(int(f.Fd())) {
		p.w = f
	}
	return p
}

// start begins to show progress, and returns what ends it.
func (p *listProgress) start() (stop func()) {
	if p.w == nil {
		return func() {}
	}
	quit := make(chan struct{})
	var done gosync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.draw()
			case <-quit:
				return
			}
		}
	})
	return func() {
		close(quit)
		done.Wait()
		p.above(func() {})
	}
}

func (p *listProgress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	width := 80
	if w, _, err := term.GetSize(int(p.w.Fd())); err == nil && w > 0 {
		width = w
	}
	fmt.Fprint(p.w, "\r\x1b[K"+cut(p.line(time.Now()), width-1))
	p.shown = true
}

// line returns the progress line: files, bytes, rate.
func (p *listProgress) line(now time.Time) string {
	bytes := p.bytes.Load()
	return fmt.Sprintf("%d files  %s  %s/s", p.files.Load(), bytesText(bytes), bytesText(p.rate.at(now, bytes)))
}

// above prints ordinary lines while the progress line is out of the way.
func (p *listProgress) above(print func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
	print()
}
