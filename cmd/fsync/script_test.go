//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"fsync/sync/local"
	"fsync/sync/remote/remotetest"
)

// commands are what the test binary is under other names.
var commands = map[string]func(){"fsync": main}

// TestMain makes the test binary be the command, too: under the name fsync, which is
// found in PATH, it runs main.
func TestMain(m *testing.M) {
	testscript.Main(m, commands)
}

// then is the modification time of what the servers serve: long ago, a whole second.
var then = time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, ".home")
			e.Setenv("HOME", home)
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			e.Values[serversKey{}] = make(map[string]*fileServer)
			return os.Mkdir(home, 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    cmdExits,
			"serve":    cmdServe,
			"requests": cmdRequests,
			"forget":   cmdForget,
			"randfile": cmdRandfile,
			"trunc":    cmdTrunc,
			"cmpsize":  cmdCmpsize,
			"mtime":    cmdMtime,
			"names":    cmdNames,
			"lock":     cmdLock,
			"mkfifo":   cmdMkfifo,
			"link":     cmdLink,
			"json":     cmdJSON,
			"sshd":     cmdSSHD,
		},
		Condition: condition,
	})
}

// usage ends a script that calls a command wrongly.
func usage(ts *testscript.TestScript, ok bool, text string) {
	if !ok {
		ts.Fatalf("usage: %s", text)
	}
}

func number(ts *testscript.TestScript, s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	ts.Check(err)
	return n
}

// cmdExits runs a command that must end with that exit code.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "exits CODE COMMAND [ARG…]")
	want, code := int(number(ts, args[0])), 0
	err := ts.Exec(args[1], args[2:]...)
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		code = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, not %d", code, want)
	}
}

// cmdServe starts a server over a directory. VAR (URL) becomes its URL, with a slash.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	const text = "serve [-cut N] [-norange] [-noetag] [-rate N] [-close] DIR [VAR]"
	var o serverOptions
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-norange":
			o.noRange = true
		case "-noetag":
			o.noETag = true
		case "-close":
			o.unframed = true
		case "-cut", "-rate":
			usage(ts, len(args) > 1, text)
			if args[0] == "-cut" {
				o.cut = number(ts, args[1])
			} else {
				o.rate = number(ts, args[1])
			}
			args = args[1:]
		default:
			usage(ts, false, text)
		}
		args = args[1:]
	}
	usage(ts, !neg && (len(args) == 1 || len(args) == 2), text)
	variable := "URL"
	if len(args) == 2 {
		variable = args[1]
	}
	dir := ts.MkAbs(args[0])
	ts.Check(age(dir))
	s, err := startServer(dir, o)
	ts.Check(err)
	ts.Defer(s.close)
	ts.Setenv(variable, s.url+"/")
	servers(ts)[variable] = s
}

// serversKey is where a script keeps its servers, by variable.
type serversKey struct{}

func servers(ts *testscript.TestScript) map[string]*fileServer {
	return ts.Value(serversKey{}).(map[string]*fileServer)
}

// age gives what was made just now a modification time that tells versions apart.
func age(dir string) error {
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		fi, err := e.Info()
		if err != nil || time.Since(fi.ModTime()) > time.Hour {
			return err
		}
		return os.Chtimes(name, then, then)
	})
}

// cmdRequests counts the requests whose line in the server's log a regular expression
// matches.
func cmdRequests(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && (len(args) == 2 || len(args) == 3), "requests N REGEXP [VAR]")
	variable := "URL"
	if len(args) == 3 {
		variable = args[2]
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	log := servers(ts)[variable].requests()
	n := 0
	for _, line := range log {
		if re.MatchString(line) {
			n++
		}
	}
	if int64(n) != number(ts, args[0]) {
		ts.Fatalf("%d requests match %s:\n%s", n, args[1], strings.Join(log, "\n"))
	}
}

// cmdForget empties the logs.
func cmdForget(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "forget")
	for _, s := range servers(ts) {
		s.forget()
	}
}

// cmdRandfile writes a file of bytes that depend on the seed and never repeat.
func cmdRandfile(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "randfile FILE SIZE SEED")
	name := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
	ts.Check(os.WriteFile(name, remotetest.Content(uint64(number(ts, args[2])), number(ts, args[1])), 0o644))
}

// cmdTrunc cuts a file, or lengthens it by a hole, and leaves its time as it was.
func cmdTrunc(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "trunc FILE SIZE")
	ts.Check(os.Truncate(ts.MkAbs(args[0]), number(ts, args[1])))
}

func cmdCmpsize(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 2, "cmpsize FILE SIZE")
	fi, err := os.Lstat(ts.MkAbs(args[0]))
	ts.Check(err)
	if same := fi.Size() == number(ts, args[1]); same == neg {
		ts.Fatalf("%s has %d bytes", args[0], fi.Size())
	}
}

// cmdMtime sets a file's modification time, or compares it with that of another file.
func cmdMtime(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 2, "mtime FILE TIME|FILE")
	name := ts.MkAbs(args[0])
	if when, err := time.Parse(time.RFC3339, args[1]); err == nil {
		ts.Check(os.Chtimes(name, when, when))
		return
	}
	a, err := os.Stat(name)
	ts.Check(err)
	b, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if a.ModTime().Equal(b.ModTime()) == neg {
		ts.Fatalf("%s is of %v, %s of %v", args[0], a.ModTime(), args[1], b.ModTime())
	}
}

// cmdNames compares the names below a directory, directories left out, hidden ones not. A
// directory that does not exist has none.
func cmdNames(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 1, "names DIR [NAME…]")
	dir := ts.MkAbs(args[0])
	var got []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		got = append(got, filepath.ToSlash(rel))
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		ts.Fatalf("%v", err)
	}
	want := slices.Sorted(slices.Values(args[1:]))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		ts.Fatalf("there are %q, not %q", got, want)
	}
}

// cmdLock holds a directory as another run does, until the script ends.
func cmdLock(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "lock DIR")
	d, err := local.Open(ts.MkAbs(args[0]), true, nil)
	ts.Check(err)
	ts.Check(d.Lock(local.LockFail))
	ts.Defer(func() { d.Close() })
}

func cmdMkfifo(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "mkfifo NAME")
	ts.Check(syscall.Mkfifo(ts.MkAbs(args[0]), 0o644))
}

func cmdLink(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "link OLD NEW")
	ts.Check(os.Link(ts.MkAbs(args[0]), ts.MkAbs(args[1])))
}

// cmdJSON checks the object on standard output that is about a path, or the summary: its
// fields, with dots between those of an object in it, must be as written.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "json PATH|summary FIELD=VALUE…")
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var o map[string]any
		d := json.NewDecoder(bytes.NewReader([]byte(line)))
		d.UseNumber()
		if err := d.Decode(&o); err != nil {
			ts.Fatalf("%q: %v", line, err)
		}
		if o["path"] != args[0] && (args[0] != "summary" || o["summary"] != true) {
			continue
		}
		for _, arg := range args[1:] {
			field, want, _ := strings.Cut(arg, "=")
			var got any = o
			for key := range strings.SplitSeq(field, ".") {
				m, _ := got.(map[string]any)
				got = m[key]
			}
			if fmt.Sprint(got) != want {
				ts.Fatalf("%s is %v, not %s, in %s", field, got, want, line)
			}
		}
		return
	}
	ts.Fatalf("no object for %s", args[0])
}

// condition knows [sshd]: OpenSSH's server is here (the continuous integration has it), and
// [root]: nothing is forbidden.
func condition(cond string) (bool, error) {
	switch cond {
	case "sshd":
	case "root":
		return os.Geteuid() == 0, nil
	default:
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	_, err := exec.LookPath("sshd")
	if err != nil {
		_, err = exec.LookPath("/usr/sbin/sshd")
	}
	if err == nil {
		_, err = os.Stat("/proc/self/stat") // where its sessions are found
	}
	if err != nil && os.Getenv("CI") == "true" {
		return false, err
	}
	return err == nil, nil
}

// cmdSSHD starts sshd, in which relative paths begin in HOME. SFTP becomes the URL of its
// root, without a slash; KNOWN_HOSTS and IDENTITY are files to log in with; ssh_config is
// one in which it is the host "site".
func cmdSSHD(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "sshd HOME")
	home := ts.MkAbs(args[0])
	ts.Check(age(home))
	dir := ts.MkAbs(".sshd")
	ts.Check(os.Mkdir(dir, 0o700))
	s, err := remotetest.NewSSHD(dir, remotetest.SSHDOptions{Extra: []string{"ForceCommand internal-sftp -d " + home}})
	ts.Check(err)
	ts.Defer(s.Close)
	ts.Setenv("SFTP", "sftp://"+s.User+"@"+s.Addr)
	ts.Setenv("SSH_USER", s.User)
	ts.Setenv("KNOWN_HOSTS", s.KnownHosts)
	ts.Setenv("IDENTITY", s.Identity)
	config := fmt.Sprintf("Host site\nHostName 127.0.0.1\nPort %d\nUser %s\nIdentityFile %s\nUserKnownHostsFile %s\n",
		s.Port, s.User, s.Identity, s.KnownHosts)
	ts.Check(os.WriteFile(ts.MkAbs("ssh_config"), []byte(config), 0o600))
}
