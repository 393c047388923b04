package httptail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fsync/sync/remote"
)

// transportError turns a failure below HTTP, or of HTTP's framing, into an error in our
// words. where says how far a body got, "" while waiting for the answer. A request that
// the caller's context ended gives its cause as it is.
func (x *exchange) transportError(where string, err error) error {
	cause := x.cause()
	switch {
	case cause == nil:
	case errors.Is(cause, errStalled):
		return x.stallError(where)
	default:
		return cause
	}
	kind, err := classify(err)
	if where != "" {
		err = fmt.Errorf("%s: %w", where, err)
	}
	return x.fail(kind, 0, err)
}

func (x *exchange) stallError(where string) error {
	if where == "" {
		return x.fail(remote.Temporary, 0, fmt.Errorf("%w for %s, waiting for the answer", remote.ErrStall, x.dog.limit))
	}
	what := fmt.Sprintf("for %s", x.dog.limit)
	if x.dog.got > 0 {
		what = fmt.Sprintf("to speak of: %d bytes in %s", x.dog.got, x.dog.limit)
	}
	return x.fail(remote.Temporary, 0, fmt.Errorf("%s: %w %s", where, remote.ErrStall, what))
}

// classify says whether a failure may pass, and in which words to tell it. Nearly all
// do; what stays is about certificates and settings.
func classify(err error) (remote.Kind, error) {
	if text := certificateText(err); text != "" {
		return remote.Final, &failure{text, err}
	}
	if t, ok := errors.AsType[tls.RecordHeaderError](err); ok && string(t.RecordHeader[:]) == "HTTP/" {
		return remote.Final, &failure{"the server speaks http here, not https", err}
	}
	if errors.Is(err, errProxy) {
		return remote.Final, errProxy
	}
	text := textOf(err)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
		text = "proxy: " + text
	}
	if errors.Is(err, io.EOF) { // nobody is to take it for the end of a file
		err = io.ErrUnexpectedEOF
	}
	return remote.Temporary, &failure{text, err}
}

// textOf tells a failure that may pass.
func textOf(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return fmt.Sprintf("no such host %q", dns.Name)
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return "connection timed out"
	}
	if s, ok := errors.AsType[streamError](err); ok {
		return s.Error()
	}
	switch {
	case strings.HasPrefix(err.Error(), "http2: server sent GOAWAY"): // and what it says goes on
		return "HTTP/2 connection closed by the server"
	case errors.Is(err, io.EOF):
		return "connection closed without an answer"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed early"
	}
	return printable(err.Error())
}

// certificateText says what is wrong with a server's certificate, "" if err is not about
// one.
func certificateText(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate is signed by an unknown authority"
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("the certificate is for another host, not for %q", e.Host)
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch {
		case e.Reason != x509.Expired || e.Cert == nil:
			return "the certificate is invalid"
		case time.Now().Before(e.Cert.NotBefore):
			return fmt.Sprintf("the certificate is not valid before %s", e.Cert.NotBefore.UTC().Format(time.RFC3339))
		default:
			return fmt.Sprintf("the certificate expired on %s", e.Cert.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate cannot be verified"
	}
	return ""
}

// failure is an error whose text is safe to show. What it wraps may hold a server's
// text and is there for errors.Is and errors.As only.
type failure struct {
	text string
	err  error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// printable makes a text safe for a terminal and short.
func printable(s string) string {
	const most = 300
	var b strings.Builder
	for _, r := range s {
		if b.Len() > most {
			b.WriteString("…")
			break
		}
		if strconv.IsPrint(r) && r != '\uFFFD' {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}
