package sftptail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"fsync/sync/remote"
)

// addHint is the command that makes a host known. It writes the very key that is to be
// compared: who is in between could show another one to an ssh-keyscan.
func (k *hostKeys) addHint(key ssh.PublicKey) string {
	if len(k.target.knownHosts) == 0 {
		return "name a known_hosts file with --known-hosts"
	}
	return fmt.Sprintf("compare the fingerprint with the host's own, then: echo %s >>%s; or --accept-new-host-keys adds the keys of unknown hosts",
		shellWord(k.line(key)), k.logins.shellFile(k.target.knownHosts[0]))
}

func (k *hostKeys) removeHint(known []string) string {
	var commands []string
	for _, at := range known {
		file := at[:strings.LastIndexByte(at, ':')]
		c := fmt.Sprintf("ssh-keygen -R %s -f %s", shellWord(k.shown()), k.logins.shellFile(file))
		if !slices.Contains(commands, c) {
			commands = append(commands, c)
		}
	}
	return "somebody may be in between; if the host is known to have a new key: " + strings.Join(commands, "; ")
}

// shellFile is a file as a person would type it.
func (l *logins) shellFile(file string) string {
	word := shellWord(file)
	if rest, ok := strings.CutPrefix(word, filepath.Clean(l.Home)+"/"); ok && l.Home != "" {
		return "~/" + rest
	}
	return word
}

func (k *hostKeys) line(key ssh.PublicKey) string { return knownhosts.Line(k.names()[:1], key) }

// acceptNew adds an unknown host's key to the first known_hosts file. Another login may
// have done that just now, which is why it is looked up again.
func (k *hostKeys) acceptNew(key ssh.PublicKey) error {
	k.logins.shared.adding.Lock()
	defer k.logins.shared.adding.Unlock()
	if err := k.open(); err != nil {
		return err
	}
	err := k.judge(key)
	e, ok := errors.AsType[*HostKeyError](err)
	if !ok || e.Reason != HostKeyUnknown {
		return err
	}
	if cert, ok := key.(*ssh.Certificate); ok { // as in ssh, its authority is not believed
		key = cert.Key
	}
	if len(k.target.knownHosts) == 0 {
		return remote.Errorf(remote.Final, "%w, and there is no known_hosts file to add it to", e)
	}
	file := k.target.knownHosts[0]
	if err := addLine(file, k.line(key)); err != nil {
		return remote.Errorf(remote.Final, "%w, and it cannot be added: %w", e, err)
	}
	k.logins.warn(fmt.Sprintf("added the host key of %s, %s %s, to %s", visible(e.Host), e.Type, e.Fingerprint, visible(file)))
	return nil
}

// addLine appends a line to a file that may be new, in one write. A last line that has no
// end gets one first.
func addLine(file, line string) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if n := info.Size(); n > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, n-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = "\n" + line
		}
	}
	_, err = f.WriteString(line + "\n")
	return err
}
