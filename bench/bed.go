//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"fsync/sync/remote/remotetest"
)

// A bed is what the programs of one row run in: the remote files, room for theirs, and
// the addresses of the servers, with the ways to tell each program of them.
type bed struct {
	*harness
	row   row
	dir   string // on disk, for homes and small things
	mem   string // on tmpfs
	dest  string // where destinations are made: one of the two
	src   string // the remote directory
	list  string // a list of what is in it
	need  int64  // bytes that have to come
	count int    // files in it

	nginx   *nginx
	delay   *remotetest.DelayLine // nil if the servers are near
	http    string                // host:port that HTTP clients connect to
	ca      string                // with HTTPS: whom to trust; "" for HTTP
	counted string                // what counts bytes: "", "nginx" or "line"

	addr, host, port string // that SSH clients connect to
	known            string // known_hosts
	sshConfig        string // ssh_config, in which the server is called bench
	rcloneConfig     string
}

func (h *harness) newBed(r row) (*bed, error) {
	b := &bed{harness: h, row: r, dir: filepath.Join(h.dir, r.id), mem: filepath.Join(h.mem, r.id)}
	for _, dir := range []string{b.dir, b.mem} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	b.dest, b.src, b.list = b.dir, filepath.Join(b.dir, "src"), filepath.Join(b.dir, "list")
	return b, nil
}

// inMemory puts the row's source on tmpfs if there is room for so many bytes, and the
// destinations, too, if wanted.
func (b *bed) inMemory(need int64, dest bool) {
	if b.shm == "" {
		return
	}
	if have := room(b.mem); have < need {
		fmt.Printf("\n%s has room for %d MiB, not for %d: the files are on disk\n", b.shm, have/mib, need/mib)
		return
	}
	b.src = filepath.Join(b.mem, "src")
	if dest {
		b.dest = b.mem
	}
}

// where names the file system of the destinations.
func (b *bed) where() string { return fsName(b.dest) }

// serveHTTP starts a web server of the source.
func (b *bed) serveHTTP() (err error) {
	if b.nginx, err = startNginx(filepath.Join(b.dir, "nginx"), b.src, false); err != nil {
		return err
	}
	b.http, b.counted = b.nginx.addr, "nginx"
	return nil
}

// serveHTTPS starts one that offers HTTP/2.
func (b *bed) serveHTTPS() (err error) {
	if b.nginx, err = startNginx(filepath.Join(b.dir, "nginx"), b.src, true); err != nil {
		return err
	}
	b.http, b.ca, b.counted = b.nginx.secure, b.nginx.cert, "nginx"
	return nil
}

// serveSSH leads to the SSH server.
func (b *bed) serveSSH() error {
	sshd, err := b.server()
	if err != nil {
		return err
	}
	return b.reach(sshd.Addr)
}

// far puts a long way between the programs and the HTTP server, or the SSH server.
func (b *bed) far(rtt time.Duration, rate int64) (err error) {
	target := b.http
	if b.nginx == nil {
		target = b.sshd.Addr
	}
	if b.delay, err = remotetest.StartDelay(target, rtt, rate); err != nil {
		return err
	}
	b.counted = "line"
	if b.nginx != nil {
		b.http = b.delay.Addr()
		return nil
	}
	return b.reach(b.delay.Addr())
}

// reach writes the configurations that lead to an SSH server's address.
func (b *bed) reach(addr string) error {
	b.addr = addr
	var err error
	if b.host, b.port, err = net.SplitHostPort(addr); err != nil {
		return err
	}
	if b.known, err = b.sshd.KnownHostsFor(addr); err != nil {
		return err
	}
	b.sshConfig = filepath.Join(b.dir, "ssh_config")
	b.rcloneConfig = filepath.Join(b.dir, "rclone.conf")
	return write(map[string]string{
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

func write(files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// traffic returns the connections so far, and the bytes of bodies (of all that was sent, on a
// long way).
func (b *bed) traffic() (traffic, error) {
	switch b.counted {
	case "line":
		return traffic{b.delay.Connections(), b.delay.Received()}, nil
	case "nginx":
		return b.nginx.traffic()
	}
	return traffic{0, 0}, nil
}

// close ends the servers and frees the memory. What is on disk goes at the end of all.
func (b *bed) close() error {
	var err error
	if b.delay != nil {
		b.delay.Close()
	}
	if b.nginx != nil {
		err = b.nginx.close()
	}
	if b.mem != b.dir {
		err = errors.Join(err, os.RemoveAll(b.mem))
	}
	return err
}
