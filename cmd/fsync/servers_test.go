//go:build unix

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

// A realServer is a server that people run, with what can be expected of it.
type realServer struct {
	name   string
	ranges bool // it knows ranges
	// start writes a configuration below conf and returns the command that serves dir.
	start func(t *testing.T, conf, dir string, port int) *exec.Cmd
}

var realServers = []realServer{
	{"nginx", true, startNginx},
	{"apache2", true, startApache},
	{"lighttpd", true, startLighttpd},
	{"python3", false, startPython},
}

func TestServers(t *testing.T) {
	t.Parallel()
	for _, s := range realServers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			testServer(t, s)
		})
	}
}

// find returns a server's program. It may lie where only root looks.
func find(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI has to have %s", name)
	}
	t.Skipf("%s is not installed: nothing is known about how it is pulled from", name)
	return ""
}

func config(t *testing.T, name, text string) string {
	t.Helper()
	put(t, name, []byte(text))
	return name
}

// nginxHead begins a configuration: its first argument is where nginx keeps its own files.
const nginxHead = `
daemon off;
master_process off;
pid %[1]s/pid;
error_log %[1]s/error.log;
events {}
http {
	access_log %[1]s/access.log;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
`

func startNginx(t *testing.T, conf, dir string, port int) *exec.Cmd {
	file := config(t, filepath.Join(conf, "nginx.conf"), fmt.Sprintf(nginxHead+`
	gzip on;
	server {
		listen 127.0.0.1:%[2]d;
		root %[3]s;
		autoindex on;
	}
}
`, conf, port, dir))
	return exec.Command(find(t, "nginx"), "-p", conf, "-e", conf+"/error.log", "-c", file)
}

func startApache(t *testing.T, conf, dir string, port int) *exec.Cmd {
	program := find(t, "apache2")
	const modules = "/usr/lib/apache2/modules/"
	user := ""
	if os.Getuid() == 0 {
		user = "User www-data\nGroup www-data\n"
	}
	file := config(t, filepath.Join(conf, "apache2.conf"), fmt.Sprintf(`
LoadModule mpm_event_module %[4]smod_mpm_event.so
LoadModule authz_core_module %[4]smod_authz_core.so
LoadModule autoindex_module %[4]smod_autoindex.so
ServerRoot %[1]s
ServerName 127.0.0.1
Listen 127.0.0.1:%[2]d
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
LogFormat "%%r %%>s" plain
TransferLog %[1]s/access.log
Mutex file:%[1]s default
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
DocumentRoot %[3]s
<Directory %[3]s>
	Require all granted
	Options +Indexes
	IndexOptions FancyIndexing HTMLTable
</Directory>
%[5]s`, conf, port, dir, modules, user))
	return exec.Command(program, "-f", file, "-D", "FOREGROUND")
}

func startLighttpd(t *testing.T, conf, dir string, port int) *exec.Cmd {
	file := config(t, filepath.Join(conf, "lighttpd.conf"), fmt.Sprintf(`
server.document-root = "%[3]s"
server.bind = "127.0.0.1"
server.port = %[2]d
server.pid-file = "%[1]s/pid"
server.errorlog = "%[1]s/error.log"
server.upload-dirs = ( "%[1]s" )
server.modules = ( "mod_accesslog", "mod_dirlisting" )
dir-listing.activate = "enable"
accesslog.filename = "%[1]s/access.log"
# As in Debian's configuration: a file without a type has no validators either.
mimetype.assign = ( "" => "application/octet-stream" )
# It would show a changed file as it was a second ago.
server.stat-cache-engine = "disable"
`, conf, port, dir))
	return exec.Command(find(t, "lighttpd"), "-D", "-f", file)
}

func startPython(t *testing.T, conf, dir string, port int) *exec.Cmd {
	cmd := exec.Command(find(t, "python3"), "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", dir, fmt.Sprint(port))
	log, err := os.Create(filepath.Join(conf, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	cmd.Stderr = log
	return cmd
}

// freePort returns a port that nobody listens on. Somebody else may take it before the
// server does; then the server is started once more.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// readable lets the user that a server becomes reach a temporary directory.
func readable(t *testing.T, dir string) {
	t.Helper()
	for ; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// run starts the server and waits until it answers. It ends with the test.
func (s realServer) run(t *testing.T, conf, dir string) (base string) {
	t.Helper()
	for range 3 {
		port := freePort(t)
		cmd := s.start(t, conf, dir, port)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Apache has children
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			cmd.Wait()
		}()
		t.Cleanup(func() {
			cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-ended:
			case <-time.After(5 * time.Second):
				t.Errorf("%s does not end", s.name)
			}
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of it
			<-ended
		})
		if base := fmt.Sprintf("http://127.0.0.1:%d/", port); answers(base+"ready", ended) {
			return base
		}
	}
	logged, _ := os.ReadFile(filepath.Join(conf, "error.log"))
	t.Fatalf("%s does not start: %s", s.name, logged)
	return ""
}

// answers waits until a URL can be had, at most 10 seconds and while the server lives.
func answers(url string, ended <-chan struct{}) bool {
	client := http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if r, err := client.Get(url); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-ended:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}

const (
	realSize   = 1_000_000
	overlapMax = 64 << 10
)

// serverCase is a file in one state, here and there, and what a pull makes of it.
type serverCase struct {
	name   string
	remote []byte
	local  []byte // nil: not there
	// later is what the remote has after a first pull; nil: there is none.
	later []byte

	result   string
	fetched  int64 // by a server that knows ranges
	requests int
}

func serverCases() []serverCase {
	c := func(seed uint64, n int64) []byte { return remotetest.Content(seed, n) }
	longer := c(6, realSize+300_000)
	return []serverCase{
		{name: "fresh", remote: c(1, realSize), result: "fetched", fetched: realSize, requests: 1},
		{name: "half", remote: c(2, realSize), local: c(2, realSize/2), result: "resumed", fetched: realSize/2 + overlapMax, requests: 1},
		{name: "byte", remote: c(3, realSize), local: c(3, realSize-1), result: "resumed", fetched: 1 + overlapMax, requests: 1},
		{name: "first", remote: c(4, realSize), local: c(4, 1), result: "resumed", fetched: realSize, requests: 1},
		{name: "whole", remote: c(5, realSize), local: c(5, realSize), result: "up-to-date", fetched: overlapMax, requests: 1},
		{name: "complete", remote: c(5, realSize), later: c(5, realSize), result: "up-to-date", fetched: 0, requests: 1},
		{name: "longer", remote: longer[:realSize], later: longer, result: "resumed", fetched: realSize + 300_000, requests: 1},
		{name: "changed", remote: c(7, realSize), later: c(8, realSize), result: "replaced", fetched: realSize, requests: 1},
		{name: "shorter", remote: c(9, realSize), later: c(9, realSize/2), result: "replaced", fetched: realSize / 2, requests: 1},
		{name: "empty", remote: c(0, 0), result: "fetched", fetched: 0, requests: 1},
		{name: "empty again", remote: c(0, 0), later: c(0, 0), result: "up-to-date", fetched: 0, requests: 1},
		{name: "no longer empty", remote: c(0, 0), later: c(10, 1000), result: "", fetched: 1000, requests: 1},
		{name: "sp ace+%25.html", remote: c(11, 1000), result: "fetched", fetched: 1000, requests: 1},
	}
}

func testServer(t *testing.T, s realServer) {
	conf, dir := t.TempDir(), t.TempDir()
	readable(t, dir)
	readable(t, conf)
	put(t, filepath.Join(dir, "ready"), []byte("ready"))
	remote := func(c serverCase, p []byte, when time.Time) {
		name := filepath.Join(dir, c.name)
		put(t, name+".new", p)
		if err := os.Chtimes(name+".new", when, when); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	cases := serverCases()
	for _, c := range cases {
		remote(c, c.remote, then)
	}
	base := s.run(t, conf, dir)
	dest := filepath.Join(t.TempDir(), "dest")
	list := func(which func(serverCase) bool) string {
		var text strings.Builder
		for _, c := range cases {
			if which(c) {
				fmt.Fprintln(&text, c.name)
			}
		}
		return config(t, filepath.Join(t.TempDir(), "list"), text.String())
	}

	// The first pull of all that changes later.
	_, first := parseJSON(t, pullOK(t, "-d", dest, "--json", "--base", base, list(func(c serverCase) bool { return c.later != nil })))
	for _, c := range cases {
		switch {
		case c.later != nil && bytes.Equal(c.later, c.remote):
		case c.later != nil:
			remote(c, c.later, then.Add(time.Hour))
		case c.local != nil:
			put(t, filepath.Join(dest, c.name), c.local)
		}
	}
	rs, sum := parseJSON(t, pullOK(t, "-d", dest, "--json", "--base", base, list(func(serverCase) bool { return true })))
	for _, c := range cases {
		s.check(t, c, rs[c.name], dest)
	}
	es, err := os.ReadDir(dest)
	if err != nil || len(es) != len(cases) {
		t.Errorf("%d names are here for %d files: %v", len(es), len(cases), err)
	}

	// After all that, everything is up to date and no body is sent.
	made := first.Requests + sum.Requests
	rs, sum = parseJSON(t, pullOK(t, "-d", dest, "--json", "--base", base, list(func(serverCase) bool { return true })))
	made += sum.Requests
	if sum.Results["up-to-date"] != int64(len(cases)) || sum.Fetched != 0 || sum.Requests != int64(len(cases)) {
		t.Errorf("the last run says %+v", sum)
		for _, r := range rs {
			t.Logf("%+v", r)
		}
	}
	// Logs are written late.
	eventually(t, "the last line of the log", func() bool { return logged(t, conf) >= made })
	if n := logged(t, conf); n != made {
		t.Errorf("the server counts %d requests, fsync %d", n, made)
	}
}

func (s realServer) check(t *testing.T, c serverCase, r jsonResult, dest string) {
	t.Helper()
	want := c.remote
	if c.later != nil {
		want = c.later
	}
	if got := read(t, filepath.Join(dest, c.name)); !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, not the %d of the remote", c.name, len(got), len(want))
	}
	when := then
	if c.later != nil && !bytes.Equal(c.later, c.remote) {
		when = then.Add(time.Hour)
	}
	if fi, err := os.Stat(filepath.Join(dest, c.name)); err != nil || !fi.ModTime().Equal(when) {
		t.Errorf("%s: its time is not the remote's: %v, %v", c.name, fi.ModTime(), err)
	}
	if r.Result != c.result && c.result != "" {
		t.Errorf("%s: %s, not %s", c.name, r.Result, c.result)
	}
	if !s.ranges {
		return // all of it is sent, all of it is compared
	}
	if r.Fetched != c.fetched {
		t.Errorf("%s: %d bytes were fetched, not %d", c.name, r.Fetched, c.fetched)
	}
	if c.local != nil && r.Refetched > overlapMax {
		t.Errorf("%s: %d bytes were fetched again", c.name, r.Refetched)
	}
	if r.Requests != c.requests {
		t.Errorf("%s: %d requests, not %d", c.name, r.Requests, c.requests)
	}
}

// logged counts the requests for files in a server's access log.
func logged(t *testing.T, conf string) int64 {
	t.Helper()
	log := string(read(t, filepath.Join(conf, "access.log")))
	return int64(strings.Count(log, "GET /") - strings.Count(log, "GET /ready"))
}
