package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzEscape prints any text: nothing of it speaks to a terminal, and a program reads back
// what it was.
func FuzzEscape(f *testing.F) {
	for _, c := range escapes {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := escape(s)
		if strings.ContainsFunc(text, unsafeRune) || !utf8.ValidString(text) || escape(text) != text {
			t.Fatalf("%+q for a terminal is %+q", s, text)
		}
		var out bytes.Buffer
		printJSON(&out, s)
		line := strings.TrimSuffix(out.String(), "\n")
		var back string
		if err := json.Unmarshal([]byte(line), &back); err != nil || strings.ContainsFunc(line, unsafeRune) {
			t.Fatalf("%+q is printed as %+q: %v", s, line, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && back != want {
			t.Fatalf("%+q is read back as %+q", s, back)
		}
	})
}

// FuzzRate reads a rate and a size as they are given on the command line.
func FuzzRate(f *testing.F) {
	for _, s := range []string{"", "0", "1", "500K", "20MiB", "1.5M", "-1", "9E", "9223372036854775807", "9007199254740993", "9999999T", "1kb", " 7 ", "1e9", "NaN", "1ib", "1M1K"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var r rateFlag
		var size sizeFlag
		err, sizeErr := r.UnmarshalText([]byte(s)), size.UnmarshalText([]byte(s))
		if (err == nil) != (sizeErr == nil) || err == nil && (r <= 0 || int64(r) != int64(size)) {
			t.Fatalf("%q is the rate %d, %v, and the size %d, %v", s, r, err, size, sizeErr)
		}
		if n, numErr := strconv.ParseInt(s, 10, 64); numErr == nil && n > 0 && n < 1<<53 && s[0] != '+' && (err != nil || int64(r) != n) {
			t.Fatalf("%q is %d, %v", s, r, err)
		}
	})
}

// FuzzWithoutSecrets puts a password into a message that quotes the command line, amid any
// text.
func FuzzWithoutSecrets(f *testing.F) {
	for _, s := range [][2]string{{"", ""}, {`unexpected argument "`, `"`}, {"a ", " b"}, {"sftp://x/", "://"}, {"'", "?q=1"}, {"user:", "@"}, {"\x00", "%zz"}, {"[::1", ":"}} {
		f.Add(s[0], s[1])
	}
	const secret = "hunter2SECRET"
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(before+after, secret) {
			return
		}
		for _, form := range []string{"https://user:" + secret + "@host/", "sftp://" + secret + "@host/", "https://host/?token=" + secret, "user:" + secret + "@host:path"} {
			if got := withoutSecrets(before + " " + form + after); strings.Contains(got, secret) {
				t.Fatalf("%+q, %s, %+q: it says %+q", before, form, after, got)
			}
		}
	})
}
