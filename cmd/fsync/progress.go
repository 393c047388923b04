package main

import (
	"fmt"
	"io"
	"os"
	gosync "sync"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"fsync/listing"
	"fsync/sync"
)

// progress shows on a terminal how far a run is: one line that is drawn over. It reads
// the run's counters a few times a second; nothing on the way of the bytes waits for it.
type progress struct {
	mu    gosync.Mutex // guards the terminal, shown and held
	w     io.Writer
	width func() int
	shown bool
	held  bool // a question is asked on the same terminal

	stats  *sync.Stats
	totals listing.Totals
	began  time.Time
	rate   speed
	quit   chan struct{}
	done   gosync.WaitGroup
}

// startProgress begins to show progress, if standard error is a terminal.
func startProgress(c *pullCmd, s *streams, stats *sync.Stats, t listing.Totals) *progress {
	f, ok := s.err.(*os.File)
	if c.Quiet || c.Json || c.Progress == "never" || !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	p := &progress{w: f, stats: stats, totals: t, began: time.Now(), quit: make(chan struct{})}
	p.width = func() int {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
		return 80
	}
	p.done.Go(p.loop)
	return p
}

func (p *progress) loop() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.mu.Lock()
			p.draw()
			p.mu.Unlock()
		case <-p.quit:
			return
		}
	}
}

// above prints ordinary lines while the progress line is out of the way.
func (p *progress) above(print func()) {
	if p == nil {
		print()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	print()
}

// hold keeps the progress line away for a while.
func (p *progress) hold(on bool) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.held = on
}

func (p *progress) stop() {
	if p == nil {
		return
	}
	close(p.quit)
	p.done.Wait()
	p.clear()
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

func (p *progress) draw() {
	p.clear()
	if p.held {
		return
	}
	fmt.Fprint(p.w, cut(p.line(time.Now()), p.width()-1))
	p.shown = true
}

// line returns the progress line: entries, bytes, rate, time left and what is under way.
func (p *progress) line(now time.Time) string {
	fetched := p.stats.Fetched.Load()
	rate := p.rate.at(now, fetched)
	active := p.stats.Active()
	have := p.stats.Have.Load()
	for _, a := range active {
		have += a.Have.Load()
	}
	text := fmt.Sprintf("%d/%d files", p.stats.Done.Load(), p.totals.Entries)
	if bad := p.stats.Bad.Load(); bad > 0 {
		text += fmt.Sprintf(", %d failed", bad)
	}
	if p.totals.Unsized == 0 && p.totals.Bytes > 0 {
		text += fmt.Sprintf("  %s/%s %d%%", bytesText(have), bytesText(p.totals.Bytes), min(100, 100*have/p.totals.Bytes))
	} else {
		text += "  " + bytesText(fetched)
	}
	text += fmt.Sprintf("  %s/s", bytesText(rate))
	if left := p.totals.Bytes - have; p.totals.Unsized == 0 && left > 0 && rate > 0 {
		text += "  " + (time.Duration(left/rate) * time.Second).String() + " left"
	}
	if len(active) > 0 {
		text += "  " + activeText(active[0])
		if n := len(active) - 1; n > 0 {
			text += fmt.Sprintf(" +%d", n)
		}
	}
	return text
}

func activeText(a *sync.Active) string {
	text := escape(a.Path)
	if size := a.Size.Load(); size > 0 {
		text += fmt.Sprintf(" %d%%", 100*a.Have.Load()/size)
	}
	return text
}

func bytesText(n int64) string { return humanize.IBytes(uint64(max(0, n))) }

// cut shortens a line to width columns, a rune a column.
func cut(s string, width int) string {
	r := []rune(s)
	if len(r) <= width || width < 1 {
		return s
	}
	return string(r[:width-1]) + "…"
}

// speed is a rate smoothed over some seconds.
type speed struct {
	last  time.Time
	bytes int64
	rate  float64
}

const smoothing = 3 * time.Second

func (s *speed) at(now time.Time, bytes int64) int64 {
	if s.last.IsZero() {
		s.last, s.bytes = now, bytes
		return 0
	}
	if dt := now.Sub(s.last); dt > 0 {
		r := float64(bytes-s.bytes) / dt.Seconds()
		weight := min(1, dt.Seconds()/smoothing.Seconds())
		if s.rate == 0 {
			weight = 1
		}
		s.rate += weight * (r - s.rate)
		s.last, s.bytes = now, bytes
	}
	return int64(s.rate)
}
