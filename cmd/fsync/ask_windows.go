package main

import (
	"context"
	"os"

	"golang.org/x/term"
)

// canAsk says that there is a console.
func canAsk() bool {
	f, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return term.IsTerminal(int(f.Fd()))
}

// readSecret reads a line from the console that is not echoed. The read cannot be
// interrupted: where ctx is done first, it is left behind, and the console in order.
func readSecret(ctx context.Context, prompt string) (string, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return "", errNobody
	}
	out, err := os.OpenFile("CONOUT$", os.O_WRONLY, 0)
	if err != nil {
		in.Close()
		return "", errNobody
	}
	defer out.Close()
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		in.Close()
		return "", errNobody
	}
	defer out.WriteString("\r\n")
	if _, err := out.WriteString(prompt); err != nil {
		in.Close()
		return "", err
	}
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		defer in.Close()
		text, err := term.ReadPassword(fd)
		answers <- answer{text, err}
	}()
	select {
	case a := <-answers:
		return string(a.text), a.err
	case <-ctx.Done():
		term.Restore(fd, before)
		return "", context.Cause(ctx)
	}
}
