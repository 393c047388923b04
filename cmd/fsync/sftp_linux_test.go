package main

import (
	"io/fs"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

const sftpPassword = "sshSECRETpassword"

// sftpRun runs a pull against servers of package remotetest and returns its exit code and
// what it printed. A run that meets nothing but final errors ends soon, whatever --retries
// is.
func sftpRun(t *testing.T, env []string, args ...string) (code int, out, errs string) {
	t.Helper()
	cmd, stdout, stderr := command(t, append([]string{"pull", "--ssh-config", "none", "--retries", "9"}, args...)...)
	cmd.Env = append(cmd.Env, env...)
	began := time.Now()
	if err := cmd.Run(); err != nil {
		if _, ok := err.(*exec.ExitError); !ok {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it ended after %v", took)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

func putFile(s *remotetest.SFTPServer, name, content string) *url.URL {
	return s.Put(name, remotetest.File{Content: []byte(content), ModTime: then})
}

func keyed(s *remotetest.SFTPServer, args ...string) []string {
	return append([]string{"--known-hosts", s.KnownHosts(), "--identity", s.Identity()}, args...)
}

func listOf(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "list")
	put(t, name, []byte(strings.Join(lines, "\n")+"\n"))
	return name
}

// A directory that may not be read does not keep the others from being pulled.
func TestSFTPForbidden(t *testing.T) {
	t.Parallel()
	s := remotetest.NewSFTPServer(t)
	putFile(s, "pub/a", "one")
	putFile(s, "pub/sub/b", "two")
	putFile(s, "pub/secret/c", "three")
	putFile(s, "pub/sub/deep/secret\n/d", "four")
	s.Forbid("pub/secret")
	s.Forbid("pub/sub/deep/secret\n")
	dest := filepath.Join(t.TempDir(), "dest")
	code, out, errs := sftpRun(t, nil, keyed(s, "-d", dest, s.URL("pub/").String())...)
	if code != exitFailed || out != "" {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	for _, want := range []string{
		"fsync: secret: failed: sftp://" + s.Addr() + "/pub/secret: permission denied\n",
		"fsync: sub/deep/secret\\n: failed: sftp://" + s.Addr() + "/pub/sub/deep/secret\\n: permission denied\n",
		"fsync: 2 fetched, 2 failed; ",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q is missing in\n%s", want, errs)
		}
	}
	if string(read(t, filepath.Join(dest, "sub", "b"))) != "two" {
		t.Error("sub/b is wrong")
	}

	code, out, errs = sftpRun(t, nil, keyed(s, "-d", dest, "--json", s.URL("pub/").String())...)
	rs, sum := parseJSON(t, out)
	if r := rs["secret"]; code != exitFailed || errs != "" || r.Result != "failed" || r.Size != -1 || !strings.Contains(r.Reason, "permission denied") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if sum.Entries != 4 || sum.Results["failed"] != 2 || sum.Results["up-to-date"] != 2 || sum.Left != 0 {
		t.Errorf("the summary is %+v", sum)
	}

	// The directory itself, and one in which there is nothing else: no list.
	s.Forbid("none/at/all")
	for _, name := range []string{"pub/secret/", "none/"} {
		code, out, errs = sftpRun(t, nil, keyed(s, "-d", filepath.Join(t.TempDir(), "none"), s.URL(name).String())...)
		if code != exitUsage || out != "" || !strings.Contains(errs, "permission denied") {
			t.Errorf("%s: exit code %d\n%s%s", name, code, out, errs)
		}
	}
}

// A server may name files as it likes; those that lead out are not written.
func TestSFTPHostileNames(t *testing.T) {
	t.Parallel()
	s := remotetest.NewSFTPServer(t)
	putFile(s, "pub/good", "good")
	for _, name := range []string{".good.fsync", strings.Repeat("x", 256), "\x1b[31m.\u202e/.x.fsync"} {
		putFile(s, "pub/"+name, "bad")
	}
	s.Special("pub/fifo", fs.ModeNamedPipe)
	s.Symlink("pub/\x1b[31mlink", "/etc/passwd")
	dest := filepath.Join(t.TempDir(), "dest")
	code, out, errs := sftpRun(t, nil, keyed(s, "-d", dest, s.URL("pub/").String())...)
	if code != exitFailed || out != "" || strings.Contains(errs, "\x1b") || strings.Contains(errs, "\u202e") || strings.Count(errs, "failed: ") != 3 {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if !strings.Contains(errs, "warning: 2 names are no regular files") {
		t.Error(errs)
	}
	names, _ := filepath.Glob(filepath.Join(dest, "*"))
	if len(names) != 1 {
		t.Errorf("there are %q", names)
	}
}

// A file that may not be opened is asked for once.
func TestSFTPDenied(t *testing.T) {
	t.Parallel()
	s := remotetest.NewSFTPServer(t)
	putFile(s, "pub/a", "one")
	s.PutFaulty("pub/b", remotetest.File{Content: []byte("two"), ModTime: then}, remotetest.SFTPDenied())
	dest := filepath.Join(t.TempDir(), "dest")
	code, _, errs := sftpRun(t, nil, keyed(s, "-d", dest, "--base", s.URL("pub/").String(), listOf(t, "a", "b"))...)
	if code != exitFailed || !strings.Contains(errs, "fsync: b: failed: sftp://"+s.Addr()+"/pub/b: permission denied\n") || s.Opens("pub/b") != 1 {
		t.Errorf("exit code %d, asked for %d times\n%s", code, s.Opens("pub/b"), errs)
	}
}

// The password goes to one host: of --base, of LIST, or the only one of a list of the
// user's own.
func TestSFTPPassword(t *testing.T) {
	t.Parallel()
	servers := make([]*remotetest.SFTPServer, 2)
	var known []string
	for i := range servers {
		s := remotetest.NewSFTPServer(t)
		s.Configure(func(c *remotetest.SFTPConfig) { c.Password = sftpPassword })
		putFile(s, "pub/a", "one")
		known = append(known, "--known-hosts", s.KnownHosts())
		servers[i] = s
	}
	mine, other := servers[0], servers[1]
	pub := mine.URL("pub/").String()
	putFile(mine, "lists/list", "a\n"+other.URL("pub/a").String()+"\n  out=b\n")
	putFile(mine, "lists/own", mine.URL("pub/a").String()+"\n")
	web := t.TempDir()
	put(t, filepath.Join(web, "list"), []byte(mine.URL("pub/a").String()+"\n"))
	put(t, filepath.Join(web, "a"), []byte("of the web"))
	put(t, filepath.Join(web, "plain"), []byte("a\n"))
	site := serve(t, web, serverOptions{})

	for _, c := range []struct {
		name        string
		code        int
		args        []string
		says        string
		mine, other int // logins
	}{
		{"a walk", exitOK, []string{pub}, "1 fetched", 1, 0},
		{"a list there", exitOK, []string{mine.URL("lists/own").String()}, "1 fetched", 1, 0},
		{"a base", exitOK, []string{"--base", pub, listOf(t, "a")}, "1 fetched", 1, 0},
		{"the only host", exitOK, []string{listOf(t, mine.URL("pub/a").String())}, "1 fetched", 1, 0},
		{"the only host, and the web", exitOK, []string{listOf(t, mine.URL("pub/a").String(), site.url+"/plain")}, "2 fetched", 1, 0},
		{"no SSH at all", exitOK, []string{site.url + "/plain"}, "1 fetched", 0, 0},
		{"several hosts", exitUsage, []string{listOf(t, mine.URL("pub/a").String(), other.URL("pub/a").String()+"\n  out=b")}, "several SSH hosts", 0, 0},
		{"several hosts and a base", exitFailed, []string{"--base", pub, listOf(t, "a", other.URL("pub/a").String()+"\n  out=b")}, "fsync: b: failed: cannot log in", 1, 0},
		{"a list that names another host", exitUsage, []string{"--base", pub, mine.URL("lists/list").String()}, "it may name no SSH login but", 1, 0},
		{"a list of the web", exitUsage, []string{site.url + "/list"}, "it may name no SSH login but", 0, 0},
		{"a list of the web and a base", exitOK, []string{"--base", pub, site.url + "/list"}, "1 fetched", 1, 0},
	} {
		before := []int{mine.Logins(), other.Logins()}
		dest := filepath.Join(t.TempDir(), "dest")
		code, out, errs := sftpRun(t, []string{passwordVariable + "=" + sftpPassword}, append(append(known, "-d", dest), c.args...)...)
		if code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit code %d, not %d\n%s%s", c.name, code, c.code, out, errs)
		}
		if got := mine.Logins() - before[0]; got != c.mine {
			t.Errorf("%s: %d logins", c.name, got)
		}
		if got := other.Logins() - before[1]; got != c.other {
			t.Errorf("%s: %d logins at the other host", c.name, got)
		}
		if strings.Contains(out+errs, sftpPassword) {
			t.Errorf("%s: the password is shown\n%s%s", c.name, out, errs)
		}
	}

	// One in a URL goes with that URL; a wrong one is tried once.
	with := *mine.URL("pub/a")
	with.User = url.UserPassword(remotetest.SFTPUser, sftpPassword)
	code, out, errs := sftpRun(t, nil, append(known, "-v", "-d", filepath.Join(t.TempDir(), "dest"), listOf(t, with.String()))...)
	if code != exitOK || strings.Contains(out+errs, sftpPassword) {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	for _, args := range [][]string{{pub}, {mine.URL("lists/own").String()}} {
		code, _, errs = sftpRun(t, []string{passwordVariable + "=wrongSECRET"}, append(known, args...)...)
		if code != exitUsage || !strings.Contains(errs, "cannot log in") || strings.Contains(errs, "wrongSECRET") {
			t.Errorf("exit code %d\n%s", code, errs)
		}
	}
}

// A header is not bound by a list that came over SFTP either.
func TestSFTPListHeader(t *testing.T) {
	t.Parallel()
	web := t.TempDir()
	put(t, filepath.Join(web, "a"), []byte("one"))
	site := serve(t, web, serverOptions{})
	s := remotetest.NewSFTPServer(t)
	putFile(s, "list", site.url+"/a\n")
	code, _, errs := sftpRun(t, nil, keyed(s, "--header", "X-Key: "+secretHeader, s.URL("list").String())...)
	if code != exitUsage || !strings.Contains(errs, "the list came over the network") || strings.Contains(errs, secretHeader) || len(site.requests()) != 0 {
		t.Errorf("exit code %d, %d requests\n%s", code, len(site.requests()), errs)
	}
	dest := filepath.Join(t.TempDir(), "dest")
	code, _, errs = sftpRun(t, nil, keyed(s, "-d", dest, "--header", site.url+"=X-Key: "+secretHeader, s.URL("list").String())...)
	if code != exitOK || len(site.requests()) != 1 {
		t.Errorf("exit code %d\n%s", code, errs)
	}
}

// Nothing that is secret is printed, whatever goes wrong.
func TestSFTPLeaks(t *testing.T) {
	t.Parallel()
	s := remotetest.NewSFTPServer(t)
	putFile(s, "pub/a", "one")
	putFile(s, "list", "pub/a\nnone\n")
	with := func(addr, path string) string {
		return (&url.URL{Scheme: "sftp", User: url.UserPassword(remotetest.SFTPUser, secretPass), Host: addr, Path: path}).String()
	}
	here, dead := s.Addr(), "127.0.0.1:1"
	for _, c := range []struct {
		name string
		code int
		args []string
	}{
		{"well", exitOK, []string{listOf(t, with(here, "/pub/a"))}},
		{"ill", exitFailed, []string{listOf(t, with(here, "/none"), with(dead, "/x"))}},
		{"list", exitFailed, []string{with(here, "/list")}},
		{"walk", exitOK, []string{with(here, "/pub/")}},
		{"no list", exitUsage, []string{with(here, "/none")}},
		{"no directory", exitUsage, []string{with(here, "/none/")}},
		{"a directory", exitUsage, []string{with(here, "/pub")}},
		{"a query", exitUsage, []string{"sftp://u:" + secretPass + "@" + here + "/a?x=" + secretToken}},
		{"a query in a list", exitUsage, []string{listOf(t, "sftp://u:"+secretPass+"@"+here+"/a?x="+secretToken)}},
		{"a query of a base", exitUsage, []string{"--base", "sftp://u:" + secretPass + "@" + here + "/?x=" + secretToken, listOf(t, "a")}},
		{"no URL", exitUsage, []string{"sftp://u:" + secretPass + "@[::bad/"}},
		{"as rsync does not", exitUsage, []string{"u:" + secretPass + "@host:x"}},
		{"a dash", exitUsage, []string{"--base", "sftp://-" + secretUser + ":" + secretPass + "@host/", listOf(t, "a")}},
		{"two lists", exitUsage, []string{secretUser + "@host:x", with(here, "/list")}},
		{"two lists, as rsync", exitUsage, []string{"list", secretUser + "@host:x"}},
		{"no user", exitUsage, []string{"-" + secretUser + "@host:x"}},
		{"modules", exitUsage, []string{listOf(t, secretUser+"@host::x")}},
	} {
		for _, how := range []string{"-v", "--json"} {
			dest := filepath.Join(t.TempDir(), "dest")
			args := append(keyed(s, "-d", dest, "--timeout", "2s", "--retries", "0", how), c.args...)
			code, out, errs := sftpRun(t, nil, args...)
			if code != c.code {
				t.Errorf("%s: exit code %d, not %d\n%s%s", c.name, code, c.code, out, errs)
			}
			noSecret(t, c.name, out+errs)
		}
	}
}
