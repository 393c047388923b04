package httptail

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// netrc holds logins by lower-case host.
type netrc map[string]login

type login struct{ user, password string }

// readNetrc reads a netrc file by the rules that curl has for it: words between white
// space, quoted ones with backslash escapes, comments in lines that begin with #, macros
// up to an empty line. The first entry of a host counts. The default entry is left out:
// it would give its password to every server that a list names.
func readNetrc(file string) (netrc, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	found, err := parseNetrc(string(text))
	if err != nil { // err holds a line number but nothing of the file
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return found, nil
}

func parseNetrc(text string) (netrc, error) {
	p := netrcParser{found: make(netrc)}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		p.macro = p.macro && line != ""
		if p.macro || strings.HasPrefix(line, "#") {
			continue
		}
		words, err := splitWords(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		for _, w := range words {
			if p.macro {
				break // the rest of this line is the macro's name
			}
			p.word(w)
		}
	}
	p.flush()
	return p.found, nil
}

type netrcParser struct {
	found netrc
	host  string // of the entry under way, "" for the default one
	login login
	key   string // the keyword whose value comes next
	macro bool
}

func (p *netrcParser) word(w string) {
	switch p.key {
	case "machine":
		p.host = strings.ToLower(w)
	case "login":
		p.login.user = w
	case "password":
		p.login.password = w
	case "account": // it has a value, of which HTTP knows nothing
	default:
		p.keyword(w)
		return
	}
	p.key = ""
}

func (p *netrcParser) keyword(w string) {
	switch w {
	case "default":
		p.flush()
	case "machine":
		p.flush()
		p.key = w
	case "login", "password", "account":
		p.key = w
	case "macdef":
		p.macro = true
	} // curl ignores other words too
}

// flush ends the entry under way.
func (p *netrcParser) flush() {
	if _, ok := p.found[p.host]; !ok && p.host != "" && p.login.user != "" {
		p.found[p.host] = p.login
	}
	p.host, p.login = "", login{}
}

// splitWords splits a line at white space. A word may be quoted to hold some.
func splitWords(line string) ([]string, error) {
	var words []string
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		if line[0] != '"' {
			n := strings.IndexAny(line, " \t")
			if n < 0 {
				n = len(line)
			}
			words, line = append(words, line[:n]), line[n:]
			continue
		}
		word, rest, ok := cutQuoted(line[1:])
		if !ok {
			return nil, errors.New("a quoted word does not end")
		}
		words, line = append(words, word), rest
	}
	return words, nil
}

func cutQuoted(s string) (word, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"':
			return b.String(), s[i+1:], true
		case c == '\\' && i+1 < len(s):
			i++
			c = s[i]
			if n := strings.IndexByte("nrt", c); n >= 0 {
				c = "\n\r\t"[n]
			}
		}
		b.WriteByte(c)
	}
	return "", "", false
}
