package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escape makes a text safe for a terminal: names and server texts may hold control
// characters, which move the cursor or start escape sequences, and formatting ones, which
// reorder what is shown. They and invalid UTF-8 are shown as in a Go string.
func escape(s string) string {
	if !strings.ContainsFunc(s, unsafeRune) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if unsafeRune(r) {
			q := strconv.QuoteToASCII(s[:n])
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// escapeJSON writes the unsafe characters of a JSON text as \uXXXX, which means the same.
func escapeJSON(text []byte) []byte {
	if !bytes.ContainsFunc(text, unsafeRune) {
		return text
	}
	var b []byte
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case !unsafeRune(r):
			b = append(b, text[:n]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, hi, lo)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
		text = text[n:]
	}
	return b
}

func unsafeRune(r rune) bool {
	return r == utf8.RuneError || !unicode.IsPrint(r)
}
