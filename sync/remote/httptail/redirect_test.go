package httptail

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// TestCredentials looks at what each origin of a redirect was sent.
func TestCredentials(t *testing.T) {
	s := remotetest.NewServer(t)
	f := sample()
	f.Faults = []remotetest.Fault{remotetest.CrossOrigin()}
	u := s.Put("file", f)
	u.User = url.UserPassword("user", "hunter2")
	u.RawQuery, u.Fragment = "key=secret", "fragment"
	c := newClient(t, Options{
		UserAgent: "test/1",
		Headers: []OriginHeader{
			{remote.OriginOf(s.URL("")), "X-Api-Key", "main"},
			{remote.OriginOf(s.URL("")), "cookie", "a=b"},
			{remote.OriginOf(s.OtherURL("")), "X-Other-Key", "other"},
			{"https://" + s.URL("").Host, "X-Tls-Key", "tls"},
		},
	})
	for _, off := range []int64{0, 5000} {
		unless := &remote.Version{ETag: `"v0"`}
		got, tail, err := fetch(t, c, remote.Request{URL: u, Offset: off, Unless: unless}, f.Content)
		if got != "ok" {
			t.Fatal(got, err)
		}
		if tail.Place != remote.PlaceOf(s.OtherURL("file")) {
			t.Error("Place is not that of the URL that answered")
		}
	}
	seen := s.Requests("file")
	if len(seen) != 4 {
		t.Fatalf("%d requests", len(seen))
	}
	common := []string{"Accept-Encoding", "User-Agent", "Want-Repr-Digest"}
	for i, r := range seen {
		want := append([]string{"X-Other-Key"}, common...)
		if i%2 == 0 {
			want = append([]string{"X-Api-Key", "Cookie", "Authorization"}, common...)
			if r.Header.Get("Authorization") != basic("user", "hunter2") {
				t.Errorf("request %d: Authorization %q", i, r.Header.Get("Authorization"))
			}
		}
		// What is asked is the same at every hop.
		want = append(want, "If-None-Match")
		if i >= 2 {
			want = append(want, "Range")
		}
		for _, name := range want {
			if r.Header.Get(name) == "" {
				t.Errorf("request %d to %s has no %s", i, r.Host, name)
			}
		}
		if len(r.Header) != len(want) {
			t.Errorf("request %d to %s has %v, want %v", i, r.Host, r.Header, want)
		}
	}
}

// TestAuthorization checks which of the credentials for one origin is sent.
func TestAuthorization(t *testing.T) {
	s := remotetest.NewServer(t)
	file := filepath.Join(t.TempDir(), "netrc")
	os.WriteFile(file, []byte("machine 127.0.0.1 login net password rc\ndefault login any password where\n"), 0o600)
	header := []OriginHeader{{s.URL("").Scheme + "://" + s.URL("").Host, "authorization", "Bearer x"}}
	user := url.UserPassword("us", "er")
	for _, row := range []struct {
		name string
		host string
		user *url.Userinfo
		o    Options
		want string
	}{
		{"header", "", user, Options{NetrcFile: file, Headers: header}, "Bearer x"},
		{"user information", "", user, Options{NetrcFile: file}, basic("us", "er")},
		{"netrc", "", nil, Options{NetrcFile: file}, basic("net", "rc")},
		{"another host", "localhost", nil, Options{NetrcFile: file, Headers: header}, ""},
		{"nothing", "", nil, Options{}, ""},
	} {
		u := s.Put("file", sample())
		u.User = row.user
		if row.host != "" {
			u.Host = row.host + ":" + u.Port()
		}
		if got, _, err := fetch(t, newClient(t, row.o), remote.Request{URL: u}, sample().Content); got != "ok" {
			t.Fatal(row.name, got, err)
		}
		if got := s.Requests("file")[0].Header.Get("Authorization"); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// TestNetrcAfterRedirect: the login of one host is not another's, and a Location gives
// none.
func TestNetrcAfterRedirect(t *testing.T) {
	s := remotetest.NewServer(t)
	file := filepath.Join(t.TempDir(), "netrc")
	os.WriteFile(file, []byte("machine 127.0.0.1 login net password rc"), 0o600)
	target := s.Put("target", sample())
	target.Host, target.User = "localhost:"+target.Port(), url.UserPassword("evil", "server")
	u := s.Put("file", remotetest.File{Faults: []remotetest.Fault{remotetest.RedirectTo(301, target.String())}})
	c := newClient(t, Options{NetrcFile: file})
	if got, _, err := fetch(t, c, remote.Request{URL: u}, sample().Content); got != "ok" {
		t.Fatal(got, err)
	}
	if s.Requests("file")[0].Header.Get("Authorization") == "" {
		t.Error("netrc was not used")
	}
	if got := s.Requests("target")[0].Header.Get("Authorization"); got != "" {
		t.Errorf("%q was sent to another host", got)
	}
}

// TestDowngrade: no step leads from https to http.
func TestDowngrade(t *testing.T) {
	s := remotetest.NewTLSServer(t)
	f := sample()
	f.Faults = []remotetest.Fault{remotetest.CrossOrigin()}
	u := s.Put("file", f)
	_, err := newClient(t, Options{CAFile: s.CAFile()}).Open(t.Context(), remote.Request{URL: u})
	if remote.KindOf(err) != remote.Final || err == nil || !strings.Contains(err.Error(), "https to http") {
		t.Errorf("Open: %v", err)
	}
	if n := len(s.Requests("file")); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestRedirects(t *testing.T) {
	for _, row := range []struct {
		name, location, err string
	}{
		{"absolute", "", ""},
		{"relative", "target", ""},
		{"absolute path", "/target", ""},
		{"with dots", "../x/../target", ""},
		{"fragment", "/target#hunter2", ""},
		{"query", "/target?secret", ""},
		{"no URL", "http://[secret/", "no URL"},
		{"no host", "http:///target?secret", "without a host"},
		{"opaque", "http:target?secret", "without a host"},
		{"ftp", "ftp://host/x?secret", `scheme "ftp"`},
		{"javascript", "javascript:secret", `scheme "javascript"`},
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			s := remotetest.NewServer(t)
			target := s.Put("target", sample())
			if row.name == "absolute" {
				row.location = target.String()
			}
			u := s.Put("file", remotetest.File{Faults: []remotetest.Fault{remotetest.RedirectTo(status, row.location)}})
			got, _, err := fetch(t, newClient(t, Options{}), remote.Request{URL: u, Offset: 9}, sample().Content)
			if row.err == "" && got != "ok" || row.err != "" && (got != "final" || !strings.Contains(err.Error(), row.err)) {
				t.Errorf("%s, %d: %s, %v", row.name, status, got, err)
			}
			if err != nil {
				checkText(t, err)
				continue
			}
			// Its small body is read, so the next hop has the same connection.
			if a, b := s.Requests("file")[0].Peer, s.Requests("target")[0].Peer; a != b {
				t.Errorf("%s, %d: the redirect's connection was not used again", row.name, status)
			}
		}
	}
}

func TestRedirectLoop(t *testing.T) {
	s := remotetest.NewServer(t)
	u := s.Put("file", remotetest.File{Faults: []remotetest.Fault{remotetest.RedirectLoop()}})
	_, err := newClient(t, Options{}).Open(t.Context(), remote.Request{URL: u})
	if err == nil || !strings.Contains(err.Error(), "more than 10 redirects") {
		t.Errorf("Open: %v", err)
	}
	if n := len(s.Requests("file")); n != 11 {
		t.Errorf("%d requests", n)
	}
}

// TestRedirected: an error says whether it came from elsewhere.
func TestRedirected(t *testing.T) {
	s := remotetest.NewServer(t)
	c := newClient(t, Options{})
	for _, row := range []struct {
		target remotetest.Fault
		status int
	}{
		{remotetest.Status(403), 403}, {remotetest.Status(500), 500}, {remotetest.Gzip(), 200}, {remotetest.CutFIN(9), 0},
	} {
		target := s.Put("target", remotetest.File{Content: sample().Content, Faults: []remotetest.Fault{row.target}})
		u := s.Put("file", remotetest.File{Faults: []remotetest.Fault{remotetest.RedirectTo(302, target.String()+"?signature=1")}})
		for at, redirected := range map[*url.URL]bool{u: true, target: false} {
			_, _, err := fetch(t, c, remote.Request{URL: at}, sample().Content)
			e, ok := errors.AsType[*remote.Error](err)
			if !ok || e.Redirected != redirected || e.Status != row.status {
				t.Errorf("%s: %+v, want redirected %t", row.target.Name, e, redirected)
			}
			checkText(t, err)
		}
	}
}

// TestExpired: the engine's second try, from the list's URL, gets a fresh signature.
func TestExpired(t *testing.T) {
	s := remotetest.NewServer(t)
	f := sample()
	f.Faults = []remotetest.Fault{remotetest.SignedURLExpired()}
	u := s.Put("file", f)
	c := newClient(t, Options{})
	for _, want := range []string{"final", "ok"} {
		if got, _, err := fetch(t, c, remote.Request{URL: u}, f.Content); got != want {
			t.Errorf("%s, want %s: %v", got, want, err)
		}
	}
}

func TestNetrc(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       netrc
	}{
		{"empty", "", netrc{}},
		{"a line", "machine h login l password p", netrc{"h": {"l", "p"}}},
		{"many lines", "machine h\n\tlogin l\n\n\tpassword p\n", netrc{"h": {"l", "p"}}},
		{"CRLF", "machine h\r\nlogin l\r\npassword p\r\n", netrc{"h": {"l", "p"}}},
		{"another order", "machine h password p login l", netrc{"h": {"l", "p"}}},
		{"two", "machine h login l password p\nmachine i login m password q", netrc{"h": {"l", "p"}, "i": {"m", "q"}}},
		{"the first counts", "machine h login l password p machine h login m password q", netrc{"h": {"l", "p"}}},
		{"case", "machine Host.Example login L password P", netrc{"host.example": {"L", "P"}}},
		{"default", "default login l password p", netrc{}},
		{"default behind", "machine h login l password p\ndefault login m password q", netrc{"h": {"l", "p"}}},
		{"account", "machine h login l account machine password p", netrc{"h": {"l", "p"}}},
		{"keywords as values", "machine login login password password machine", netrc{"login": {"password", "machine"}}},
		{"no login", "machine h password p", netrc{}},
		{"no password", "machine h login l", netrc{"h": {"l", ""}}},
		{"cut", "machine", netrc{}},
		{"comment", "# machine h login l password p\nmachine i login l password #p", netrc{"i": {"l", "#p"}}},
		{"quotes", `machine h login "a b" password "c\"\\\n#"`, netrc{"h": {"a b", "c\"\\\n#"}}},
		{"macro", "macdef init\nmachine x login y password z\n\nmachine h login l password p", netrc{"h": {"l", "p"}}},
		{"macro behind", "machine h login l password p macdef m\nmachine x\n login y", netrc{"h": {"l", "p"}}},
	} {
		got, err := parseNetrc(row.text)
		if err != nil || !maps.Equal(got, row.want) {
			t.Errorf("%s: %v, %v; want %v", row.name, got, err, row.want)
		}
	}
	_, err := parseNetrc("machine h\nlogin l password \"hunter2\n")
	if err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an open quote: %v", err)
	}
}

// TestOptions: what cannot be sent is refused, and no secret is repeated.
func TestOptions(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad")
	os.WriteFile(bad, []byte("secret"), 0o600)
	const origin = "http://host:80"
	for name, o := range map[string]Options{
		"own header":     {Headers: []OriginHeader{{origin, "range", "secret"}}},
		"bad name":       {Headers: []OriginHeader{{origin, "a b", "secret"}}},
		"empty name":     {Headers: []OriginHeader{{origin, "", "secret"}}},
		"line end":       {Headers: []OriginHeader{{origin, "X", "secret\r\nY: z"}}},
		"no origin":      {Headers: []OriginHeader{{"", "X", "secret"}}},
		"no CA":          {CAFile: bad},
		"missing CA":     {CAFile: bad + "-missing"},
		"half a pair":    {CertFile: bad},
		"no pair":        {CertFile: bad, KeyFile: bad},
		"missing netrc":  {NetrcFile: bad + "-missing"},
		"directory":      {NetrcFile: filepath.Dir(bad)},
		"transfer codes": {Headers: []OriginHeader{{origin, "Transfer-Encoding", "secret"}}},
	} {
		if c, err := New(o); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	_, err := New(Options{NetrcFile: bad + "-missing"})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing netrc: %v", err)
	}
}

// TestUserAgent: none is sent unless one is given.
func TestUserAgent(t *testing.T) {
	s := remotetest.NewServer(t)
	u := s.Put("file", sample())
	for _, agent := range []string{"", "fsync/1"} {
		if got, _, err := fetch(t, newClient(t, Options{UserAgent: agent}), remote.Request{URL: u}, sample().Content); got != "ok" {
			t.Fatal(err)
		}
		seen := s.Requests("file")
		if got := seen[len(seen)-1].Header["User-Agent"]; len(got) > 0 != (agent != "") || agent != "" && got[0] != agent {
			t.Errorf("User-Agent %q, want %q", got, agent)
		}
	}
	if s.Requests("file")[0].Method != http.MethodGet {
		t.Error("not a GET")
	}
}
