package httptail

import "strings"

// parseDictionary splits a structured-field dictionary (RFC 9651 §3.2, §4.2.2) into its
// members' bare values as they are written, without parameters. Inner lists are kept as
// "(". A later member of the same name wins. One bad member spoils the whole field, as
// the RFC has it.
func parseDictionary(s string) (map[string]string, bool) {
	members := make(map[string]string)
	s = strings.Trim(s, " ")
	for s != "" {
		key, rest := cutKey(s)
		if key == "" {
			return nil, false
		}
		value, ok := "?1", true // a key alone is true
		if strings.HasPrefix(rest, "=") {
			value, rest, ok = cutItem(rest[1:])
		}
		if ok {
			rest, ok = skipParameters(rest)
		}
		if !ok {
			return nil, false
		}
		members[key] = value
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			break
		}
		if rest[0] != ',' {
			return nil, false
		}
		if s = strings.TrimLeft(rest[1:], " \t"); s == "" { // a comma at the end
			return nil, false
		}
	}
	return members, true
}

// cutKey cuts a key off: a lower-case letter or *, then also digits and _-. (§3.1.2).
func cutKey(s string) (key, rest string) {
	n := 0
	for n < len(s) {
		c := s[n]
		letter := 'a' <= c && c <= 'z' || c == '*'
		if !letter && (n == 0 || !('0' <= c && c <= '9' || c == '_' || c == '-' || c == '.')) {
			break
		}
		n++
	}
	return s[:n], s[n:]
}

// cutItem cuts a value off. Only that of a byte sequence matters here; of the others it
// must find the end, because a string may hold commas.
func cutItem(s string) (item, rest string, ok bool) {
	if s == "" {
		return "", "", false
	}
	switch s[0] {
	case ':': // a byte sequence, §3.3.5
		n := strings.IndexByte(s[1:], ':')
		if n < 0 {
			return "", "", false
		}
		return s[:n+2], s[n+2:], true
	case '"':
		n := stringEnd(s)
		return s[:n], s[n:], n > 0
	case '(': // an inner list, whose items have parameters of their own
		return cutInnerList(s)
	}
	n := strings.IndexAny(s, ",; \t()\"")
	if n < 0 {
		n = len(s)
	}
	return s[:n], s[n:], n > 0
}

// stringEnd returns the length of the string that s begins with, 0 if it does not end
// (§3.3.3).
func stringEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

func cutInnerList(s string) (item, rest string, ok bool) {
	rest = s[1:]
	for {
		rest = strings.TrimLeft(rest, " ")
		if strings.HasPrefix(rest, ")") {
			return "(", rest[1:], true
		}
		if strings.HasPrefix(rest, "(") { // lists do not nest
			return "", "", false
		}
		if _, rest, ok = cutItem(rest); !ok {
			return "", "", false
		}
		if rest, ok = skipParameters(rest); !ok {
			return "", "", false
		}
	}
}

// skipParameters skips *( ";" *SP key [ "=" item ] ).
func skipParameters(s string) (rest string, ok bool) {
	for strings.HasPrefix(s, ";") {
		key, rest := cutKey(strings.TrimLeft(s[1:], " "))
		if key == "" {
			return "", false
		}
		if strings.HasPrefix(rest, "=") {
			if strings.HasPrefix(rest, "=(") {
				return "", false
			}
			if _, rest, ok = cutItem(rest[1:]); !ok {
				return "", false
			}
		}
		s = rest
	}
	return s, true
}
