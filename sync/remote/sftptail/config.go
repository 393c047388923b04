package sftptail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fsync/sync/remote"
)

// setting is a value of a configuration file. at is where it stands, as file:line.
type setting struct {
	args []string
	at   string
}

func (s setting) first() string {
	if len(s.args) == 0 {
		return ""
	}
	return s.args[0]
}

func (s setting) fail(err error) error { return fmt.Errorf("%s: %w", s.at, err) }

// keywords are those that count here, with the most arguments they take; 0 means the
// rest of the line as it is, and negative any number.
//
// StrictHostKeyChecking is none of them: a configuration cannot switch the check off.
// RevokedHostKeys is one because it must not be passed over, see [logins.target].
var keywords = map[string]int{
	"certificatefile":      1,
	"globalknownhostsfile": -1,
	"hostkeyalias":         1,
	"hostname":             1,
	"identitiesonly":       1,
	"identityagent":        1,
	"identityfile":         1,
	"port":                 1,
	"proxycommand":         0,
	"proxyjump":            1,
	"revokedhostkeys":      1,
	"user":                 1,
	"userknownhostsfile":   -1,
}

// settings are what the configuration files say about one host.
type settings struct {
	one map[string]setting // the first counts

	// Of these all count.
	identities, certificates []setting
}

// scope says whether the lines that are being read count.
type scope uint8

const (
	inactive scope = iota
	active
	unclear // a Match line that only ssh itself can judge
)

func (b scope) and(c scope) scope {
	if b == inactive || c == inactive {
		return inactive
	}
	return max(b, c)
}

// deepest is how far configuration files may include each other, as in ssh.
const deepest = 16

// configReader reads configuration files for one host, in one pass, as ssh does: a Match
// line sees what was set above it.
//
// github.com/kevinburke/ssh_config is not used, as of v1.6.0: a file with Match exec is an
// error to it even where it is only included, "Match host a user b" sets values for hosts
// by the name of b, patterns separated by tabs or commas match nothing, a number sign
// cuts a quoted value, and it looks up the home directory by itself.
type configReader struct {
	logins *logins
	name   string // of the host, as it was given
	user   string // from the URL, "" if none
	set    settings
	base   string // what included files are relative to, "" if that is unknown
}

func (l *logins) settings(name, user string) (*settings, error) {
	r := &configReader{logins: l, name: name, user: user, set: settings{one: make(map[string]setting)}}
	for _, file := range l.ConfigFiles {
		r.base = includeBase(file, l.Home)
		if err := r.read(file, active, 0); err != nil {
			return nil, remote.Errorf(remote.Final, "ssh configuration: %w", err)
		}
	}
	return &r.set, nil
}

// includeBase is ~/.ssh, but for the files of the system: /etc/ssh and its likes.
func includeBase(file, home string) string {
	dir := filepath.Dir(file)
	if home == "" || filepath.Base(dir) == "ssh" {
		return dir
	}
	return filepath.Join(home, ".ssh")
}

// read reads a file whose lines count as outer says.
func (r *configReader) read(file string, outer scope, depth int) error {
	if depth > deepest {
		return fmt.Errorf("%s: included files go deeper than %d", visible(file), deepest)
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	now, match, n := outer, "", 0
	for line := range strings.Lines(string(text)) {
		n++
		keyword, rest := cutKeyword(line)
		if keyword == "" {
			continue
		}
		at := fmt.Sprintf("%s:%d", visible(file), n)
		switch keyword {
		case "host", "match":
			b, err := r.begins(keyword, rest)
			if err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
			now, match = outer.and(b), at
		case "include":
			if now != inactive {
				err = r.include(rest, now, depth, at)
			}
		default:
			err = r.line(keyword, rest, at, now, match)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *configReader) line(keyword, rest, at string, now scope, match string) error {
	most, counts := keywords[keyword]
	if !counts || now == inactive {
		return nil
	}
	if now == unclear {
		r.logins.warnOnce("match "+match, fmt.Sprintf(
			"%s: only ssh can tell when this Match applies, and it is passed over: use --ssh-command ssh if it matters", match))
		return nil
	}
	args, err := []string{rest}, error(nil)
	if most != 0 {
		args, err = splitArgs(rest)
	}
	switch {
	case err != nil:
	case len(args) == 0 || args[0] == "":
		err = fmt.Errorf("%s has no value", keyword)
	case most > 0 && len(args) > most:
		err = fmt.Errorf("%s has more than one value", keyword)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	r.set.add(keyword, setting{args, at})
	return nil
}

func (s *settings) add(keyword string, v setting) {
	switch keyword {
	case "identityfile":
		s.identities = append(s.identities, v)
		return
	case "certificatefile":
		s.certificates = append(s.certificates, v)
		return
	case "proxyjump", "proxycommand": // the first of both counts
		if s.has("proxyjump") || s.has("proxycommand") {
			return
		}
	}
	if !s.has(keyword) {
		s.one[keyword] = v
	}
}

func (s *settings) has(keyword string) bool { _, ok := s.one[keyword]; return ok }

func (r *configReader) include(rest string, now scope, depth int, at string) error {
	patterns, err := splitArgs(rest)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	for _, p := range patterns {
		p, err := r.logins.expandHome(p)
		if errors.Is(err, errNoHome) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if !filepath.IsAbs(p) {
			p = filepath.Join(r.base, p)
		}
		files, err := filepath.Glob(p)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		for _, file := range files {
			if err := r.read(file, now, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// begins says whether the lines below a Host or Match line count.
func (r *configReader) begins(keyword, rest string) (scope, error) {
	args, err := splitArgs(rest)
	if err != nil {
		return inactive, err
	}
	if len(args) == 0 {
		return inactive, fmt.Errorf("%s has no value", keyword)
	}
	if keyword == "match" {
		return r.match(args)
	}
	if matchPatterns(args, r.name) {
		return active, nil
	}
	return inactive, nil
}

// match judges a Match line: all of its criteria must hold.
func (r *configReader) match(args []string) (scope, error) {
	result := active
	for len(args) > 0 {
		word, value, joined := strings.Cut(args[0], "=")
		args = args[1:]
		word, negated := strings.CutPrefix(strings.ToLower(word), "!")
		switch {
		case word == "all" && negated:
			return inactive, nil
		case word == "all":
			continue
		case word == "final", word == "canonical": // they have no value
			result = unclear
			continue
		case !joined:
			if len(args) == 0 {
				return inactive, fmt.Errorf("match %s has no value", visible(word))
			}
			value, args = args[0], args[1:]
		}
		holds, known := r.holds(word, value)
		if known && holds == negated {
			return inactive, nil
		}
		if !known {
			result = unclear
		}
	}
	return result, nil
}

// holds judges one criterion, if it is one that can be judged here.
func (r *configReader) holds(word, list string) (holds, known bool) {
	name := ""
	switch word {
	case "host":
		name = strings.ToLower(r.name)
		if h, err := expandTokens(r.set.one["hostname"].first(), map[byte]string{'h': r.name}); err == nil && h != "" {
			name = strings.ToLower(h)
		}
		list = strings.ToLower(list)
	case "originalhost":
		name, list = strings.ToLower(r.name), strings.ToLower(list)
	case "user":
		name = firstOf(r.user, r.set.one["user"].first(), r.logins.User)
	case "localuser":
		name = r.logins.User
	default:
		return false, false
	}
	return matchPatterns(strings.Split(list, ","), name), true
}

// firstOf returns the first that is not "".
func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

var (
	errNoHome      = errors.New("~ means nothing, for there is no home directory")
	errEnvironment = errors.New("variables of the environment are not supported here")
)

// expandHome replaces ~ and ${HOME} at the beginning of a path. Other variables, and the
// homes of others, are errors.
func (l *logins) expandHome(path string) (string, error) {
	rest, tilde := strings.CutPrefix(path, "~")
	if !tilde {
		rest, tilde = strings.CutPrefix(path, "${HOME}")
	}
	switch {
	case strings.Contains(rest, "${"):
		return "", errEnvironment
	case !tilde:
		return path, nil
	case rest != "" && !os.IsPathSeparator(rest[0]):
		return "", fmt.Errorf("%q: the home directories of others are not supported here", path)
	case l.Home == "":
		return "", errNoHome
	}
	return filepath.Join(l.Home, rest), nil
}

// isNone says whether a setting switches something off.
func (s setting) isNone() bool {
	return len(s.args) == 1 && strings.EqualFold(s.args[0], "none")
}

// yes reads a flag.
func (s setting) yes() (bool, error) {
	switch v := strings.ToLower(s.first()); {
	case slices.Contains([]string{"yes", "true"}, v):
		return true, nil
	case slices.Contains([]string{"", "no", "false"}, v):
		return false, nil
	}
	return false, s.fail(fmt.Errorf("%q is neither yes nor no", s.first()))
}
