//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// windowMain copies a file over one channel, with more requests under way than its
// window has room for answers: ADDR USER IDENTITY KNOWN_HOSTS FROM TO.
func windowMain(args []string) int {
	if err := window(args[0], args[1], args[2], args[3], args[4], args[5]); err != nil {
		fmt.Fprintln(os.Stderr, "window:", err)
		return 1
	}
	return 0
}

func window(addr, user, identity, known, from, to string) error {
	key, err := os.ReadFile(identity)
	if err != nil {
		return err
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return err
	}
	check, err := knownhosts.New(known)
	if err != nil {
		return err
	}
	conn, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: check, Timeout: 30 * time.Second,
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	client, err := sftp.NewClient(conn)
	if err != nil {
		return err
	}
	defer client.Close()
	f, err := client.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	out, err := os.Create(to)
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
