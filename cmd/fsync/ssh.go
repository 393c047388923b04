package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"fsync/listing"
	"fsync/sync/remote"
	"fsync/sync/remote/sftptail"
)

// sshFlags say how hosts are reached over SSH.
type sshFlags struct {
	Identity          []string `sep:"none" placeholder:"FILE" help:"Private key to offer to SSH servers, ahead of those of ssh_config and the agent. Repeatable."`
	KnownHosts        []string `sep:"none" placeholder:"FILE" help:"Host keys to trust, in place of ssh_config's and ~/.ssh/known_hosts. Repeatable."`
	AcceptNewHostKeys bool     `help:"Trust the key of an unknown SSH host and remember it. One that has changed is never accepted."`
	SshConfig         string   `placeholder:"FILE" help:"ssh_config to read; none reads none (~/.ssh/config, /etc/ssh/ssh_config)."`
	SshCommand        string   `placeholder:"CMD" help:"Run this in place of the own SSH, as ssh(1) would be: for what that alone can."`
}

// passwordVariable has no flag: what is on a command line every user of the machine sees.
const passwordVariable = "FSYNC_SSH_PASSWORD"

// sshOptions returns what the transport has to know of the flags and the environment.
func sshOptions(f sshFlags, n network, c *console) (sftptail.Options, error) {
	o := sftptail.Options{
		Stall: n.Timeout, User: userName(),
		KnownHosts: given(f.KnownHosts), AcceptNew: f.AcceptNewHostKeys, Identities: given(f.Identity),
		Agent: os.Getenv("SSH_AUTH_SOCK"), Command: f.SshCommand, Warn: c.warn,
	}
	if f.SshCommand != "" && (len(o.KnownHosts)+len(o.Identities) > 0 || o.AcceptNew || f.SshConfig != "") {
		return o, usagef("--identity, --known-hosts, --accept-new-host-keys and --ssh-config are not for --ssh-command").
			withHint("the command has its own: --ssh-command 'ssh -i FILE -F FILE'")
	}
	o.Home, _ = os.UserHomeDir()
	// What was asked for by name must be there; the usual places need not.
	for _, name := range o.Identities {
		if err := isKey(name); err != nil {
			return o, usagef("--identity: %w", err)
		}
	}
	switch f.SshConfig {
	case "none":
	case "":
		if o.Home != "" {
			o.ConfigFiles = append(o.ConfigFiles, filepath.Join(o.Home, ".ssh", "config"))
		}
		o.ConfigFiles = append(o.ConfigFiles, "/etc/ssh/ssh_config")
	default:
		if _, err := os.Stat(f.SshConfig); err != nil {
			return o, usagef("--ssh-config: %w", err)
		}
		o.ConfigFiles = []string{f.SshConfig}
	}
	return o, nil
}

// isKey looks for a private key, or for the public one beside which an agent is enough.
// What the transport has to expand is left to it.
func isKey(name string) error {
	if strings.HasPrefix(name, "~") {
		return nil
	}
	_, err := os.Stat(name)
	if _, public := os.Stat(name + ".pub"); public == nil {
		return nil
	}
	return err
}

// given drops what an empty variable of the environment comes to.
func given(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "" })
}

// userName returns the login name of who runs this, "" if it is not known.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return os.Getenv("USER")
	}
	return u.Username[strings.LastIndexByte(u.Username, '\\')+1:] // a Windows domain
}

// bindPassword gives the password to the list's only SSH host, if no --base and no LIST
// has told whose it is. (A list from the network names no SSH host but theirs.)
func (t *transports) bindPassword(totals listing.Totals) error {
	const hint = "--base sftp://HOST/DIR/ says whose it is; or use keys, for which docs/sftp.md has the how"
	switch {
	case t.password == "" || len(totals.SSHOrigins) == 0:
		return nil
	case len(totals.SSHOrigins) > 1:
		return usagef("%s: the list names several SSH hosts, and the password is for one", passwordVariable).withHint(hint)
	}
	t.setPassword(totals.SSHOrigins[0])
	return nil
}

func (t *transports) setPassword(origin string) {
	t.sftp.SetPassword(origin, t.password)
	t.password = ""
}

// errNotURL repeats nothing of the text, which may hold a secret.
var errNotURL = errors.New("not a URL: its host, port or escapes cannot be read")

// remoteURL parses the place of a list or of a base, as a URL or as host:path. nil means that
// the text is neither, but a local name.
func remoteURL(text string) (*url.URL, error) {
	if !isURL(text) {
		u, _, err := listing.SSHURL(text, false)
		return u, err
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errNotURL
	case u.Scheme == "sftp" && (u.RawQuery != "" || u.ForceQuery || u.Fragment != ""):
		return nil, fmt.Errorf("%s: an sftp URL has no query and no fragment: write ? as %%3F and # as %%23", remote.Redact(u))
	}
	return u, nil
}

// hinter is an error that knows what a person can do about it.
type hinter interface {
	error
	Hint() string
}
