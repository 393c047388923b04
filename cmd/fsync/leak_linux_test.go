package main

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fsync/sync/remote/remotetest"
)

// What must never be seen. Each is spelled so that no escape changes it.
const (
	secretUser   = "userSECRETname"
	secretPass   = "passSECRETword"
	secretToken  = "tokenSECRETvalue"
	secretHeader = "headerSECRETvalue"
)

// TestLeaks pulls with every kind of secret, well and ill, and looks for them in all that
// is printed and in every extended attribute.
func TestLeaks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "good"), remotetest.Content(1, 100_000))
	put(t, filepath.Join(dir, "bad"), remotetest.Content(2, 100_000))
	put(t, filepath.Join(dir, "list"), []byte("good\nnone\n"))
	files := serve(t, dir, serverOptions{})
	cut := serve(t, dir, serverOptions{cut: 50_000})
	odd := httptest.NewServer(http.HandlerFunc(oddAnswers))
	t.Cleanup(odd.Close)

	with := func(base, path string) string {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(secretUser, secretPass)
		u.Path = "/" + path
		u.RawQuery = "X-Amz-Signature=" + secretToken
		return u.String()
	}
	list := func(lines ...string) string {
		name := filepath.Join(t.TempDir(), "list")
		put(t, name, []byte(strings.Join(lines, "\n")+"\n"))
		return name
	}
	dead := "http://127.0.0.1:1"
	dest := filepath.Join(t.TempDir(), "dest")
	put(t, filepath.Join(dest, "bad"), remotetest.Content(3, 90_000)) // a conflict
	runs := []struct {
		name string
		code int
		args []string
	}{
		{"well", exitOK, []string{list(with(files.url, "good"))}},
		{"again", exitOK, []string{list(with(files.url, "good"))}},
		{"ill", exitFailed, []string{list(with(files.url, "none"), with(files.url, "bad"), with(dead, "dead"))}},
		{"cut", exitFailed, []string{list(with(cut.url, "good2")+"\n  out=x", with(cut.url, "bad")+"\n  out=part")}},
		{"odd", exitFailed, []string{list(with(odd.URL, "redirect"), with(odd.URL, "loop"), with(odd.URL, "scheme"), with(odd.URL, "nowhere"), with(odd.URL, "status"), with(odd.URL, "garbage"))}},
		{"mirrors", exitFailed, []string{list(with(files.url, "none") + "\t" + with(dead, "none"))}},
		{"base", exitOK, []string{"--base", with(files.url, ""), list("good")}},
		{"list", exitFailed, []string{with(files.url, "list")}},
		{"no list", exitUsage, []string{with(files.url, "none")}},
		{"dead list", exitUsage, []string{with(dead, "list")}},
		{"not a URL", exitUsage, []string{"http://" + secretUser + ":" + secretPass + "@[::bad/?t=" + secretToken}},
		{"bad base", exitUsage, []string{"--base", "http://" + secretUser + ":" + secretPass + "@/?t=" + secretToken, list("good")}},
		{"bad port", exitUsage, []string{"--base", "http://" + secretUser + ":" + secretPass + "@host:port/?t=" + secretToken, list("good")}},
		{"bad URLs", exitUsage, []string{list("http://"+secretUser+":"+secretPass+"@host:port/x?t="+secretToken, "ftp://"+secretUser+":"+secretPass+"@host/x?t="+secretToken, with(files.url, ""))}},
		{"several origins", exitUsage, []string{list(with(files.url, "good"), with(dead, "dead"))}},
		{"two lists", exitFailed, []string{with(files.url, "list"), with(files.url, "list")}},
		{"a scheme", exitUsage, []string{strings.Replace(with(files.url, "list"), "http", "gopher", 1)}},
	}
	for _, run := range runs {
		for _, how := range [][]string{{"-v"}, {"--json"}, {"-n", "-v"}} {
			args := append([]string{"pull", "-d", dest, "--retries", "0", "--timeout", "5s", "--header", "X-Key: " + secretHeader}, how...)
			if run.name == "ill" || run.name == "mirrors" {
				args = append(args, "--base", files.url) // else they name several origins
			}
			cmd, out, errs := command(t, append(args, run.args...)...)
			cmd.Run()
			code := cmd.ProcessState.ExitCode()
			if code != run.code && how[0] != "-n" {
				t.Errorf("%s: exit code %d, not %d\n%s%s", run.name, code, run.code, out, errs)
			}
			noSecret(t, run.name+" "+how[0], out.String()+errs.String())
		}
	}
	attributes := 0
	filepath.WalkDir(dest, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		noSecret(t, "a name", name)
		for attr, value := range xattrs(t, name) {
			attributes++
			noSecret(t, name, attr+"="+value)
		}
		return nil
	})
	if attributes < 2 {
		t.Errorf("%d attributes were looked at", attributes)
	}
}

// oddAnswers are such as make a client complain, with secrets in them.
func oddAnswers(w http.ResponseWriter, r *http.Request) {
	secret := "?X-Amz-Signature=" + secretToken
	to := func(location string) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	}
	switch r.URL.Path {
	case "/redirect":
		to("/gone" + secret)
	case "/loop":
		to("/loop" + secret)
	case "/scheme":
		to("ftp://" + secretUser + ":" + secretPass + "@host/" + secret)
	case "/nowhere":
		to("http://" + secretUser + ":" + secretPass + "@127.0.0.1:1/x" + secret)
	case "/status":
		w.WriteHeader(http.StatusForbidden)
	case "/garbage":
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Range: bytes x\r\nContent-Length: x\r\n\r\n"))
			conn.Close()
		}
	default:
		http.NotFound(w, r)
	}
}

func noSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range []string{secretUser, secretPass, secretToken, secretHeader} {
		if i := strings.Index(text, s); i >= 0 {
			t.Errorf("%s: a secret is shown: …%s…", where, text[max(0, i-80):min(len(text), i+80)])
		}
	}
}

// xattrs returns a file's extended attributes.
func xattrs(t *testing.T, name string) map[string]string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(name, buf)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for attr := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		if attr == "" {
			continue
		}
		value := make([]byte, 4096)
		m, err := unix.Lgetxattr(name, attr, value)
		if err != nil {
			t.Fatal(err)
		}
		all[attr] = string(value[:m])
	}
	return all
}
