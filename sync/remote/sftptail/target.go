package sftptail

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"fsync/sync/remote"
)

// target is a host as the configuration and a URL describe it.
type target struct {
	name             string // as it was given: patterns match it, and messages name it
	host, port, user string // where to connect, and as whom

	jumps []*target // gone through first, in order; nil if there are none

	alias      string   // what known_hosts calls the host, "" for its own name
	knownHosts []string // the user's; new keys are added to the first
	global     []string // the system's

	identities     []identity
	certificates   []string
	identitiesOnly bool
	agent          string   // a socket, "" for none
	notes          []string // on what of the configuration is of no use
}

// identity is a private key file.
type identity struct {
	file     string
	explicit bool // --identity: it must be of use
	usual    bool // one of those that are looked for where none is named
}

func (t *target) addr() string { return net.JoinHostPort(t.host, t.port) }

// as names the login.
func (t *target) as() string { return visible(t.user + "@" + t.name) }

// mostJumps bounds how many hosts are gone through.
const mostJumps = 8

// resolve finds out what the configuration says about the host of a URL. What the URL says
// goes before it.
func (l *logins) resolve(u *url.URL) (*target, error) {
	t, err := l.target(place{u.Hostname(), u.Port(), u.User.Username()}, nil, false)
	if err == nil {
		return t, nil
	}
	if e, ok := errors.AsType[*remote.Error](err); ok {
		return nil, e
	}
	return nil, remote.Errorf(remote.Final, "%s: %w", remote.Redact(&url.URL{Scheme: u.Scheme, Host: u.Host}), err)
}

// place is a host as a URL or ProxyJump names it. Only name is never "".
type place struct{ name, port, user string }

func (p place) String() string {
	s := p.name
	if p.port != "" {
		s = net.JoinHostPort(p.name, p.port)
	}
	if p.user != "" {
		s = p.user + "@" + s
	}
	return s
}

// target resolves a place. via are those whose ProxyJump led here. next says that it is
// reached through another host, which is known already.
func (l *logins) target(p place, via []place, next bool) (*target, error) {
	if err := checkHost(p.name); err != nil {
		return nil, err
	}
	set, err := l.settings(p.name, p.user)
	if err != nil {
		return nil, err
	}
	if v, ok := set.one["revokedhostkeys"]; ok && !v.isNone() { // no check is left out unsaid
		return nil, v.fail(errors.New("revoked host keys in a file of their own are not supported here: use --ssh-command ssh"))
	}
	if next {
		delete(set.one, "proxyjump")
		delete(set.one, "proxycommand")
	}
	t := &target{name: p.name}
	for _, step := range []func() error{
		func() error { return t.where(p, set, l.User) },
		func() error { return l.setHostKeys(t, set) },
		func() error { return l.setIdentities(t, set) },
		func() error { return l.setJumps(t, p, set, via) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *target) where(p place, set *settings, local string) error {
	hostName := set.one["hostname"]
	host, err := expandTokens(hostName.first(), map[byte]string{'h': p.name})
	if err != nil {
		return hostName.fail(err)
	}
	t.host = firstOf(host, p.name)
	t.user = firstOf(p.user, set.one["user"].first(), local)
	t.port, err = cleanPort(firstOf(p.port, set.one["port"].first(), "22"))
	for _, err := range []error{err, checkHost(t.host), checkName("user", t.user)} {
		if err != nil {
			return err
		}
	}
	return nil
}

// tokens are those of file names and of ProxyJump.
func (l *logins) tokens(t *target) map[byte]string {
	tokens := map[byte]string{
		'h': t.host, 'n': t.name, 'p': t.port, 'r': t.user, 'u': l.User, 'k': firstOf(t.alias, t.name),
	}
	if l.Home != "" {
		tokens['d'] = l.Home
	}
	return tokens
}

// file returns the path that a value of the configuration means.
func (l *logins) file(t *target, value string) (string, error) {
	path, err := l.expandHome(value)
	if err != nil {
		return "", err
	}
	return expandTokens(path, l.tokens(t))
}

// setHostKeys finds the known_hosts files. One whose name cannot be made out is an error:
// it may hold revoked keys.
func (l *logins) setHostKeys(t *target, set *settings) error {
	if v, ok := set.one["hostkeyalias"]; ok {
		if err := checkHost(v.first()); err != nil {
			return v.fail(err)
		}
		t.alias = v.first()
	}
	for _, file := range l.KnownHosts {
		path, err := l.expandHome(file)
		if err != nil {
			return fmt.Errorf("%s: %w", visible(file), err)
		}
		t.knownHosts = append(t.knownHosts, path)
	}
	var err error
	if len(t.knownHosts) == 0 {
		var usual []string
		if l.Home != "" {
			usual = []string{filepath.Join(l.Home, ".ssh", "known_hosts"), filepath.Join(l.Home, ".ssh", "known_hosts2")}
		}
		t.knownHosts, err = l.files(t, set, "userknownhostsfile", usual)
	}
	if err == nil {
		t.global, err = l.files(t, set, "globalknownhostsfile", globalKnownHosts)
	}
	return err
}

var globalKnownHosts = []string{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}

func (l *logins) files(t *target, set *settings, keyword string, usual []string) ([]string, error) {
	v, ok := set.one[keyword]
	if !ok {
		return usual, nil
	}
	if v.isNone() {
		return nil, nil
	}
	var files []string
	for _, arg := range v.args {
		file, err := l.file(t, arg)
		if errors.Is(err, errNoHome) { // as those that are usual
			continue
		}
		if err != nil {
			return nil, v.fail(err)
		}
		files = append(files, file)
	}
	return files, nil
}

// usualIdentities are looked for in ~/.ssh where none is configured. ssh looks for the
// RSA key first; here the kind that ssh-keygen makes today is. The keys of security
// tokens are of use only where an agent holds them.
var usualIdentities = []string{"id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk"}

func (l *logins) setIdentities(t *target, set *settings) error {
	for _, file := range l.Identities {
		path, err := l.expandHome(file)
		if err != nil {
			return fmt.Errorf("identity %s: %w", visible(file), err)
		}
		t.identities = append(t.identities, identity{file: path, explicit: true})
	}
	for _, v := range set.identities {
		if file, ok := l.noted(t, v); ok {
			t.identities = append(t.identities, identity{file: file})
		}
	}
	for _, v := range set.certificates {
		if file, ok := l.noted(t, v); ok {
			t.certificates = append(t.certificates, file)
		}
	}
	if len(l.Identities)+len(set.identities) == 0 && l.Home != "" {
		for _, name := range usualIdentities {
			t.identities = append(t.identities, identity{file: filepath.Join(l.Home, ".ssh", name), usual: true})
		}
	}
	var err error
	if t.identitiesOnly, err = set.one["identitiesonly"].yes(); err != nil {
		return err
	}
	t.agent = l.Agent
	if v, ok := set.one["identityagent"]; ok {
		switch v.first() {
		case "SSH_AUTH_SOCK", "$SSH_AUTH_SOCK", "${SSH_AUTH_SOCK}":
		default:
			t.agent, _ = l.noted(t, v)
		}
	}
	return nil
}

// noted returns the file that a setting names. One that cannot be made out is only noted:
// there may be other ways to log in.
func (l *logins) noted(t *target, v setting) (file string, ok bool) {
	if v.isNone() {
		return "", false
	}
	file, err := l.file(t, v.first())
	if err == nil && strings.HasPrefix(file, "$") {
		err = errEnvironment
	}
	if err != nil {
		t.notes = append(t.notes, v.fail(err).Error())
		return "", false
	}
	return file, true
}

// setJumps resolves ProxyJump. The first of its hosts is reached as its own configuration
// says, and each of the others through the one before.
func (l *logins) setJumps(t *target, p place, set *settings, via []place) error {
	if v, ok := set.one["proxycommand"]; ok && !v.isNone() {
		return v.fail(fmt.Errorf("%s is reached by a ProxyCommand, which is not supported here: use --ssh-command ssh", visible(p.name)))
	}
	v, ok := set.one["proxyjump"]
	if !ok || v.isNone() {
		return nil
	}
	list, err := expandTokens(v.first(), l.tokens(t))
	if err != nil {
		return v.fail(err)
	}
	via = append(slices.Clone(via), p)
	words := strings.Split(list, ",")
	if len(words) > mostJumps {
		return v.fail(errJumps)
	}
	for i, word := range words {
		q, err := parseJump(word)
		if err != nil {
			return v.fail(err)
		}
		if i == 0 && slices.Contains(via, q) {
			return v.fail(fmt.Errorf("the way to %s goes round in a circle: ProxyJump %s", visible(via[0].String()), visible(q.String())))
		}
		if len(via) > mostJumps {
			return v.fail(errJumps)
		}
		hop, err := l.target(q, via, i > 0)
		if err != nil {
			return err
		}
		t.jumps = append(append(t.jumps, hop.jumps...), hop)
		hop.jumps = nil
	}
	if len(t.jumps) > mostJumps {
		return v.fail(errJumps)
	}
	return nil
}

var errJumps = fmt.Errorf("ProxyJump goes through more than %d hosts", mostJumps)

// parseJump reads [user@]host[:port], or the same as an ssh: URL.
func parseJump(s string) (place, error) {
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "ssh://"); ok {
		s = strings.TrimSuffix(rest, "/")
	}
	var p place
	if n := strings.LastIndexByte(s, '@'); n >= 0 {
		p.user, s = s[:n], s[n+1:]
		if err := checkName("user", p.user); err != nil {
			return place{}, err
		}
	}
	p.name = s
	if host, port, err := net.SplitHostPort(s); err == nil {
		p.name = host
		if p.port, err = cleanPort(port); err != nil {
			return place{}, err
		}
	} else if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		p.name = s[1 : len(s)-1]
	}
	return p, checkHost(p.name)
}
