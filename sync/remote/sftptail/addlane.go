package sftptail

import (
	"context"
	"errors"

	"fsync/sync/remote"
)

// addLane opens a lane on a connection that has room, or on a new one.
func (h *host) addLane(ctx context.Context) error {
	if h.client.opts.Command != "" {
		return h.addCommand(ctx)
	}
	for {
		c, d, err := h.room(ctx)
		switch {
		case err != nil:
			return err
		case d != nil:
			select {
			case <-d.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if d.err != nil {
				return d.err
			}
			continue
		}
		_, err = h.openLane(c)
		if err == nil {
			return nil
		}
		if last := h.noLane(c, err); last != nil {
			return failure(remote.Redact(h.url), last)
		}
	}
}

// room returns a connection with room for a lane, which is counted on it, or one that is
// being made. The first is made alone: the others then know that they are let in, and
// with what.
func (h *host) room(ctx context.Context) (*conn, *dialing, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		if !c.full && c.lanes < lanesPerConn && !c.wire.dead() {
			c.lanes++
			return c, nil, nil
		}
	}
	for _, d := range h.dials {
		if d.lanes < lanesPerConn || len(h.conns) == 0 {
			d.lanes++
			return nil, d, nil
		}
	}
	if len(h.conns)+len(h.dials) >= mostConns {
		return nil, nil, errTooMany
	}
	d := &dialing{*newRound(), 1}
	h.dials = append(h.dials, d)
	h.client.done.Add(1) // under that of the caller
	go h.addConn(ctx, d)
	return nil, d, nil
}

// addConn dials.
func (h *host) addConn(ctx context.Context, d *dialing) {
	defer h.client.done.Done()
	c, err := h.dial(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.conns = append(h.conns, c)
		h.watch()
		if h.client.ctx.Err() != nil { // Close has cut all others
			c.cut(errClosed)
		}
	}
	h.dials = without(h.dials, d)
	d.err = err
	close(d.done)
}

var errTooMany = remote.Errorf(remote.Temporary, "no more connections to this host")

// noLane takes a lane that could not be opened off its connection. It returns nil if
// another connection may do.
func (h *host) noLane(c *conn, err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.lanes--
	if errors.Is(err, errFull) && c.lanes > 0 {
		c.full = true
		return nil
	}
	if c.lanes == 0 { // of no use, and perhaps the next one is
		c.cut(err)
		h.forget(c)
	}
	if errors.Is(err, errNoSubsystem) || errors.Is(err, errNotSFTP) || errors.Is(err, errOtherVersion) {
		return remote.Errorf(remote.Final, "%s: %w", remote.Redact(h.url), err)
	}
	return err
}
