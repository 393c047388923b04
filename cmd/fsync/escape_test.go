package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

// What may not reach a terminal as it is: U+009B starts an escape sequence like ESC [,
// U+202E turns the text around, and 0x7f deletes. encoding/json leaves all three alone,
// so --json used to print them.
var escapes = []struct {
	in, text, json string
}{
	{"", "", ""},
	{"data/Käse 东京.tar~", "data/Käse 东京.tar~", "data/Käse 东京.tar~"},
	{"a\u009b31mb", `a\u009b31mb`, `a\u009b31mb`},
	{"gpj.\u202eexe", `gpj.\u202eexe`, `gpj.\u202eexe`},
	{"a\x7fb", `a\x7fb`, `a\u007fb`},
	{"a\x1b[31mb", `a\x1b[31mb`, `a\u001b[31mb`},
	{"a\r\nb\tc", `a\r\nb\tc`, `a\r\nb\tc`},
	{"a\x00b", `a\x00b`, `a\u0000b`},
	{"a\u200bb\ufeffc", `a\u200bb\ufeffc`, `a\u200bb\ufeffc`},
	{"a\u2028b", `a\u2028b`, `a\u2028b`},
	{"a\U000e0001b", `a\U000e0001b`, `a\udb40\udc01b`}, // a surrogate pair in JSON
	{"a\ufffdb", `a\ufffdb`, `a\ufffdb`},
	{"a\x9bb\xff", `a\x9bb\xff`, `a\ufffdb\ufffd`}, // not UTF-8: path_base64 has the bytes
	{"\u202e", `\u202e`, `\u202e`},
}

func TestEscape(t *testing.T) {
	for _, c := range escapes {
		if got := escape(c.in); got != c.text {
			t.Errorf("%+q for a terminal is %+q, want %+q", c.in, got, c.text)
		}
	}
}

func TestEscapeJSON(t *testing.T) {
	for _, c := range escapes {
		var out bytes.Buffer
		printJSON(&out, c.in)
		if got, want := out.String(), `"`+c.json+"\"\n"; got != want {
			t.Errorf("%+q is printed as %+q, want %+q", c.in, got, want)
		}
		var back string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil {
			t.Errorf("%+q: %v", c.in, err)
		}
		if want := string(bytes.ToValidUTF8([]byte(c.in), []byte("\ufffd"))); back != want {
			t.Errorf("%+q is read back as %+q", c.in, back)
		}
	}
}
