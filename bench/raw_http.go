//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// rawMany asks for the files of a list over a number of kept connections: ADDR LIST MODE
// CONNECTIONS DEST CA, the last for HTTPS or "". Modes: write makes the files; past asks for what lies behind the size of
// the file that is there, which nginx answers with 416; append appends what the server has more.
func rawMany(args []string) error {
	addr, mode, dest := args[0], args[2], args[4]
	names, err := readLines(args[1])
	if err != nil {
		return err
	}
	if mode == "write" {
		if err := makeDirs(dest, names); err != nil {
			return err
		}
	}
	dial, err := dialer(args[5])
	if err != nil {
		return err
	}
	return forEach(atoi(args[3]), names, func() (func(string) error, error) {
		conn, err := dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		c := &rawConn{conn: conn, r: bufio.NewReaderSize(conn, 64<<10), addr: addr}
		if mode == "write" {
			return func(name string) error { return c.fresh(name, filepath.Join(dest, name)) }, nil
		}
		return func(name string) error { return c.tail(name, filepath.Join(dest, name), mode == "append") }, nil
	})
}

// dialer returns how to connect: with TLS if there is a file of authorities.
func dialer(ca string) (func(network, addr string) (net.Conn, error), error) {
	if ca == "" {
		return net.Dial, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(pem)
	return func(network, addr string) (net.Conn, error) { return tls.Dial(network, addr, config) }, nil
}

type rawConn struct {
	conn net.Conn
	r    *bufio.Reader
	addr string
	buf  []byte
}

// fresh writes a file that is not there.
func (c *rawConn) fresh(name, to string) error {
	if err := c.get(name, -1, 200); err != nil {
		return err
	}
	return os.WriteFile(to, c.buf, 0o600)
}

// tail asks for what lies behind a file's end.
func (c *rawConn) tail(name, to string, grow bool) error {
	fi, err := os.Lstat(to)
	if err != nil {
		return err
	}
	if !grow {
		return c.get(name, fi.Size(), 416)
	}
	if err := c.get(name, fi.Size(), 206); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(c.buf)
	return errors.Join(err, f.Close())
}

// get reads a whole answer. from, if not negative, is where the range begins.
func (c *rawConn) get(name string, from int64, want int) error {
	if err := ask(c.conn, c.addr, name, from, -1); err != nil {
		return err
	}
	var head strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return err
		}
		if line == "\r\n" {
			break
		}
		head.WriteString(line)
	}
	length, err := bodyLength(head.String(), want)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if int64(cap(c.buf)) < length {
		c.buf = make([]byte, length)
	}
	c.buf = c.buf[:length]
	_, err = io.ReadFull(c.r, c.buf)
	return err
}

// ask sends a request for a file, for the bytes from one offset up to before another one (to its
// end if that is negative) if from is not negative.
func ask(conn net.Conn, addr, name string, from, to int64) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET /%s HTTP/1.1\r\nHost: %s\r\n", name, addr)
	switch {
	case from >= 0 && to >= 0:
		fmt.Fprintf(&b, "Range: bytes=%d-%d\r\n", from, to-1)
	case from >= 0:
		fmt.Fprintf(&b, "Range: bytes=%d-\r\n", from)
	}
	b.WriteString("\r\n")
	_, err := conn.Write(b.Bytes())
	return err
}

// bodyLength reads the header of an answer that is to have one status.
func bodyLength(head string, want int) (int64, error) {
	if _, status, _ := strings.Cut(head, " "); !strings.HasPrefix(status, strconv.Itoa(want)) {
		line, _, _ := strings.Cut(head, "\r\n")
		return 0, fmt.Errorf("%q, want status %d", line, want)
	}
	const name = "\r\nContent-Length: "
	i := strings.Index(head, name)
	if i < 0 {
		return 0, errors.New("no Content-Length")
	}
	value, _, _ := strings.Cut(head[i+len(name):], "\r\n")
	return strconv.ParseInt(value, 10, 64)
}

// open asks on a connection of its own and reads the header, and not a byte behind it.
func open(addr, name string, from, to int64, want int) (*net.TCPConn, int64, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, 0, err
	}
	if err := ask(conn, addr, name, from, to); err != nil {
		return nil, 0, err
	}
	var head []byte
	for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, one[0]) {
		if _, err := conn.Read(one); err != nil {
			return nil, 0, err
		}
	}
	length, err := bodyLength(string(head), want)
	return conn.(*net.TCPConn), length, err
}

// rawStream gets one file over one connection: ADDR NAME DEST OFFSET splice|copy. copy is a
// loop of reads and writes of 1 MiB; splice does not take the bytes out of the kernel.
func rawStream(args []string) error {
	addr, name, offset := args[0], args[1], int64(atoi(args[3]))
	from, want := int64(-1), 200
	if offset > 0 {
		from, want = offset, 206
	}
	conn, length, err := open(addr, name, from, -1, want)
	if err != nil {
		return err
	}
	defer conn.Close()
	f, err := os.OpenFile(args[2], os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	var n int64
	if args[4] == "splice" {
		n, err = f.ReadFrom(&io.LimitedReader{R: conn, N: length}) // splice(2), as the file is not O_APPEND
	} else {
		n, err = io.CopyBuffer(struct{ io.Writer }{f}, io.LimitReader(conn, length), make([]byte, mib))
	}
	if err == nil && n != length {
		err = io.ErrUnexpectedEOF
	}
	return errors.Join(err, f.Close())
}

// rawRanges gets one file in equal parts at the same time: ADDR NAME DEST SIZE PARTS.
func rawRanges(args []string) error {
	f, err := os.Create(args[2])
	if err != nil {
		return err
	}
	size, n := int64(atoi(args[3])), int64(atoi(args[4]))
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = rawPart(args[0], args[1], f, size*i/n, size*(i+1)/n) })
	}
	wg.Wait()
	return errors.Join(errors.Join(errs...), f.Close())
}

func rawPart(addr, name string, f *os.File, from, to int64) error {
	if from == to {
		return nil
	}
	conn, length, err := open(addr, name, from, to, 206)
	if err != nil {
		return err
	}
	defer conn.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.NewOffsetWriter(f, from)}, io.LimitReader(conn, length), make([]byte, mib))
	if err == nil && n != to-from {
		err = io.ErrUnexpectedEOF
	}
	return err
}
