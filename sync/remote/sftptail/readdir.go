package sftptail

import (
	"encoding/binary"
	"errors"
	"os"

	"github.com/pkg/sftp"
)

// readAhead is how many READDIR are under way for a directory.
const readAhead = 2

// send sends a request of ours.
func (l *lane) send(kind byte, arg []byte) (a answer, err error) {
	err = l.call(func() error {
		a, err = l.pipe.send(kind, arg)
		return err
	})
	return a, err
}

// await returns the answer to a request. It waits as long as the lane lives, and
// regardless of any context: a handle that nobody takes would stay open.
func (l *lane) await(a answer) (r reply, err error) {
	err = l.call(func() error {
		select {
		case r = <-a.came:
			return nil
		case <-l.gone:
			return sftp.ErrSSHFxConnectionLost
		}
	})
	return r, err
}

// ask sends a request and returns the body of its answer.
func (l *lane) ask(kind byte, arg []byte) ([]byte, error) {
	a, err := l.send(kind, arg)
	if err != nil {
		return nil, err
	}
	r, err := l.await(a)
	if err != nil {
		return nil, err
	}
	return r.body, r.failed()
}

// ended says that a STATUS is the end of a directory.
func (r reply) ended() bool {
	return r.kind == fxpStatus && binary.BigEndian.Uint32(r.body) == 1
}

// failed returns what a STATUS says, as pkg/sftp has it.
func (r reply) failed() error {
	if r.kind != fxpStatus {
		return nil
	}
	switch code := binary.BigEndian.Uint32(r.body); code {
	case 2:
		return os.ErrNotExist
	case 3:
		return os.ErrPermission
	default:
		return &sftp.StatusError{Code: code}
	}
}

// lstat looks at a path, not following a link.
func (l *lane) lstat(path string) (a attrs, err error) {
	body, err := l.ask(fxpLstat, []byte(path))
	if err == nil {
		a, _ = cutAttrs(body)
	}
	return a, err
}

// readdir hands on what a directory holds, as it comes, as long as each says so. The name
// is of no use afterwards. While each takes its time, no more is asked for.
func (l *lane) readdir(path string, each func(entry) bool) error {
	body, err := l.ask(fxpOpendir, []byte(path))
	if err != nil {
		return err
	}
	handle, _, _ := cutString(body)
	defer l.send(fxpClose, handle) // nothing hangs on the answer
	var under []answer
	empty := 0
	for ended := false; !ended || len(under) > 0; {
		for !ended && len(under) < readAhead {
			a, err := l.send(fxpReaddir, handle)
			if err != nil {
				return err
			}
			under = append(under, a)
		}
		r, err := l.await(under[0])
		if err != nil {
			return err
		}
		under = under[1:]
		switch {
		case r.ended():
			ended = true // and who answers side by side may have names behind it
			continue
		case r.kind == fxpStatus && ended: // some fail what is asked for behind the end
			continue
		case r.kind == fxpStatus:
			return r.failed()
		}
		n, _ := cutNames(r.body)
		if empty++; n.left > 0 {
			empty = 0
		}
		if empty > mostEmpty {
			return errNoNames
		}
		if !n.each(each) {
			return nil
		}
	}
	return nil
}

// each says whether f wants more.
func (n *names) each(f func(entry) bool) bool {
	for n.left > 0 {
		if e, _ := n.next(); !f(e) {
			return false
		}
	}
	return true
}

var errNoNames = errors.New("the server answers for a directory with no names")
