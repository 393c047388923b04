package sftptail

import (
	"context"
	"time"
)

// Options say how hosts are reached and who logs in. The package reads no environment:
// what comes from there is passed in here.
type Options struct {
	// Stall is how long a connection may bring nothing, while something is awaited of it,
	// before it is given up. 0 means 30 s.
	Stall time.Duration

	// Home is the directory that ~ means, "" if there is none. User is the name to log in
	// with where neither the URL nor the configuration gives one.
	Home, User string

	// ConfigFiles are ssh_config(5) files. Of a keyword that is given twice the first
	// counts. One that does not exist is passed over.
	ConfigFiles []string

	// KnownHosts are known_hosts files (sshd(8)). If there are any, they stand for the
	// configuration's UserKnownHostsFile, and for ~/.ssh/known_hosts.
	KnownHosts []string

	// AcceptNew adds the key of an unknown host to the first known_hosts file. A changed
	// key is never accepted.
	AcceptNew bool

	// Identities are private key files that are offered before all others.
	Identities []string

	// Agent is the socket of an ssh-agent, "" if there is none.
	Agent string

	// Ask asks a person for a secret, which is not echoed. It is safe for concurrent use, and
	// asks one question at a time. nil if there is nobody to ask.
	Ask func(ctx context.Context, prompt string) (string, error)

	// Command, if not "", is a shell command that is run in place of the own SSH: it gets
	// the arguments of ssh(1) for a host and the subsystem sftp, and speaks SFTP on its
	// standard input and output.
	Command string

	// Warn is told what a person should know and nothing fails by. It may be nil.
	Warn func(text string)
}
