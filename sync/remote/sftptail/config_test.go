package sftptail

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsync/sync/remote"
)

// described is a target in one line each: what it is and how it is reached.
func described(t *target, home string) string {
	var parts []string
	for _, hop := range t.jumps {
		parts = append(parts, hop.user+"@"+hop.addr()+" >")
	}
	parts = append(parts, t.user+"@"+t.addr())
	if t.alias != "" {
		parts = append(parts, "alias "+t.alias)
	}
	for _, id := range t.identities {
		if !id.usual {
			parts = append(parts, "key "+id.file)
		}
	}
	for _, file := range t.certificates {
		parts = append(parts, "cert "+file)
	}
	if t.identitiesOnly {
		parts = append(parts, "only")
	}
	if t.agent != "SOCK" {
		parts = append(parts, "agent "+t.agent)
	}
	return strings.TrimSpace(strings.ReplaceAll(strings.Join(parts, " "), home, "HOME"))
}

func TestConfigResolve(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, config, url, want string }{
		{"nothing", "", "sftp://h/", "me@h:22"},
		{"url", "User c\nPort 1\n", "sftp://u@h:33/", "u@h:33"},
		{"ipv6", "", "sftp://[::1]:33/", "me@[::1]:33"},
		{"host name", "Host h\n\tHostName %h.example%%\n", "sftp://h/", "me@h.example%:22"},
		{"first counts", "Host h\nPort 1\nUser a\nHost *\nPort 2\nUser b\n", "sftp://h/", "a@h:1"},
		{"equals, tabs, case", "hOsT = x\th\n\tport=5\nUSER\t= \"a\"  # why\n", "sftp://h/", "a@h:5"},
		{"patterns", "Host a?c !abc\nPort 1\nHost a*\nPort 2\n", "sftp://abc/", "me@abc:2"},
		{"pattern", "Host a?c !abc\nPort 1\nHost a*\nPort 2\n", "sftp://axc/", "me@axc:1"},
		{"question mark is one", "Host h?\nPort 1\n", "sftp://h/", "me@h:22"},
		{"number sign in quotes", "IdentityFile \"~/a#b c\"\n", "sftp://h/", "me@h:22 key HOME/a#b c"},
		{"no end of line", "Port 7", "sftp://h/", "me@h:7"},
		{"carriage returns", "Host h\r\nPort 7\r\n", "sftp://h/", "me@h:7"},
		{"match", "Match host=h,i user me\nPort 1\n", "sftp://h/", "me@h:1"},
		{"match another user", "Match host h user b\nPort 1\n", "sftp://b/", "me@b:22"},
		{"match sees HostName", "HostName x.y\nMatch host x.*\nPort 1\nMatch originalhost h !localuser you\nUser q\n", "sftp://h/", "q@x.y:1"},
		{"match not all", "Match !all\nPort 1\n", "sftp://h/", "me@h:22"},
		{"match exec", "Match host h exec \"true a\"\nPort 1\nMatch all\nPort 2\n", "sftp://h/", "me@h:2"},
		{"match final", "Match final all\nPort 1\nHost *\nPort 2\n", "sftp://h/", "me@h:2"},
		{"keys", "IdentityFile ~/%h-%n-%p-%r-%u%%\nIdentityFile %d/b\nCertificateFile ${HOME}/c\nHostName real\nIdentitiesOnly yes\n", "sftp://u@h:4/", "u@real:4 key HOME/real-h-4-u-me% key HOME/b cert HOME/c only"},
		{"no keys", "IdentityFile none\n", "sftp://h/", "me@h:22"},
		{"key of unknown token", "IdentityFile ~/%C\nIdentityFile ~/b\n", "sftp://h/", "me@h:22 key HOME/b"},
		{"agent", "IdentityAgent ~/a.sock\n", "sftp://h/", "me@h:22 agent HOME/a.sock"},
		{"agent none", "IdentityAgent none\n", "sftp://h/", "me@h:22 agent"},
		{"agent of the environment", "IdentityAgent SSH_AUTH_SOCK\n", "sftp://h/", "me@h:22"},
		{"agent of a variable", "IdentityAgent $OTHER\n", "sftp://h/", "me@h:22 agent"},
		{"alias", "HostKeyAlias real\n", "sftp://h/", "me@h:22 alias real"},
		{"jump", "Host h\nProxyJump j\nHost j\nUser ju\nHostName jj\n", "sftp://h/", "ju@jj:22 > me@h:22"},
		{"jumps", "Host h\nProxyJump a,b@c:3,ssh://d:4,[::1]:5\nHost a\nProxyJump z\nHost c\nProxyJump y\n", "sftp://h/", "me@z:22 > me@a:22 > b@c:3 > me@d:4 > me@[::1]:5 > me@h:22"},
		{"jump none", "Host h\nProxyJump none\nHost *\nProxyJump j\n", "sftp://h/", "me@h:22"},
		{"jump before command", "ProxyJump none\nProxyCommand nc %h %p\n", "sftp://h/", "me@h:22"},
		{"command none", "Host h\nProxyCommand none\nHost *\nProxyCommand nc\n", "sftp://h/", "me@h:22"},
		{"include", "Include conf.d/*\nPort 9\n", "sftp://h/", "inc@h:1"},
		{"include in a host", "Host x\nInclude conf.d/*\nHost h\nPort 9\n", "sftp://h/", "me@h:9"},
		{"the host goes on after include", "Host h\nInclude conf.d/hosts\nUser q\n", "sftp://h/", "q@h:22"},
		{"unknown words", "Ciphers +x\nStrictHostKeyChecking no\nFoo\n\"\n=x\n", "sftp://h/", "me@h:22"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			file := writeTest(t, 0o600, row.config, home, ".ssh", "config")
			writeTest(t, 0o600, "User inc\nPort 1\nMatch exec x\nPort 3\n", home, ".ssh", "conf.d", "a")
			writeTest(t, 0o600, "Host other\nUser o\n", home, ".ssh", "conf.d", "hosts")
			l := newLogins(Options{Home: home, User: "me", Agent: "SOCK", ConfigFiles: []string{filepath.Join(home, "none"), file}})
			u, err := url.Parse(row.url)
			if err != nil {
				t.Fatal(err)
			}
			got, err := l.resolve(u)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(row.want, described(got, home)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, config, host, want string }{
		{"command", "Host h\n ProxyCommand nc %h %p\n", "h", "config:2: h is reached by a ProxyCommand"},
		{"command of a jump", "Host h\nProxyJump j\nHost j\nProxyCommand nc\n", "h", "--ssh-command ssh"},
		{"revoked keys", "RevokedHostKeys /x\n", "h", "config:1: revoked host keys"},
		{"loop", "ProxyJump j\n", "h", "circle"},
		{"longer loop", "Host h\nProxyJump a\nHost a\nProxyJump b\nHost b\nProxyJump a\n", "h", "circle"},
		{"too many", "Host h\nProxyJump a,b,c,d,e,f,g,i,j\n", "h", "more than 8"},
		{"endless", "Host *\nProxyJump x%n\n", "h", "more than 8"},
		{"a name that grows", "ProxyJump %n%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n\n", "h", "longer than 255 bytes"},
		{"quote", "Host \"h\nPort 1\n", "h", "config:1: a quote does not end"},
		{"no value", "\n\nPort\n", "h", "config:3: port has no value"},
		{"two values", "Port 1 2\n", "h", "config:1: port has more than one value"},
		{"port", "Port ssh\n", "h", `"ssh" is no port`},
		{"port 0", "Port 0\n", "h", "no port"},
		{"match without a value", "Match host\n", "h", "config:1: match host has no value"},
		{"include itself", "Include config\nInclude config\n", "h", "deeper than 16"},
		{"host is an option", "", "-oProxyCommand=x", "begins with a dash"},
		{"host of more than one", "", "a,b", "no host has"},
		{"HostName is an option", "HostName -x\n", "h", "begins with a dash"},
		{"user is an option", "User -x\n", "h", "begins with a dash"},
		{"user with a blank", "User \"a b\"\n", "h", "blanks"},
		{"control character", "HostName a\x1bb\n", "h", "control"},
		{"token", "HostName %x\n", "h", "the token %x is not supported"},
		{"known hosts by a variable", "UserKnownHostsFile ${X}/known\n", "h", "config:1: variables"},
		{"flag", "IdentitiesOnly maybe\n", "h", "neither yes nor no"},
		{"jump is an option", "ProxyJump -x\n", "h", "begins with a dash"},
		{"jump's user is an option", "ProxyJump -x@j\n", "h", "begins with a dash"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			file := writeTest(t, 0o600, row.config, home, ".ssh", "config")
			l := newLogins(Options{Home: home, User: "me", ConfigFiles: []string{file}})
			_, err := l.resolve(&url.URL{Scheme: "sftp", Host: row.host})
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("%v, want %q", err, row.want)
			}
			if e, ok := errors.AsType[*remote.Error](err); !ok || e.Kind != remote.Final {
				t.Errorf("%T is not final", err)
			}
		})
	}
}

func TestConfigUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // can be opened and not be read
	_, err := newLogins(Options{User: "me", ConfigFiles: []string{dir}}).resolve(&url.URL{Scheme: "sftp", Host: "h"})
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
}

// TestConfigNoHome: without a home what lies there is passed over.
func TestConfigNoHome(t *testing.T) {
	t.Parallel()
	file := writeTest(t, 0o600, "Include ~/x\nInclude y\nIdentityFile ~/k\nUserKnownHostsFile ~/a /b\n", t.TempDir(), "config")
	writeTest(t, 0o600, "Port 5\n", filepath.Dir(file), "y")
	got, err := newLogins(Options{User: "me", ConfigFiles: []string{file}}).resolve(&url.URL{Scheme: "sftp", Host: "h"})
	if err != nil {
		t.Fatal(err)
	}
	if got.port != "5" || len(got.identities) != 0 || len(got.notes) != 1 || !cmp.Equal(got.knownHosts, []string{"/b"}) {
		t.Errorf("%+v", got)
	}
}

func TestConfigKnownHosts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		config       string
		given        []string
		user, global []string
	}{
		{"", nil, []string{"HOME/.ssh/known_hosts", "HOME/.ssh/known_hosts2"}, globalKnownHosts},
		{"UserKnownHostsFile ~/a \"/b c\" /%h\nGlobalKnownHostsFile /g\n", nil, []string{"HOME/a", "/b c", "/h"}, []string{"/g"}},
		{"UserKnownHostsFile none\nGlobalKnownHostsFile none\n", nil, nil, nil},
		{"UserKnownHostsFile ~/a\n", []string{"/x"}, []string{"/x"}, globalKnownHosts},
	} {
		home := t.TempDir()
		file := writeTest(t, 0o600, row.config, home, "config")
		l := newLogins(Options{Home: home, User: "me", ConfigFiles: []string{file}, KnownHosts: row.given})
		got, err := l.resolve(&url.URL{Scheme: "sftp", Host: "h"})
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.knownHosts {
			got.knownHosts[i] = filepath.ToSlash(strings.ReplaceAll(got.knownHosts[i], home, "HOME"))
		}
		if d := cmp.Diff(row.user, got.knownHosts); d != "" {
			t.Errorf("%q: %s", row.config, d)
		}
		if d := cmp.Diff(row.global, got.global); d != "" {
			t.Errorf("%q: %s", row.config, d)
		}
	}
}

// TestConfigWarnings: a Match that cannot be judged is told of once, and only if it would
// have set something.
func TestConfigWarnings(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	file := writeTest(t, 0o600, "Match final all\nCiphers x\n\nMatch exec \"a b\"\nPort 1\nUser x\nMatch host other exec y\nPort 3\n", home, "config")
	var warnings []string
	l := newLogins(Options{Home: home, User: "me", ConfigFiles: []string{file}, Warn: func(text string) { warnings = append(warnings, text) }})
	for range 2 {
		if _, err := l.resolve(&url.URL{Scheme: "sftp", Host: "h"}); err != nil {
			t.Fatal(err)
		}
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "config:4") {
		t.Errorf("%q", warnings)
	}
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"", "Host h\nPort 1\n", "Host a?c !abc *\nHostName %h\n", "Match host h exec \"x\" user u\nUser v", "Match =\nMatch !\nMatch all",
		"ProxyJump a@b:1,[::1]:2,ssh://c\n", "IdentityFile \"a\\\" b\" # c\nCertificateFile ~", "Include *\nInclude \\\n", "= =\n==\n'\n\"", "UserKnownHostsFile none x\nPort=%\n",
		"ProxyJump %h%\nHostName ***\nHost [\n", "\xff\xfe\x00Host \x80\r\n",
	} {
		f.Add(seed, "h")
	}
	f.Add("ProxyJump %n%n\n", "x")
	home := f.TempDir()
	f.Fuzz(func(t *testing.T, config, host string) {
		if strings.Contains(strings.ToLower(config), "include") && strings.ContainsAny(config, "/~\\") {
			t.Skip("other files are none of its business")
		}
		file := filepath.Join(home, "config")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		l := newLogins(Options{Home: filepath.Join(home, "none"), User: "me", ConfigFiles: []string{file}})
		got, err := l.resolve(&url.URL{Scheme: "sftp", Host: host})
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b\x00") {
				t.Errorf("%q", err)
			}
			return
		}
		for _, hop := range append(got.jumps, got) {
			if hop.host == "" || hop.user == "" || hop.port == "" || hop.host[0] == '-' || hop.user[0] == '-' || hop.jumps != nil && hop != got {
				t.Errorf("%+v", hop)
			}
		}
		if len(got.jumps) > mostJumps {
			t.Errorf("%d jumps", len(got.jumps))
		}
	})
}
