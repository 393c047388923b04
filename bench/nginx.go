//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// nginx is a web server of one directory, with one worker.
type nginx struct {
	addr, log string
	secure    string // the address for HTTPS with HTTP/2, "" if there is none
	cert      string // its certificate
	cmd       *exec.Cmd
	ended     chan struct{}

	read int64 // bytes of the log that were counted
	sum  traffic
	ids  map[string]bool // connections
}

// traffic is what a server did.
type traffic struct {
	connections int
	bytes       int64
}

func (t traffic) since(before traffic) traffic {
	return traffic{t.connections - before.connections, t.bytes - before.bytes}
}

// nginxConfig serves ROOT. Without the user line workers of root's would run as nobody.
const nginxConfig = `daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid DIR/pid;
error_log DIR/error.log;
USER
events { worker_connections 8192; }
http {
	types { text/html html; }
	default_type application/octet-stream;
	log_format bench '$connection $body_bytes_sent $status';
	client_body_temp_path DIR/t1;
	proxy_temp_path DIR/t2;
	fastcgi_temp_path DIR/t3;
	uwsgi_temp_path DIR/t4;
	scgi_temp_path DIR/t5;
	sendfile on;
	tcp_nopush on;
	tcp_nodelay on;
	keepalive_requests 10000000;
	keepalive_timeout 600s;
	open_file_cache off;
	server {
		listen ADDR backlog=4096;
		SECURE
		access_log DIR/access.log bench;
		location / {
			root ROOT;
			autoindex on;
		}
		location = /.bench-status {
			access_log off;
			stub_status;
		}
	}
}
`

func nginxProgram() (string, error) {
	for _, name := range []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("nginx is not installed")
}

// secureConfig is for HTTPS, too.
const secureConfig = `listen ADDR ssl http2 backlog=4096;
		ssl_certificate CERT;
		ssl_certificate_key KEY;`

// startNginx starts it with its files in a directory; secure: with HTTPS, too. Another
// program may take the port in between, hence several tries.
func startNginx(dir, root string, secure bool) (n *nginx, err error) {
	program, err := nginxProgram()
	if err != nil {
		return nil, err
	}
	for range 5 {
		if n, err = tryNginx(program, dir, root, secure); err == nil {
			return n, nil
		}
	}
	return nil, err
}

func tryNginx(program, dir, root string, secure bool) (*nginx, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	n := &nginx{log: filepath.Join(dir, "access.log"), ended: make(chan struct{}), ids: make(map[string]bool)}
	config := filepath.Join(dir, "nginx.conf")
	text, err := n.configure(dir, root, secure)
	if err != nil {
		return nil, err
	}
	if err := write(map[string]string{config: text}); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	n.cmd = exec.Command(program, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", config)
	n.cmd.Stdout, n.cmd.Stderr = &out, &out
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal is for the harness
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		n.cmd.Wait()
		close(n.ended)
	}()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		select {
		case <-n.ended:
			return nil, fmt.Errorf("nginx: %s", bytes.TrimSpace(out.Bytes()))
		default:
		}
		if _, err := n.active(); err == nil {
			return n, nil
		}
	}
	return nil, errors.Join(errors.New("nginx does not answer"), n.close())
}

// configure chooses addresses and returns the configuration.
func (n *nginx) configure(dir, root string, secure bool) (text string, err error) {
	if n.addr, err = freeAddr(); err != nil {
		return "", err
	}
	user, listen := "", ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	if secure {
		cert, key, err := certificate(dir)
		if err != nil {
			return "", err
		}
		if n.secure, err = freeAddr(); err != nil {
			return "", err
		}
		n.cert = cert
		listen = strings.NewReplacer("ADDR", n.secure, "CERT", cert, "KEY", key).Replace(secureConfig)
	}
	return strings.NewReplacer("DIR", dir, "ROOT", root, "ADDR", n.addr, "USER", user, "SECURE", listen).Replace(nginxConfig), nil
}

// freeAddr returns an address with a port that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (n *nginx) close() error {
	n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.ended:
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("nginx does not end")
	}
}

// active returns how many connections there are but for the one that asks.
func (n *nginx) active() (int, error) {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + n.addr + "/.bench-status")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	var count int
	if _, err := fmt.Sscanf(string(text), "Active connections: %d", &count); err != nil {
		return 0, fmt.Errorf("%q: %w", text, err)
	}
	return count - 1, nil
}

// traffic returns what was served, when the last connection has ended: a request is logged
// when it is over.
func (n *nginx) traffic() (traffic, error) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if count, err := n.active(); err != nil || count <= 0 {
			break
		}
	}
	f, err := os.Open(n.log)
	if err != nil {
		return traffic{}, err
	}
	defer f.Close()
	if _, err := f.Seek(n.read, io.SeekStart); err != nil {
		return traffic{}, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return traffic{}, err
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	n.read += int64(len(text))
	err = n.add(string(text))
	return n.sum, err
}

// add counts lines of the log.
func (n *nginx) add(lines string) error {
	for line := range strings.Lines(lines) {
		var id string
		var body int64
		var status int
		if _, err := fmt.Sscan(line, &id, &body, &status); err != nil {
			return fmt.Errorf("nginx's log: %q: %w", line, err)
		}
		n.sum.bytes += body
		if !n.ids[id] {
			n.ids[id] = true
			n.sum.connections++
		}
	}
	return nil
}
