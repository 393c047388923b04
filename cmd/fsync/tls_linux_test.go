package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

// An authority signs the certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	a := new(authority)
	a.cert, a.key = makeCert(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	a.file = filepath.Join(dir, name+".pem")
	put(t, a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
	return a
}

// makeCert makes a certificate that is valid now, unless it says otherwise. Without an
// authority it signs itself.
func makeCert(t *testing.T, c *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if by == nil {
		by = &authority{cert: c, key: key}
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

// tlsSite is a server of nginx's that speaks TLS with a certificate.
type tlsSite struct {
	name      string
	by        *authority
	cert      x509.Certificate
	more      string // configuration
	reason    string // why it is refused, "": it is not
	downgrade bool   // it redirects to http
	url       string
}

// server returns its part of the configuration.
func (s *tlsSite) server(t *testing.T, conf, dir string, plain int) string {
	t.Helper()
	port := freePort(t)
	s.url = fmt.Sprintf("https://127.0.0.1:%d/", port)
	cert, key := makeCert(t, &s.cert, s.by)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(conf, s.name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	put(t, filepath.Join(conf, s.name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	if s.downgrade {
		s.more += fmt.Sprintf("return 302 http://127.0.0.1:%d$request_uri;", plain)
	}
	return fmt.Sprintf("server { listen 127.0.0.1:%d ssl; ssl_certificate %[2]s/%[3]s.crt; ssl_certificate_key %[2]s/%[3]s.key; root %[4]s; %[5]s }\n",
		port, conf, s.name, dir, s.more)
}

// startTLS returns what starts nginx with a plain server, and all of the sites.
func startTLS(sites []*tlsSite) func(t *testing.T, conf, dir string, port int) *exec.Cmd {
	return func(t *testing.T, conf, dir string, port int) *exec.Cmd {
		var servers strings.Builder
		for _, s := range sites {
			servers.WriteString(s.server(t, conf, dir, port))
		}
		file := config(t, filepath.Join(conf, "nginx.conf"), fmt.Sprintf(nginxHead+`
	server { listen 127.0.0.1:%[2]d; root %[3]s; }
	%[4]s
}
`, conf, port, dir, &servers))
		return exec.Command(find(t, "nginx"), "-p", conf, "-e", conf+"/error.log", "-c", file)
	}
}

// TestTLSServers pulls from nginx with certificates good and bad: where it cannot be known
// who answers, nothing is asked, as a file or as a list, and nothing is written.
func TestTLSServers(t *testing.T) {
	t.Parallel()
	conf, dir := t.TempDir(), t.TempDir()
	readable(t, conf)
	readable(t, dir)
	ours, others := newAuthority(t, conf, "ours"), newAuthority(t, conf, "others")
	here := []net.IP{net.IPv4(127, 0, 0, 1)}
	day := 24 * time.Hour
	sites := []*tlsSite{
		{name: "good", by: ours, cert: x509.Certificate{IPAddresses: here}},
		{name: "expired", by: ours, cert: x509.Certificate{IPAddresses: here, NotBefore: time.Now().Add(-2 * day), NotAfter: time.Now().Add(-day)}, reason: "the certificate expired on 20"},
		{name: "early", by: ours, cert: x509.Certificate{IPAddresses: here, NotBefore: time.Now().Add(day), NotAfter: time.Now().Add(2 * day)}, reason: "the certificate is not valid before 20"},
		{name: "wrong-host", by: ours, cert: x509.Certificate{DNSNames: []string{"example.org"}}, reason: `for another host, not for "127.0.0.1"`},
		{name: "name-only", by: ours, cert: x509.Certificate{Subject: pkix.Name{CommonName: "127.0.0.1"}}, reason: `for another host, not for "127.0.0.1"`},
		{name: "self-signed", cert: x509.Certificate{IPAddresses: here}, reason: "unknown authority"},
		{name: "unknown", by: others, cert: x509.Certificate{IPAddresses: here}, reason: "unknown authority"},
		{name: "client-only", by: ours, cert: x509.Certificate{IPAddresses: here, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, reason: "certificate"},
		{name: "old", by: ours, cert: x509.Certificate{IPAddresses: here}, more: "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;", reason: "protocol"},
		{name: "downgrade", by: ours, cert: x509.Certificate{IPAddresses: here}, downgrade: true, reason: "redirect from https to http refused"},
	}
	for _, s := range sites {
		put(t, filepath.Join(dir, s.name+".file"), remotetest.Content(1, 5000))
		put(t, filepath.Join(dir, s.name+".list"), []byte(s.name+".file\n"))
	}
	put(t, filepath.Join(dir, "ready"), nil)
	realServer{"nginx", true, startTLS(sites)}.run(t, conf, dir)
	for _, s := range sites {
		t.Run(s.name, func(t *testing.T) { s.pull(t, ours.file) })
	}
	log := string(read(t, filepath.Join(conf, "access.log")))
	for _, s := range sites {
		switch n := strings.Count(log, "GET /"+s.name+"."); {
		case s.reason == "" && n == 0:
			t.Errorf("%s was not asked", s.name)
		case s.downgrade && strings.Contains(log, "GET /"+s.name+".file HTTP/1.1\" 200"):
			t.Errorf("%s: the redirect to http was followed", s.name)
		case s.reason != "" && !s.downgrade && n != 0:
			t.Errorf("%s was asked %d times", s.name, n)
		}
	}
}

func (s *tlsSite) pull(t *testing.T, ca string) {
	for _, as := range []string{"file", "list"} {
		dest := filepath.Join(t.TempDir(), "dest")
		args, want := []string{"--base", s.url, listOf(t, s.name+".file")}, exitFailed
		if as == "list" {
			args, want = []string{s.url + s.name + ".list"}, exitUsage
		}
		if s.reason == "" {
			want = exitOK
		}
		cmd, out, errs := command(t, append([]string{"pull", "-d", dest, "--cacert", ca, "--retries", "0", "--header", "X-Key: " + secretWord}, args...)...)
		cmd.Run()
		code := cmd.ProcessState.ExitCode()
		if code != want || s.reason != "" && !strings.Contains(errs.String(), s.reason) || strings.Contains(errs.String(), secretWord) {
			t.Errorf("as a %s: exit code %d\n%s%s", as, code, out, errs)
		}
		if names, _ := filepath.Glob(filepath.Join(dest, "*")); (len(names) == 0) == (s.reason == "") {
			t.Errorf("as a %s: there are %q", as, names)
		}
	}
}

const secretWord = "hunter2SECRET"
