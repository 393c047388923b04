package sftptail

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// connectAgent lists the keys of the agent, once. That there is no agent is no failure.
func (a *auth) connectAgent() {
	if a.dialled || a.target.agent == "" {
		return
	}
	a.dialled = true
	ctx, cancel := context.WithTimeout(a.ctx, longestList)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", a.target.agent)
	if err != nil {
		if e, ok := errors.AsType[*net.OpError](err); ok {
			err = e.Err
		}
		a.note("the ssh-agent cannot be reached: %s", visible(err.Error()))
		return
	}
	stop := context.AfterFunc(a.ctx, func() { conn.Close() })
	a.agentConn = agentConn{conn, stop}
	_ = conn.SetDeadline(time.Now().Add(longestList)) // if it cannot be set, ctx still ends it
	a.agent = agent.NewClient(conn)
	keys, err := a.agent.List()
	if err != nil {
		a.note("the ssh-agent does not answer: %s", visible(err.Error()))
		return
	}
	_ = conn.SetDeadline(time.Now().Add(longestSign))
	signers, err := a.agent.Signers()
	if err != nil || len(signers) != len(keys) {
		return
	}
	for i, s := range signers {
		if public, err := ssh.ParsePublicKey(s.PublicKey().Marshal()); err == nil {
			a.agentKeys = append(a.agentKeys, &key{name: "the agent's key " + visible(firstOf(keys[i].Comment, ssh.FingerprintSHA256(public))), agent: true, public: public, signer: s})
		}
	}
}

// agentConn is a connection that no context closes any more once it is closed.
type agentConn struct {
	net.Conn
	stop func() bool
}

func (c agentConn) Close() error {
	c.stop()
	return c.Conn.Close()
}

// held returns the agent's key for a public one, nil if it has none.
func (a *auth) held(public ssh.PublicKey) *key {
	if public == nil {
		return nil
	}
	a.connectAgent()
	for _, k := range a.agentKeys {
		if sameKey(k.public, public) {
			return k
		}
	}
	return nil
}
