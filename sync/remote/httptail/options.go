package httptail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"fsync/sync/remote"
)

// Options says how a Client asks. The zero value asks as nobody and waits for ever.
type Options struct {
	// UserAgent is sent to every server; "" sends none.
	UserAgent string

	// Headers are sent to their own origin only.
	Headers []OriginHeader

	// NetrcFile holds logins by exact host; its default entry is not used. "" means
	// none.
	NetrcFile string

	// CAFile holds, in PEM, the authorities to trust in place of the system's. CertFile
	// and KeyFile, always both, are the client's certificate.
	CAFile, CertFile, KeyFile string

	// Stall is how long a server may take to bring some data: the header of an answer,
	// then each KiB of a body or its rest. Time that the reader of a body spends
	// between reads does not count. 0 means without limit.
	Stall time.Duration

	// Conns is how many files are asked for at a time; so many idle connections to one
	// host are kept.
	Conns int
}

// OriginHeader is a header field bound to an origin, as remote.OriginOf writes it.
type OriginHeader struct {
	Origin, Name, Value string
}

// ownHeaders are set by this package, or by net/http, and by nobody else: with another
// range, encoding or condition the bytes would not be those that the engine believes
// to get.
var ownHeaders = []string{
	"Accept-Encoding", "Connection", "Content-Length", "If-Match", "If-Modified-Since", "If-None-Match",
	"If-Range", "If-Unmodified-Since", "Range", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// checkHeaders returns the headers with canonical names. An error names the field but
// not its value, which may be a secret.
func checkHeaders(headers []OriginHeader) ([]OriginHeader, error) {
	checked := make([]OriginHeader, 0, len(headers))
	for _, h := range headers {
		if !isToken(h.Name) {
			return nil, fmt.Errorf("%q is not the name of a header", h.Name)
		}
		h.Name = http.CanonicalHeaderKey(h.Name)
		for _, own := range ownHeaders {
			if h.Name == own {
				return nil, fmt.Errorf("the header %s cannot be set", h.Name)
			}
		}
		origin, err := url.Parse(h.Origin)
		if err != nil || origin.Scheme == "" || origin.Host == "" {
			return nil, fmt.Errorf("the header %s is bound to no origin", h.Name)
		}
		h.Origin = remote.OriginOf(origin)
		h.Value = strings.Trim(h.Value, " \t")
		if strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, fmt.Errorf("the value of the header %s has a control character", h.Name)
		}
		checked = append(checked, h)
	}
	return checked, nil
}

// isToken says whether s is a token (RFC 9110 §5.6.2), such as the name of a field.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// tlsConfig reads the certificates. Servers' certificates are always checked.
func (o Options) tlsConfig() (*tls.Config, error) {
	cfg := new(tls.Config)
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in PEM", o.CAFile)
		}
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("a client certificate needs both its file and the file of its key")
	}
	if o.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.CertFile, err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}
