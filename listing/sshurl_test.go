package listing

import (
	"net/url"
	"strings"
	"testing"
)

// sshCases are on the command line; inLists says what a list makes of the same: "" is the
// same, "-" no such place.
var sshCases = []struct{ text, want, err, inLists string }{
	{"host:x", "sftp://host/~/x", "", "-"},
	{"bob@host:x", "sftp://bob@host/~/x", "", ""},
	{"bob@host:/srv/x", "sftp://bob@host/srv/x", "", ""},
	{"bob@host:/", "sftp://bob@host/", "", ""},
	{"bob@host:", "sftp://bob@host/~/", "", ""},
	{"bob@host:dir/", "sftp://bob@host/~/dir/", "", ""},
	{"bob@host:.", "sftp://bob@host/~/", "", ""},
	{"bob@host:dir/.", "sftp://bob@host/~/dir/", "", ""},
	{"bob@host:/.", "sftp://bob@host/", "", ""},
	{"bob@host:./x", "sftp://bob@host/~/./x", "", ""},
	{"bob@host:~", "sftp://bob@host/~/", "", ""},
	{"bob@host:~/", "sftp://bob@host/~/", "", ""},
	{"bob@host:~/x", "sftp://bob@host/~/x", "", ""},
	{"bob@host:~//", "sftp://bob@host/~/", "", ""},
	{"bob@host:~//etc/x", "sftp://bob@host/~/etc/x", "", ""},
	{"bob@host:x/~/y", "sftp://bob@host/~/x/~/y", "", ""},
	{"bob@host:/~/x", "sftp://bob@host//~/x", "", ""},
	{"bob@host:/~", "sftp://bob@host//~", "", ""},
	{"bob@host:/~x", "sftp://bob@host/~x", "", ""},
	{"bob@host:../x", "sftp://bob@host/~/../x", "", ""},

	{"bob@host:a b?c#d%41+e.txt ", "sftp://bob@host/~/a%20b%3Fc%23d%2541%2Be.txt%20", "", ""},
	{"bob@host:\xff\n", "sftp://bob@host/~/%FF%0A", "", ""},
	{"bob@host:a:b@c", "sftp://bob@host/~/a:b@c", "", ""},
	{"bob@host:c@d:e", "sftp://bob@host/~/c@d:e", "", ""},

	{"me@corp@host:x", "sftp://me%40corp@host/~/x", "", ""},
	{`corp\me@host:x`, "sftp://corp%5Cme@host/~/x", "", ""},
	{"a%b@host:x", "sftp://a%25b@host/~/x", "", ""},
	{"bob@Host_1.example-2:x", "sftp://bob@Host_1.example-2/~/x", "", ""},
	{"bob@10.0.0.1:x", "sftp://bob@10.0.0.1/~/x", "", ""},
	{"bob@[::1]:x", "sftp://bob@[::1]/~/x", "", ""},
	{"[2001:db8::1]:/x", "sftp://[2001:db8::1]/x", "", "-"},
	{"bob@[fe80::1%eth0]:x", "sftp://bob@[fe80::1%25eth0]/~/x", "", ""},

	// Not meant as such.
	{"", "", "", ""},
	{"x", "", "", ""},
	{"./a:b", "", "", ""},
	{"a/b:c", "", "", ""},
	{"a@b/c:d", "", "", ""},
	{":x", "", "", ""},
	{"@:x", "", "", ""},
	{"bob@:x", "", "", ""},
	{"@host:x", "", "", ""},
	{"bob@host", "", "", ""},
	{"[::1", "", "", ""},
	{"[a/b]:x", "", "", ""},
	{"http://host/x", "", "", ""},
	{"sftp://bob@host:22/x", "", "", ""},
	{"a.b+c-d://x", "", "", ""},

	// Meant as such, and wrong.
	{"a b:c", "", `"a b" is no host name (a local file of that name is written ./NAME)`, "-"},
	{"[x]:c", "", `"[x]" is no host name (a local file of that name is written ./NAME)`, "-"},
	{"[10.0.0.1]:c", "", `"[10.0.0.1]" is no host name (a local file of that name is written ./NAME)`, "-"},
	{"bob@[::1]x:c", "", `"[::1]x" is no host name (a local file of that name is written ./NAME)`, "-"},
	{"-oProxyCommand=x:c", "", `"-oProxyCommand=x" is no host name (a local file of that name is written ./NAME)`, "-"},
	{"bob@-host:c", "", `"-host" is no host name (a local file of that name is written ./NAME)`, "-"},
	{"bob@hö:c", "", `"hö" is no host name (a local file of that name is written ./NAME)`, "-"},
	{"-bob@host:c", "", "what stands ahead of @host is no user name (a local file of that name is written ./NAME)", "-"},
	{"me and bob@host:c", "", "what stands ahead of @host is no user name (a local file of that name is written ./NAME)", "-"},
	{"bob@host::mod/x", "", "host::… is a module of an rsync daemon, which cannot be pulled from: host:PATH goes over SSH", ""},
	{"host::mod", "", "host::… is a module of an rsync daemon, which cannot be pulled from: host:PATH goes over SSH", "-"},
	{"bob@host:~ann/x", "", "host:~USER: where another user's home directory is, only a shell knows: give its path", ""},
	{"bob@host:a\x00b", "", "the path has a NUL byte", ""},
	{"bob:secret@host:x", "", "a password is not given like that, but by FSYNC_SSH_PASSWORD (a name with @ and : is written HOST:./NAME)", "-"},
	{"bob:./secret@host:x", "sftp://bob/~/./secret@host:x", "", "-"},
}

func TestSSHURL(t *testing.T) {
	t.Parallel()
	for _, c := range sshCases {
		for _, inList := range []bool{false, true} {
			want, wantErr := c.want, c.err
			if inList && c.inLists == "-" {
				want, wantErr = "", ""
			}
			u, ok, err := sshURL(c.text, inList, false)
			if ok != (want != "" || wantErr != "") || (u != nil) != (want != "") {
				t.Errorf("%q (in a list: %v): got %v, %v, %v", c.text, inList, u, ok, err)
				continue
			}
			if u != nil && u.String() != want {
				t.Errorf("%q: got %s, want %s", c.text, u, want)
			}
			if (err != nil) != (wantErr != "") || err != nil && err.Error() != wantErr {
				t.Errorf("%q: got error %v, want %q", c.text, err, wantErr)
			}
		}
	}
}

func TestSSHURLDrives(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{`c:\x`: false, "C:x": false, "c:": false, "1:x": true, "bob@c:x": true, "cc:x": true} {
		if _, ok, err := sshURL(text, false, true); ok != want || err != nil {
			t.Errorf("%q: got %v, error %v, want %v", text, ok, err, want)
		}
		if _, ok, err := sshURL(text, false, false); !ok || err != nil {
			t.Errorf("%q, where there are no drives: got %v, error %v", text, ok, err)
		}
	}
}

// FuzzSSHURL holds that the URL is the text, in other words: its parts are found in the
// text again, whatever escapes were needed.
func FuzzSSHURL(f *testing.F) {
	for _, c := range sshCases {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, ok, err := sshURL(text, false, false)
		if (u != nil) != (ok && err == nil) {
			t.Fatalf("%q: %v, %v, %v", text, u, ok, err)
		}
		listed, inList, listErr := sshURL(text, true, false)
		if inList && (!ok || (listErr == nil) != (err == nil) || listErr == nil && listed.String() != u.String()) {
			t.Errorf("%q: in a list %v, %v; else %v, %v, %v", text, listed, listErr, u, ok, err)
		}
		if u == nil {
			return
		}
		again, err := url.Parse(u.String())
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if again.Host != u.Host || again.Path != u.Path || again.User.String() != u.User.String() || again.RawQuery != "" || again.Fragment != "" {
			t.Errorf("%q: %#v, then %#v", text, u, again)
		}
		prefix := u.Host + ":"
		if u.User != nil {
			prefix = u.User.Username() + "@" + prefix
		}
		rest, found := strings.CutPrefix(text, prefix)
		home, isHome := strings.CutPrefix(u.Path, "/~/")
		same := u.Path
		if isHome {
			same = home
			if below, ok := strings.CutPrefix(rest, "~"); ok {
				rest = strings.TrimLeft(below, "/")
			}
		}
		if rest == "." || strings.HasSuffix(rest, "/.") {
			rest = rest[:len(rest)-1]
		}
		if !found || same != rest && same != "/"+rest {
			t.Errorf("%q: %s", text, u)
		}
		if err := checkSSH(u); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}
