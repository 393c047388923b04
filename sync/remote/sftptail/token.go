package sftptail

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cutKeyword cuts a line of ssh_config(5) into its keyword, in lower case, and what
// follows the white space or the equals sign behind it. A comment has no keyword.
func cutKeyword(line string) (keyword, rest string) {
	line = strings.Trim(line, " \t\r\n\f")
	if strings.HasPrefix(line, "#") {
		return "", ""
	}
	n := strings.IndexAny(line, " \t=")
	if n < 0 {
		n = len(line)
	}
	keyword, rest = strings.ToLower(line[:n]), strings.TrimLeft(line[n:], " \t")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "="), " \t")
	return keyword, rest
}

var errQuote = errors.New("a quote does not end")

// splitArgs splits at white space, but for what is quoted, up to a comment. A backslash
// escapes quotes and itself, and outside of quotes a space; else it stands for itself, as
// in the paths of Windows.
func splitArgs(s string) ([]string, error) {
	var args []string
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" || s[0] == '#' {
			return args, nil
		}
		arg, rest, err := cutArg(s)
		if err != nil {
			return nil, err
		}
		args, s = append(args, arg), rest
	}
}

func cutArg(s string) (arg, rest string, err error) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s) && (strings.IndexByte(`'"\`, s[i+1]) >= 0 || s[i+1] == ' ' && quote == 0):
			i++
			b.WriteByte(s[i])
		case quote == 0 && (c == ' ' || c == '\t'):
			return b.String(), s[i:], nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", "", errQuote
	}
	return b.String(), "", nil
}

// matchPattern says whether a name matches a pattern with * and ?, as in ssh_config(5).
func matchPattern(pattern, name string) bool {
	star, resume := -1, 0 // where the last * stands, and where what it swallowed ends
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			resume++
			p, n = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchPatterns says whether a name matches one of the patterns, and none of those that
// are negated by an exclamation mark.
func matchPatterns(patterns []string, name string) bool {
	found := false
	for _, p := range patterns {
		if not, negated := strings.CutPrefix(p, "!"); negated {
			if matchPattern(not, name) {
				return false
			}
		} else if matchPattern(p, name) {
			found = true
		}
	}
	return found
}

// expandTokens replaces the tokens of a value: %h and the like. %% is a percent sign.
func expandTokens(s string, tokens map[byte]string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", errors.New("a percent sign at the end")
		}
		switch value, ok := tokens[s[i]]; {
		case s[i] == '%':
			b.WriteByte('%')
		case ok:
			b.WriteString(value)
		default:
			return "", fmt.Errorf("the token %%%s is not supported here", visible(s[i:i+1]))
		}
	}
	return b.String(), nil
}

// longestName is that of the DNS. It bounds, too, what tokens can make of a name that they
// are part of.
const longestName = 255

// checkName refuses what is no host, user or port, and what an ssh(1) that it is handed to
// would take for an option.
func checkName(what, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("no %s is given", what)
	case len(s) > longestName:
		return fmt.Errorf("the %s is longer than %d bytes", what, longestName)
	case s[0] == '-':
		return fmt.Errorf("the %s %q begins with a dash", what, s)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return fmt.Errorf("the %s %q has blanks or control characters in it", what, s)
	}
	return nil
}

// checkHost refuses, beside, what has a meaning in known_hosts or to a shell. No host has
// such a name.
func checkHost(s string) error {
	if err := checkName("host", s); err != nil {
		return err
	}
	if strings.ContainsAny(s, ",*?!|#@/\\\"'`$;&<>(){}[]") {
		return fmt.Errorf("the host %q has characters in it that no host has", s)
	}
	return nil
}

// checkForCommand refuses names that the configuration of a command could hand to a shell,
// as a ProxyCommand with %h or %r does. ssh itself looks only since 9.6 (CVE-2023-51385).
func checkForCommand(u *url.URL) error {
	if err := checkHost(u.Hostname()); err != nil {
		return err
	}
	user := u.User.Username()
	if user == "" {
		return nil
	}
	if strings.ContainsAny(user, "'`\";&<>|(){}") {
		return fmt.Errorf("the user %q has characters in it that mean something to a shell", user)
	}
	return checkName("user", user)
}

// cleanPort returns a port as it is commonly written.
func cleanPort(s string) (string, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("%q is no port", s)
	}
	return strconv.FormatUint(n, 10), nil
}

// visible makes a text safe for a terminal and short.
func visible(s string) string {
	const most = 300
	var b strings.Builder
	for _, r := range s {
		if b.Len() > most {
			b.WriteString("…")
			break
		}
		if strconv.IsPrint(r) && r != utf8.RuneError {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// shellWord quotes a word for the shell of a person who copies a command. Hosts come from
// lists that others wrote.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._:@%+,/=-", r))
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
