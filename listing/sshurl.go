package listing

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
)

// SSHURL reads a place on another host as rsync and scp write it, [user@]host:path, and
// returns its sftp URL. It is false for what is no such place: what has no colon, or a
// slash or nothing ahead of the first one, and a URL. An error is about a text that is
// meant as one and cannot be; like any, it shows no user.
//
//	host:/srv/x        sftp://host/srv/x
//	host:x, host:~/x   sftp://host/~/x, below the home directory of who logs in
//	host:              sftp://host/~/
//	[2001:db8::1]:x    sftp://[2001:db8::1]/~/x
//	host::x            an error: that is the rsync daemon
//	host:~bob/x        an error: only a shell knows where that is
//
// The path is raw: percent signs, blanks, ? and # belong to names. On Windows one letter is
// a drive and no host.
//
// NeedUser is for lists, where a name may have a colon: what has no user@, or no user and
// host that can be ones, is then no such place.
func SSHURL(text string, needUser bool) (*url.URL, bool, error) {
	return sshURL(text, needUser, filepath.Separator == '\\')
}

func sshURL(text string, needUser, drives bool) (*url.URL, bool, error) {
	user, host, path, ok := splitSSH(text)
	hasUser := user != ""
	switch {
	case !ok || needUser && !hasUser || drives && !hasUser && isDrive(host):
		return nil, false, nil
	case needUser && !(isSSHHost(host) && isSSHUser(user)):
		return nil, false, nil
	case !isSSHHost(host):
		return nil, true, fmt.Errorf("%s is no host name (a local file of that name is written ./NAME)", show(host))
	case hasUser && !isSSHUser(user):
		return nil, true, fmt.Errorf("what stands ahead of @%s is no user name (a local file of that name is written ./NAME)", host)
	}
	path, err := sshPath(host, path, hasUser)
	if err != nil {
		return nil, true, err
	}
	u := &url.URL{Scheme: "sftp", Host: host, Path: path, RawPath: "/" + escapePath(path[1:])}
	if hasUser {
		u.User = url.User(user)
	}
	return u, true, nil
}

// splitSSH splits [user@]host:path at the first colon that is not in brackets; a slash
// ahead of it, or a :// at it, makes it something else.
func splitSSH(text string) (user, host, path string, ok bool) {
	begin, colon := 0, -1
	for i := 0; i < len(text) && colon < 0; i++ {
		switch c := text[i]; {
		case c == '/':
			return "", "", "", false
		case c == ':':
			colon = i
		case c == '@':
			begin = i + 1 // the last one counts: a user may have one
		case c == '[' && i == begin:
			end := strings.IndexByte(text[i:], ']')
			if end < 0 {
				return "", "", "", false
			}
			i += end
		}
	}
	if colon <= begin {
		return "", "", "", false
	}
	host, path = text[begin:colon], text[colon+1:]
	if begin > 0 {
		user = text[:begin-1]
	}
	switch {
	case strings.Contains(host, "/"), begin == 0 && strings.HasPrefix(path, "//") && isScheme(host), begin == 1:
		return "", "", "", false
	}
	return user, host, path, true
}

func isDrive(host string) bool {
	return len(host) == 1 && (host[0]|0x20) >= 'a' && (host[0]|0x20) <= 'z'
}

// isSSHHost tells names and IPv4 addresses, also those of an ssh_config, and IPv6
// addresses in brackets. Nothing that a program may take for an option is one.
func isSSHHost(s string) bool {
	inside, ok := strings.CutPrefix(s, "[")
	if !ok {
		return isHostName(s)
	}
	inside, ok = strings.CutSuffix(inside, "]")
	addr, err := netip.ParseAddr(inside)
	return ok && err == nil && addr.Is6() && (addr.Zone() == "" || isHostName(addr.Zone()))
}

func isHostName(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		word := 'a' <= c && c <= 'z' || '0' <= s[i] && s[i] <= '9' || s[i] == '_'
		if !word && (i == 0 || s[i] != '.' && s[i] != '-') {
			return false
		}
	}
	return s != ""
}

// isSSHUser refuses blanks and control characters: with them it is a sentence, not a
// login.
func isSSHUser(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return s != "" && s[0] != '-'
}

// sshPath returns the path of the URL.
func sshPath(host, path string, hasUser bool) (string, error) {
	first, _, _ := strings.Cut(path, "/")
	switch {
	case strings.HasPrefix(path, ":"):
		return "", fmt.Errorf("%s::… is a module of an rsync daemon, which cannot be pulled from: %s:PATH goes over SSH", host, host)
	case strings.IndexByte(path, 0) >= 0:
		return "", errors.New("the path has a NUL byte")
	case !hasUser && sshTwice(first):
		return "", errors.New("a password is not given like that, but by FSYNC_SSH_PASSWORD (a name with @ and : is written HOST:./NAME)")
	case first == "~":
		path = strings.TrimLeft(path[1:], "/") // ~//x is no absolute path
	case strings.HasPrefix(first, "~"):
		return "", fmt.Errorf("%s:~USER: where another user's home directory is, only a shell knows: give its path", host)
	}
	// rsync users name a directory's content by DIR/. too.
	if path == "." || strings.HasSuffix(path, "/.") {
		path = path[:len(path)-1]
	}
	switch {
	case path == "/~" || strings.HasPrefix(path, "/~/"):
		return "/" + path, nil // a directory of that name, not the home
	case strings.HasPrefix(path, "/"):
		return path, nil
	}
	return "/~/" + path, nil
}

// sshTwice tells user:password@host:path, of which all after the first colon looks like a
// path.
func sshTwice(first string) bool {
	_, after, ok := strings.Cut(first, "@")
	return ok && strings.Contains(after, ":")
}

// checkSSH looks at a sftp URL: what a server would not see of it, and what a program
// that it is handed to might take for an option.
func checkSSH(u *url.URL) error {
	switch {
	case u.RawQuery != "" || u.ForceQuery:
		return fmt.Errorf("the URL %s has more than a path: in a file name, write ? as %%3F", showURL(u))
	case strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.User.Username(), "-"):
		return fmt.Errorf("the URL %s has a host or a user that begins with a dash", showURL(u))
	}
	return nil
}
