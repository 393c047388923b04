//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fsync/sync/remote/remotetest"
)

// A bed is what the programs of one row run in: the remote files, room for theirs, and
// the address of the server, with the ways to tell each program of it.
type bed struct {
	settings
	sshd  *remotetest.SSHD
	delay *remotetest.DelayLine // nil if the server is near
	dir   string                // for small files, and for homes
	data  string                // for large ones: src and what is made of it

	src, list          string // the remote directory, and a list of what is in it
	addr, host, port   string
	known              string // known_hosts
	sshConfig          string // ssh_config, in which the server is called bench
	rcloneConfig, self string
}

func newBed(s settings, sshd *remotetest.SSHD, dir, row string) (*bed, error) {
	b := &bed{settings: s, sshd: sshd, dir: filepath.Join(dir, row)}
	b.data = b.dir
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	b.src, b.list = filepath.Join(b.data, "src"), filepath.Join(b.dir, "list")
	return b, b.reach(sshd.Addr)
}

// inMemory puts the row's files on tmpfs if there is room for so many bytes.
func (b *bed) inMemory(need int64) error {
	if b.shm == "" {
		return nil
	}
	if have := room(b.shm); have < need {
		fmt.Printf("\n%s has room for %d MiB, not for %d: the files are on disk\n", b.shm, have/mib, need/mib)
		return nil
	}
	var err error
	b.data, err = os.MkdirTemp(b.shm, "fsync-bench-")
	b.src = filepath.Join(b.data, "src")
	return err
}

// far puts a long way between the programs and the server.
func (b *bed) far() error {
	var err error
	if b.delay, err = remotetest.StartDelay(b.sshd.Addr, b.rtt, b.rate); err != nil {
		return err
	}
	return b.reach(b.delay.Addr())
}

// reach writes the configurations that lead to an address.
func (b *bed) reach(addr string) error {
	b.addr = addr
	b.host, b.port, _ = strings.Cut(addr, ":")
	var err error
	if b.known, err = b.sshd.KnownHostsFor(addr); err != nil {
		return err
	}
	b.sshConfig = filepath.Join(b.dir, "ssh_config")
	b.rcloneConfig = filepath.Join(b.dir, "rclone.conf")
	return b.write(map[string]string{
		// With -F ssh(1) reads no other configuration.
		b.sshConfig: fmt.Sprintf(`Host bench
	HostName %s
	Port %s
	User %s
	IdentityFile %s
	IdentitiesOnly yes
	IdentityAgent none
	UserKnownHostsFile %s
	GlobalKnownHostsFile /dev/null
	StrictHostKeyChecking yes
	BatchMode yes
	LogLevel ERROR
`, b.host, b.port, b.sshd.User, b.sshd.Identity, b.known),
		// The check of sums after a copy would read all twice.
		b.rcloneConfig: fmt.Sprintf(`[bench]
type = sftp
host = %s
port = %s
user = %s
key_file = %s
known_hosts_file = %s
disable_hashcheck = true
`, b.host, b.port, b.sshd.User, b.sshd.Identity, b.known),
	})
}

func (b *bed) write(files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (b *bed) close() error {
	if b.delay != nil {
		b.delay.Close()
	}
	if b.data != b.dir {
		os.RemoveAll(b.data)
	}
	return os.RemoveAll(b.dir)
}
