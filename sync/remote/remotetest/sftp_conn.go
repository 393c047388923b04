package remotetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// sftpConn is a connection, with the fault that it was given.
type sftpConn struct {
	*net.TCPConn
	s     *SFTPServer
	fault *SFTPFault // or nil

	sessions int // guarded by s.mu
}

// Read and Write stand still while the server is frozen, and end with it or when the
// peer is silent for too long.
func (c *sftpConn) Read(p []byte) (int, error) {
	c.s.standStill()
	c.SetReadDeadline(time.Now().Add(longest))
	n, err := c.TCPConn.Read(p)
	c.s.standStill()
	return n, err
}

func (c *sftpConn) Write(p []byte) (int, error) {
	c.s.standStill()
	c.SetWriteDeadline(time.Now().Add(longest))
	return c.TCPConn.Write(p)
}

// reset closes the connection so that the peer sees RST.
func (c *sftpConn) reset() {
	c.SetLinger(0)
	c.Close()
}

func (s *SFTPServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		c := &sftpConn{TCPConn: conn.(*net.TCPConn), s: s}
		s.mu.Lock()
		select {
		case <-s.done:
			c.Close()
		default:
			c.fault = pick(s.faults, s.used, func(f *SFTPFault) bool { return f.perConn })
			s.conns[c] = true
			s.running.Go(c.serve)
		}
		s.mu.Unlock()
	}
}

var errLogin = errors.New("not let in")

// sshConfig lets the one user in.
func (c *sftpConn) sshConfig() *ssh.ServerConfig {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	password := c.s.config.Password
	refused := c.fault != nil && c.fault.noLogin
	conf := &ssh.ServerConfig{
		PublicKeyCallback: func(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if refused || m.User() != SFTPUser || !bytes.Equal(key.Marshal(), c.s.key.Marshal()) {
				return nil, errLogin
			}
			return nil, nil
		},
	}
	if password != "" {
		conf.PasswordCallback = func(m ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
			if refused || m.User() != SFTPUser || string(given) != password {
				return nil, errLogin
			}
			return nil, nil
		}
	}
	// Called before the client is told, so that one that is in was counted.
	conf.AuthLogCallback = func(_ ssh.ConnMetadata, _ string, err error) {
		if err == nil {
			c.s.mu.Lock()
			defer c.s.mu.Unlock()
			c.s.logins++
		}
	}
	conf.AddHostKey(c.s.hostKey)
	return conf
}

func (c *sftpConn) serve() {
	defer func() {
		c.s.mu.Lock()
		delete(c.s.conns, c)
		c.s.mu.Unlock()
		c.Close()
	}()
	if c.fault != nil && c.fault.noBanner {
		io.Copy(io.Discard, c)
		return
	}
	conn, channels, requests, err := ssh.NewServerConn(c, c.sshConfig())
	if err != nil {
		return
	}
	c.s.running.Go(func() { c.answer(requests) })
	for n := range channels {
		c.open(n)
	}
	conn.Wait()
}

// answer answers the requests that are about the connection as OpenSSH does, which knows
// no keepalive@openssh.com but must say so (RFC 4254 §4).
func (c *sftpConn) answer(requests <-chan *ssh.Request) {
	for r := range requests {
		if r.WantReply && !(c.fault != nil && c.fault.noKeepalive) {
			r.Reply(false, nil)
		}
	}
}

// open opens a channel, if there may be one more.
func (c *sftpConn) open(n ssh.NewChannel) {
	if n.ChannelType() != "session" {
		n.Reject(ssh.UnknownChannelType, "unknown channel type")
		return
	}
	c.s.mu.Lock()
	conf := c.s.config
	if c.fault != nil && c.fault.config != nil {
		c.fault.config(&conf)
	}
	full := conf.MaxSessions > 0 && c.sessions >= conf.MaxSessions
	if !full {
		c.sessions++
	}
	c.s.mu.Unlock()
	if full {
		reason := conf.Refusal
		if reason == 0 {
			reason = ssh.ConnectionFailed
		}
		n.Reject(reason, "open failed")
		return
	}
	ch, requests, err := n.Accept()
	if err != nil {
		return
	}
	c.s.running.Go(func() {
		defer func() {
			c.s.mu.Lock()
			c.sessions--
			c.s.mu.Unlock()
		}()
		c.session(ch, requests)
	})
}

// session waits for the subsystem to be asked for, and is over with the channel.
func (c *sftpConn) session(ch ssh.Channel, requests <-chan *ssh.Request) {
	defer ch.Close()
	started := false
	for r := range requests {
		switch {
		case r.Type == "env":
			r.Reply(true, nil)
		case r.Type == "subsystem" && !started && bytes.Equal(r.Payload, subsystemSFTP):
			q := c.newSession(ch)
			if q.fault != nil && q.fault.noSubsystem {
				r.Reply(false, nil)
				continue
			}
			started = true
			r.Reply(true, nil)
			c.s.running.Go(q.run)
		case r.WantReply:
			r.Reply(false, nil)
		}
	}
}

var subsystemSFTP = append(binary.BigEndian.AppendUint32(nil, 4), "sftp"...)

func (c *sftpConn) newSession(ch ssh.Channel) *session {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.channels++
	q := &session{s: c.s, conn: c, ch: ch, config: c.s.config, version: 3, handles: make(map[string]*handle)}
	q.fault = pick(c.s.faults, c.s.used, func(f *SFTPFault) bool { return !f.perConn })
	if q.fault != nil && q.fault.config != nil {
		q.fault.config(&q.config)
	}
	return q
}
