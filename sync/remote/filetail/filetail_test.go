package filetail

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

func TestMain(m *testing.M) { remotetest.Main(m) }

func TestSource(t *testing.T) {
	remotetest.TestSource(t, func(t *testing.T, name string, content []byte, modTime time.Time) (remotetest.Source, *url.URL) {
		path := filepath.Join(t.TempDir(), filepath.FromSlash(name))
		write(t, path, content, modTime)
		return &Client{}, &url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	})
}

func write(t *testing.T, path string, content []byte, modTime time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, modTime, modTime); err != nil {
		t.Fatal(err)
	}
}

// sample makes a file of size bytes, an hour old.
func sample(t *testing.T, size int64) (path string, u *url.URL, content []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "sample")
	content = remotetest.Content(1, size)
	write(t, path, content, time.Now().Add(-time.Hour))
	return path, &url.URL{Scheme: "file", Path: path}, content
}

func TestURLs(t *testing.T) {
	path, _, content := sample(t, 100)
	for _, c := range []struct {
		url, err string
	}{
		{"file://" + path, ""},
		{"file:" + path, ""},
		{"file://LOCALHOST" + path, ""},
		{"file://" + path + "?query#fragment", ""},
		{"file://server" + path, "no other host"},
		{"file:relative", "not an absolute path"},
		{"file:///a%00b", "not an absolute path"},
		{"http://localhost" + path, "not a file URL"},
		{"file://" + path + "-missing", "no such file"},
		{"file://" + path + "/below", "no such file"},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		tail, err := new(Client).Open(t.Context(), remote.Request{URL: u})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || remote.KindOf(err) != remote.Final {
				t.Errorf("%s: %v, want %s", c.url, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if got, err := io.ReadAll(tail.Body); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, %v", c.url, len(got), err)
		}
		tail.Body.Close()
	}
}

func TestBeyondTheEnd(t *testing.T) {
	_, u, _ := sample(t, 100)
	tail, err := new(Client).Open(t.Context(), remote.Request{URL: u, Offset: 150, Length: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Body.Close()
	if tail.Start != 100 || tail.End != 100 || tail.Size != 100 {
		t.Errorf("Start %d, End %d, Size %d", tail.Start, tail.End, tail.Size)
	}
}

// TestChanged changes a file at several points of its being read.
func TestChanged(t *testing.T) {
	grow := func(path string) error {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.Write([]byte("more"))
		return errors.Join(err, f.Close())
	}
	for name, change := range map[string]func(path string) error{
		"grown":   grow,
		"shrunk":  func(path string) error { return os.Truncate(path, 10) },
		"touched": func(path string) error { return os.Chtimes(path, time.Now(), time.Now()) },
	} {
		for _, n := range []int64{0, 10, 5000, 10_000} {
			path, u, _ := sample(t, 10_000)
			tail, err := new(Client).Open(t.Context(), remote.Request{URL: u})
			if err != nil {
				t.Fatal(err)
			}
			io.CopyN(io.Discard, tail.Body, n)
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			_, err = io.Copy(io.Discard, tail.Body)
			if err == nil || remote.KindOf(err) != remote.Temporary || !strings.Contains(err.Error(), "changed") {
				t.Errorf("%s after %d bytes: %v", name, n, err)
			}
			tail.Body.Close()
		}
	}
}

// TestFiler moves the bytes by the file itself.
func TestFiler(t *testing.T) {
	path, u, content := sample(t, 10_000)
	tail, err := new(Client).Open(t.Context(), remote.Request{URL: u, Offset: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Body.Close()
	io.CopyN(io.Discard, tail.Body, 500)
	f, off := tail.Body.(remote.Filer).File()
	if off != 1500 {
		t.Errorf("off = %d", off)
	}
	got := make([]byte, 8500)
	if _, err := io.ReadFull(f, got); err != nil || !bytes.Equal(got, content[1500:]) {
		t.Errorf("the file is not at byte %d: %v", off, err)
	}
	v := tail.Body.(interface{ Verify() error })
	if err := v.Verify(); err != nil {
		t.Error(err)
	}
	os.Truncate(path, 9999)
	if err := v.Verify(); remote.KindOf(err) != remote.Temporary {
		t.Errorf("Verify of a changed file: %v", err)
	}
}

func TestUnless(t *testing.T) {
	_, u, _ := sample(t, 10_000)
	tail, err := new(Client).Open(t.Context(), remote.Request{URL: u})
	if err != nil {
		t.Fatal(err)
	}
	tail.Body.Close()
	cut := tail.Version
	cut.ModTime = cut.ModTime.Truncate(time.Second)
	weak, long, old := tail.Version, tail.Version, tail.Version
	weak.WeakTime, long.Size, old.ModTime = true, 10_001, old.ModTime.Add(-time.Second)
	for _, c := range []struct {
		name   string
		unless remote.Version
		want   bool
	}{
		{"the same", tail.Version, true},
		{"cut to a second", cut, true},
		{"weak", weak, false},
		{"another size", long, false},
		{"another time", old, false},
		{"nothing", remote.Version{Size: 10_000}, false},
	} {
		tail, err := new(Client).Open(t.Context(), remote.Request{URL: u, Unless: &c.unless})
		if err != nil {
			t.Fatal(err)
		}
		tail.Body.Close()
		if tail.NotModified != c.want {
			t.Errorf("%s: NotModified = %t", c.name, tail.NotModified)
		}
	}
}

func TestFailure(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind remote.Kind
		text string
	}{
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}, remote.Final, "file:///x: no such file"},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, remote.Final, "file:///x: permission denied"},
		{&fs.PathError{Op: "read", Path: "/x", Err: syscall.EIO}, remote.Temporary, "file:///x: input/output error"},
		{&fs.PathError{Op: "read", Path: "/x", Err: syscall.ESTALE}, remote.Temporary, "file:///x: stale file handle"},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.EMFILE}, remote.Temporary, "file:///x: too many open files"},
	} {
		err := failure("file:///x", c.err)
		if err.Kind != c.kind || err.Error() != c.text || !errors.Is(err, errors.Unwrap(c.err)) {
			t.Errorf("%v: kind %d, %q", c.err, err.Kind, err)
		}
	}
}
