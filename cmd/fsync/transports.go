package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fsync/listing"
	"fsync/sync"
	"fsync/sync/remote"
	"fsync/sync/remote/filetail"
	"fsync/sync/remote/httptail"
	"fsync/sync/remote/sftptail"
)

var (
	_ sync.Source = (*httptail.Client)(nil)
	_ sync.Source = (*filetail.Client)(nil)
	_ sync.Source = (*sftptail.Client)(nil)
	_ walker      = (*sftptail.Client)(nil)
	_ walker      = (*filetail.Client)(nil)
	_ walker      = (*httptail.Client)(nil)
)

// network says how servers are asked.
type network struct {
	Header    []string      `sep:"none" placeholder:"H" help:"Send a header ('Name: value', or @FILE with one a line) to the origin of --base or LIST, else to the list's only one; 'ORIGIN=Name: value' binds it to another. Repeatable."`
	UserAgent string        `default:"fsync" placeholder:"S" help:"User-Agent to send (${default})."`
	NetrcFile string        `placeholder:"FILE" help:"Logins by host (~/.netrc)."`
	Cacert    string        `placeholder:"FILE" help:"Authorities to trust (PEM) in place of the system's."`
	Cert      string        `placeholder:"FILE" help:"Client certificate (PEM)."`
	Key       string        `placeholder:"FILE" help:"Its key (PEM)."`
	Timeout   time.Duration `default:"30s" placeholder:"DUR" help:"Give a server up that sends nothing for so long (${default})."`

	sshFlags
}

// schemes are the URL schemes that can be pulled.
var schemes = []string{"http", "https", "sftp", "file"}

// transports are the clients that entries are pulled with.
type transports struct {
	console  *console
	options  httptail.Options
	pending  []string // headers that wait for the list to tell their origin
	password string   // for SSH, waits as well
	http     *httptail.Client
	file     *filetail.Client
	sftp     *sftptail.Client
}

func newTransports(ctx context.Context, n network, jobs int, c *console) (*transports, error) {
	t := &transports{console: c, password: os.Getenv(passwordVariable), file: new(filetail.Client), options: httptail.Options{
		UserAgent: n.UserAgent, NetrcFile: n.NetrcFile, CAFile: n.Cacert, CertFile: n.Cert, KeyFile: n.Key,
		Stall: n.Timeout, Conns: jobs,
	}}
	if n.NetrcFile == "" {
		t.options.NetrcFile = homeNetrc()
	}
	headers, err := readHeaders(n.Header)
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		if origin, rest, ok := boundHeader(h); ok {
			if err := t.addHeader(origin, rest); err != nil {
				return nil, err
			}
			continue
		}
		t.pending = append(t.pending, h)
	}
	o, err := sshOptions(n.sshFlags, n, c)
	if err != nil {
		return nil, err
	}
	if err := t.connect(); err != nil {
		return nil, err
	}
	o.Ask = c.asker(ctx)
	t.sftp = sftptail.New(o)
	return t, nil
}

// close ends all connections.
func (t *transports) close() {
	t.sftp.Close()
	t.http.Close()
}

// homeNetrc returns ~/.netrc if there is one.
func homeNetrc() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	name := filepath.Join(home, ".netrc")
	if _, err := os.Stat(name); err != nil {
		return ""
	}
	return name
}

// readHeaders resolves @FILE, which keeps secrets out of the process list.
func readHeaders(flags []string) ([]string, error) {
	var headers []string
	for _, f := range flags {
		if !strings.HasPrefix(f, "@") {
			headers = append(headers, f)
			continue
		}
		text, err := os.ReadFile(f[1:])
		if err != nil {
			return nil, usagef("--header: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") {
				headers = append(headers, line)
			}
		}
	}
	return headers, nil
}

// boundHeader splits ORIGIN=Name: value.
func boundHeader(h string) (origin *url.URL, rest string, ok bool) {
	before, after, found := strings.Cut(h, "=")
	if !found || !strings.HasPrefix(before, "http://") && !strings.HasPrefix(before, "https://") {
		return nil, "", false
	}
	u, err := url.Parse(before)
	if err != nil || u.Host == "" {
		return nil, "", false
	}
	return u, after, true
}

func (t *transports) addHeader(origin *url.URL, header string) error {
	name, value, ok := strings.Cut(header, ":")
	if !ok {
		return usagef("--header wants 'Name: value'") // the text may be a secret
	}
	t.options.Headers = append(t.options.Headers, httptail.OriginHeader{
		Origin: remote.OriginOf(origin), Name: strings.TrimSpace(name), Value: value,
	})
	return nil
}

func (t *transports) connect() error {
	c, err := httptail.New(t.options)
	if err != nil {
		return usagef("%w", err)
	}
	t.http = c
	return nil
}

// bindTo gives the headers without an origin, or the SSH password, to that of --base or
// the list, whichever is the first of their kind.
func (t *transports) bindTo(u *url.URL) error {
	switch {
	case u == nil:
	case u.Scheme == "sftp" && t.password != "":
		t.setPassword(remote.OriginOf(u))
	case (u.Scheme == "http" || u.Scheme == "https") && len(t.pending) > 0:
		for _, h := range t.pending {
			if err := t.addHeader(u, h); err != nil {
				return err
			}
		}
		t.pending = nil
		return t.connect()
	}
	return nil
}

// bind gives them to the list's only origin, if there is one, and if the list is the
// user's own: what came over the network does not get to choose who is told a secret.
func (t *transports) bind(totals listing.Totals, fromNetwork bool) error {
	if err := t.bindPassword(totals); err != nil {
		return err
	}
	if len(t.pending) == 0 {
		return nil
	}
	if len(totals.Origins) != 1 || fromNetwork {
		named := "the list names no http(s) URL"
		switch {
		case len(totals.Origins) > 1:
			named = "the list names several origins"
		case len(totals.Origins) == 1:
			named = "the list came over the network"
		}
		return usagef("--header: %s, so say whose header it is", named).
			withHint("--header 'https://HOST=Name: value'")
	}
	u, err := url.Parse(totals.Origins[0])
	if err != nil {
		return err
	}
	return t.bindTo(u)
}

func (t *transports) sources() map[string]sync.Source {
	return map[string]sync.Source{"http": t.http, "https": t.http, "file": t.file, "sftp": t.sftp}
}

// source returns the transport for a URL.
func (t *transports) source(u *url.URL) (sync.Source, error) {
	if s := t.sources()[u.Scheme]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("no transport for %q URLs (known: %s)", u.Scheme, strings.Join(schemes, ", "))
}
