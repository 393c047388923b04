//go:build linux

package main

import (
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// dialSFTP opens a connection to an SSH server, and a session of SFTP on it.
func dialSFTP(addr, user, identity, known string) (*sftp.Client, error) {
	key, err := os.ReadFile(identity)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return nil, err
	}
	check, err := knownhosts.New(known)
	if err != nil {
		return nil, err
	}
	conn, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: check, Timeout: 30 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return sftp.NewClient(conn)
}

// rawWindow copies a file over one channel, with more requests under way than its
// window has room for answers: ADDR USER IDENTITY KNOWN_HOSTS FROM TO.
func rawWindow(args []string) error {
	client, err := dialSFTP(args[0], args[1], args[2], args[3])
	if err != nil {
		return err
	}
	defer client.Close()
	f, err := client.Open(args[4])
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	out, err := os.Create(args[5])
	if err != nil {
		return err
	}
	return errors.Join(copyBlocks(out, f, fi.Size()), out.Close())
}

// copyBlocks keeps blocks of 2 MiB under way and writes them in order.
func copyBlocks(out *os.File, f *sftp.File, size int64) error {
	const block, ahead = 2 * mib, 4
	type answer struct {
		p   []byte
		err error
	}
	var blocks []chan answer
	free := make(chan []byte, ahead+1)
	for range ahead {
		free <- make([]byte, block)
	}
	for asked, got := int64(0), int64(0); got < size; {
		for asked < size && len(blocks) < ahead {
			off, p, c := asked, (<-free)[:min(block, size-asked)], make(chan answer, 1)
			go func() {
				n, err := f.ReadAt(p, off)
				if n == len(p) {
					err = nil
				}
				c <- answer{p, err}
			}()
			blocks, asked = append(blocks, c), asked+int64(len(p))
		}
		a := <-blocks[0]
		blocks = blocks[1:]
		if a.err != nil {
			return a.err
		}
		if _, err := out.Write(a.p); err != nil {
			return err
		}
		got += int64(len(a.p))
		free <- a.p[:block]
	}
	return nil
}

// rawSFTP gets or stats the files of a list, or appends what they have more to those that are
// there, a number of them at a time on one connection: ADDR USER IDENTITY KNOWN_HOSTS
// get|stat|append SRC LIST DEST N.
func rawSFTP(args []string) error {
	client, err := dialSFTP(args[0], args[1], args[2], args[3])
	if err != nil {
		return err
	}
	defer client.Close()
	mode, src, dest := args[4], args[5], args[7]
	names, err := readLines(args[6])
	if err != nil {
		return err
	}
	if err := makeDirs(dest, names); err != nil {
		return err
	}
	return forEach(atoi(args[8]), names, func() (func(string) error, error) {
		return func(name string) error {
			if mode == "stat" {
				_, err := client.Stat(path.Join(src, name))
				return err
			}
			if mode == "append" {
				return appendSFTP(client, path.Join(src, name), filepath.Join(dest, name))
			}
			return getSFTP(client, path.Join(src, name), filepath.Join(dest, name))
		}, nil
	})
}

func getSFTP(client *sftp.Client, from, to string) error {
	f, err := client.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	p := make([]byte, 32<<10)
	n, err := io.ReadFull(f, p) // one request: no file of the row is longer
	if err := atEnd(err); err != nil {
		return err
	}
	return os.WriteFile(to, p[:n], 0o600)
}

func appendSFTP(client *sftp.Client, from, to string) error {
	f, err := client.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	g, err := os.OpenFile(to, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	n, err := g.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := f.Seek(n, io.SeekStart); err != nil {
		return err
	}
	_, err = f.WriteTo(struct{ io.Writer }{g})
	return errors.Join(err, g.Close())
}
