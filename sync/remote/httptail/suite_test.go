package httptail

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // where net/http complains of servers that say too much
	remotetest.Main(m)
}

// newClient returns a client that lives as long as the test.
func newClient(t testing.TB, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestSource(t *testing.T) {
	for name, etag := range map[string]string{"ETag": `"one"`, "NoETag": "", "WeakETag": `W/"one"`} {
		t.Run(name, func(t *testing.T) {
			remotetest.TestSource(t, func(t *testing.T, name string, content []byte, modTime time.Time) (remotetest.Source, *url.URL) {
				s := remotetest.NewServer(t)
				u := s.Put(name, remotetest.File{Content: content, ModTime: modTime, ETag: etag})
				return newClient(t, Options{Stall: 10 * time.Second, Conns: 4}), u
			})
		})
	}
}

// TestSourceFileServer runs the suite against net/http's own file server.
func TestSourceFileServer(t *testing.T) {
	remotetest.TestSource(t, func(t *testing.T, name string, content []byte, modTime time.Time) (remotetest.Source, *url.URL) {
		dir := t.TempDir()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, modTime, modTime); err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(http.FileServer(http.Dir(dir)))
		t.Cleanup(s.Close)
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + name
		return newClient(t, Options{Conns: 4}), u
	})
}

// TestSourceTLS runs it over TLS.
func TestSourceTLS(t *testing.T) {
	remotetest.TestSource(t, func(t *testing.T, name string, content []byte, modTime time.Time) (remotetest.Source, *url.URL) {
		s := remotetest.NewTLSServer(t)
		u := s.Put(name, remotetest.File{Content: content, ModTime: modTime, ETag: `"tls"`})
		return newClient(t, Options{Stall: 10 * time.Second, Conns: 4, CAFile: s.CAFile()}), u
	})
}
