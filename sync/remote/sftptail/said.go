package sftptail

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// said keeps the beginning of what a server says on the side, for an error.
type said struct {
	mu   sync.Mutex
	text []byte
	done chan struct{}
}

const mostSaid = 300

func newSaid(r io.Reader) *said {
	s := &said{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		buf := make([]byte, 512)
		for {
			n, err := r.Read(buf)
			s.mu.Lock()
			if room := mostSaid - len(s.text); room > 0 {
				s.text = append(s.text, buf[:min(n, room)]...)
			}
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// explain adds to an end of the stream what was said about it.
func (s *said) explain(err error) error {
	ends := []error{io.EOF, io.ErrUnexpectedEOF, syscall.EPIPE} // the last of a command that was gone at once
	if s == nil || !slices.ContainsFunc(ends, func(end error) bool { return errors.Is(err, end) }) {
		return err
	}
	select { // it comes ahead of the end, by another goroutine
	case <-s.done:
	case <-time.After(time.Second):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if text := oneLine(s.text); text != "" {
		return fmt.Errorf("it ended, saying %q", text)
	}
	return errEnded
}

var errEnded = errors.New("the SFTP server ended at once")

// oneLine returns the last line: what went wrong, in most programs.
func oneLine(p []byte) string {
	text := strings.TrimSpace(string(p))
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
