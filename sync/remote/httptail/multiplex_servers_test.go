//go:build unix

package httptail

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sharedServers offer HTTP/2. In a configuration %[1]s is a directory for what the server
// writes, with cert.pem and key.pem, %[2]s what it serves, %[3]d a port for plain HTTP, which
// shows that it has started, and %[4]d the one for HTTPS.
var sharedServers = []struct {
	name  string
	limit string // what the configuration sets
	text  string
	args  func(conf, file string) []string
	needs string
}{
	{
		name: "nginx", limit: "100 requests a connection", text: nginxHTTP2("keepalive_requests 100;"),
		args: func(conf, file string) []string { return []string{"-p", conf, "-e", conf + "/error.log", "-c", file} },
	},
	{
		name: "nginx", limit: "one stream", text: nginxHTTP2("http2_max_concurrent_streams 1;"),
		args: func(conf, file string) []string { return []string{"-p", conf, "-e", conf + "/error.log", "-c", file} },
	},
	{
		name: "caddy", text: `{
	admin off
	auto_https off
}
http://127.0.0.1:%[3]d {
	root * %[2]s
	file_server
}
https://127.0.0.1:%[4]d {
	tls %[1]s/cert.pem %[1]s/key.pem
	root * %[2]s
	file_server
}
`,
		args: func(_, file string) []string { return []string{"run", "--config", file, "--adapter", "caddyfile"} },
	},
	{
		name: "apache2", needs: "/usr/lib/apache2/modules/mod_http2.so", text: `
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so
ServerRoot %[1]s
ServerName 127.0.0.1
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
Mutex file:%[1]s default
DocumentRoot %[2]s
Listen 127.0.0.1:%[3]d
Listen 127.0.0.1:%[4]d
Protocols h2 http/1.1
MaxKeepAliveRequests 100
<Directory %[2]s>
	Require all granted
</Directory>
<VirtualHost *:%[4]d>
	SSLEngine on
	SSLCertificateFile %[1]s/cert.pem
	SSLCertificateKeyFile %[1]s/key.pem
</VirtualHost>
`,
		args: func(_, file string) []string { return []string{"-f", file, "-D", "FOREGROUND"} },
	},
}

func nginxHTTP2(limit string) string {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	return user + nginxHead + `
	` + limit + `
	server {
		listen 127.0.0.1:%[3]d;
		listen 127.0.0.1:%[4]d ssl http2;
		ssl_certificate %[1]s/cert.pem;
		ssl_certificate_key %[1]s/key.pem;
	}
}
`
}

// writeKeyPair writes the certificate and the key of httptest's servers.
func writeKeyPair(t *testing.T, dir string) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pair := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key},
	} {
		putFile(t, dir, name, string(pem.EncodeToMemory(block)))
	}
}

// TestShareServers: the servers that people run give all files, and without an error on the
// way, over HTTP/2.
func TestShareServers(t *testing.T) {
	t.Parallel()
	for _, row := range sharedServers {
		t.Run(strings.TrimSpace(row.name+" "+row.limit), func(t *testing.T) {
			t.Parallel()
			program := find(t, row.name)
			if _, err := os.Stat(row.needs); row.needs != "" && err != nil {
				t.Skip(err)
			}
			conf, dir := t.TempDir(), t.TempDir()
			readable(t, conf)
			readable(t, dir)
			writeKeyPair(t, conf)
			putFile(t, dir, "ready", "")
			s := &secureServer{Server: new(httptest.Server), ca: filepath.Join(conf, "cert.pem")}
			paths := s.paths(500, 20_000)
			for _, path := range paths {
				putFile(t, dir, path, string(contentOf(path)))
			}
			run(t, conf, []int64{0}, func(ports []any) *exec.Cmd {
				secure := freePorts(t, 1)
				s.URL = fmt.Sprintf("https://127.0.0.1:%d", secure[0])
				file := config(t, row.text, conf, dir, append(ports, secure...))
				cmd := exec.Command(program, row.args(conf, file)...)
				cmd.Env = append(os.Environ(), "HOME="+conf, "XDG_DATA_HOME="+conf, "XDG_CONFIG_HOME="+conf)
				return cmd
			})
			c := newClient(t, Options{CAFile: s.ca, Conns: 32, Stall: 30 * time.Second})
			if met := s.pull(t, c, 32, paths, false); len(met) > 0 {
				t.Errorf("%d errors, such as %v", len(met), met[0])
			}
			if h := c.multiplex.hosts[strings.TrimPrefix(s.URL, "https://")]; !h.offered || h.never {
				t.Errorf("HTTP/2 offered %v, given up %v", h.offered, h.never)
			}
			const large = "/3000000/1"
			putFile(t, dir, large, string(contentOf(large)))
			if got, met := s.get(t, c, large, false); len(met) > 0 || !bytes.Equal(got, contentOf(large)) {
				t.Errorf("large: %d bytes: %v", len(got), met)
			}
		})
	}
}
