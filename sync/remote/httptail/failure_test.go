package httptail

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

// TestCertificates: what is wrong with a certificate is final and said clearly.
func TestCertificates(t *testing.T) {
	s := remotetest.NewTLSServer(t)
	u := s.Put("file", sample())
	wrong := *u
	wrong.Host = "localhost:" + u.Port()
	speaksTLS, plain := *u, *s.OtherURL("file")
	speaksTLS.Scheme, plain.Scheme = "http", "https"
	expired, ca := certServer(t, -48*time.Hour, -24*time.Hour)
	early, ca2 := certServer(t, 24*time.Hour, 48*time.Hour)
	for _, row := range []struct {
		u    *url.URL
		ca   string
		kind string
		text string
	}{
		{u, s.CAFile(), "ok", ""},
		{u, "", "final", "unknown authority"},
		{&wrong, s.CAFile(), "final", `for another host, not for "localhost"`},
		{expired, ca, "final", "the certificate expired on 20"},
		{early, ca2, "final", "the certificate is not valid before 20"},
		{&plain, s.CAFile(), "final", "speaks http here"},
		{&speaksTLS, "", "final", "400 Bad Request"},
	} {
		got, _, err := fetch(t, newClient(t, Options{CAFile: row.ca}), remote.Request{URL: row.u}, sample().Content)
		if got != row.kind || err != nil && !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: %s, %v; want %s", row.u, got, err, row.text)
		}
	}
}

// certServer starts a TLS server whose certificate is valid between these times from
// now. It returns the file of the certificate too.
func certServer(t *testing.T, from, to time.Duration) (*url.URL, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u, file
}

// TestClientCertificate: a pair of files is the client's identity.
func TestClientCertificate(t *testing.T) {
	var got int
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = len(r.TLS.PeerCertificates) }))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	defer s.Close()
	dir := t.TempDir()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, _ := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(2)}, &x509.Certificate{}, key.Public(), key)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{CAFile: filepath.Join(dir, "ca"), CertFile: filepath.Join(dir, "cert"), KeyFile: filepath.Join(dir, "key")}
	for file, block := range map[string]*pem.Block{
		o.CAFile:   {Type: "CERTIFICATE", Bytes: s.Certificate().Raw},
		o.CertFile: {Type: "CERTIFICATE", Bytes: der},
		o.KeyFile:  {Type: "PRIVATE KEY", Bytes: raw},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u, _ := url.Parse(s.URL)
	tail, err := newClient(t, o).Open(t.Context(), remote.Request{URL: u})
	if err != nil || got != 1 {
		t.Fatalf("%d certificates, %v", got, err)
	}
	tail.Body.Close()
}

// TestUnreachable: what is not there now may be there later.
func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	for _, u := range []string{"http://" + addr + "/x", "http://no-such-host.invalid/x"} {
		at, _ := url.Parse(u + "?token=secret")
		_, err := newClient(t, Options{}).Open(t.Context(), remote.Request{URL: at})
		if remote.KindOf(err) != remote.Temporary || err == nil {
			t.Errorf("%s: %v", u, err)
			continue
		}
		checkText(t, err)
		t.Log(err)
	}
}

// TestClassify: failures that no test server makes.
func TestClassify(t *testing.T) {
	for _, row := range []struct {
		err  error
		kind remote.Kind
		text string
	}{
		{&net.OpError{Op: "proxyconnect", Err: errors.New("x\x1b")}, remote.Temporary, `proxy: proxyconnect: x\x1b`},
		{errProxy, remote.Final, errProxy.Error()},
		{&net.DNSError{Name: "h\x1b", IsNotFound: true}, remote.Temporary, `no such host "h\x1b"`},
		{&tls.CertificateVerificationError{Err: errors.New("secret")}, remote.Final, "the certificate cannot be verified"},
		{x509.CertificateInvalidError{Reason: x509.TooManyIntermediates}, remote.Final, "the certificate is invalid"},
		{os.ErrDeadlineExceeded, remote.Temporary, "connection timed out"},
		{io.EOF, remote.Temporary, "connection closed without an answer"},
	} {
		kind, err := classify(row.err)
		if kind != row.kind || err.Error() != row.text || errors.Is(err, io.EOF) {
			t.Errorf("%v: kind %d, %q", row.err, kind, err)
		}
	}
}
