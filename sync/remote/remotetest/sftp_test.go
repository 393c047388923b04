package remotetest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// dialSFTP logs in.
func dialSFTP(t testing.TB, s *SFTPServer, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	t.Helper()
	check, err := knownhosts.New(s.KnownHosts())
	if err != nil {
		t.Fatal(err)
	}
	if auth == nil {
		key, err := os.ReadFile(s.Identity())
		if err != nil {
			t.Fatal(err)
		}
		signer, err := ssh.ParsePrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		auth = []ssh.AuthMethod{ssh.PublicKeys(signer)}
	}
	c, err := ssh.Dial("tcp", s.Addr(), &ssh.ClientConfig{
		User: SFTPUser, Auth: auth, HostKeyCallback: check,
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	})
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func mustDial(t testing.TB, s *SFTPServer) *ssh.Client {
	t.Helper()
	c, err := dialSFTP(t, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newSFTPClient(t testing.TB, s *SFTPServer, opts ...sftp.ClientOption) *sftp.Client {
	t.Helper()
	c, err := sftp.NewClient(mustDial(t, s), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func openSFTP(t testing.TB, c *sftp.Client, name string) *sftp.File {
	t.Helper()
	f, err := c.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// soon fails if f takes long, and lets the test go on as the server's connections end.
func soon(t *testing.T, s *SFTPServer, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("takes too long")
		s.Disconnect()
		<-done
	}
}

const sftpSize = 100_003

var sftpContent = Content(1, sftpSize)

func sftpSample() File { return File{Content: sftpContent, ModTime: suiteTime} }

func TestSFTPHonest(t *testing.T) {
	s := NewSFTPServer(t)
	u := s.Put("dir/a b", sftpSample())
	if u.Scheme != "sftp" || u.User.Username() != SFTPUser || u.Path != "/dir/a b" {
		t.Errorf("URL %s", u)
	}
	c := newSFTPClient(t, s, sftp.MaxPacketUnchecked(openSSHRead))
	if _, ok := c.HasExtension("limits@openssh.com"); !ok {
		t.Error("limits@openssh.com is not advertised")
	}
	f := openSFTP(t, c, "/dir/a b")
	info, err := f.Stat()
	if err != nil || info.Size() != sftpSize || !info.ModTime().Equal(suiteTime) || !info.Mode().IsRegular() {
		t.Errorf("Stat = %+v, %v", info, err)
	}
	got := make([]byte, sftpSize)
	if n, err := f.ReadAt(got, 0); n != sftpSize || err != nil || !bytes.Equal(got, sftpContent) {
		t.Errorf("ReadAt = %d, %v", n, err)
	}
	if n, err := f.ReadAt(got, sftpSize-5); n != 5 || err != io.EOF {
		t.Errorf("ReadAt at the end = %d, %v", n, err)
	}
	if o, b, l, ch := s.Opens("dir/a b"), s.Bytes("dir/a b"), s.Logins(), s.Channels(); o != 1 || b != sftpSize+5 || l != 1 || ch != 1 {
		t.Errorf("%d opens, %d bytes, %d logins, %d channels", o, b, l, ch)
	}
	// An open file is the one that was opened; changes in place it has.
	s.Change("dir/a b", func(f *File) { *f = NextVersion(*f) })
	if n, err := f.ReadAt(got[:10], 0); n != 10 || err != nil || !bytes.Equal(got[:10], sftpContent[:10]) {
		t.Errorf("ReadAt of a replaced file = %x, %v", got[:n], err)
	}
	f2 := openSFTP(t, c, "/dir/a b")
	s.Overwrite("dir/a b", func(f *File) { f.Content = []byte("other") })
	if n, err := f2.ReadAt(got[:10], 0); string(got[:n]) != "other" || err != io.EOF {
		t.Errorf("ReadAt of an overwritten file = %q, %v", got[:n], err)
	}
	for name, want := range map[string]error{"/missing": fs.ErrNotExist, "/dir/a b/c": fs.ErrNotExist} {
		if _, err := c.Open(name); !errors.Is(err, want) {
			t.Errorf("Open(%q) = %v", name, err)
		}
	}
	if _, err := c.Create("/new"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Create = %v", err)
	}
	f.Close()
	f2.Close()
	s.Settle("dir/a b")
	large := s.Put("large", File{Large: Reader(3, 5<<20), ModTime: suiteTime})
	var b bytes.Buffer
	if _, err := io.Copy(&b, openSFTP(t, c, large.Path)); err != nil || !bytes.Equal(b.Bytes(), Content(3, 5<<20)) {
		t.Errorf("%d bytes of a large file: %v", b.Len(), err)
	}
}

func TestSFTPTree(t *testing.T) {
	s := NewSFTPServer(t)
	odd := "line\nbreak \xff\xfe"
	s.Put("top/sub/"+odd, File{Content: []byte("odd"), ModTime: suiteTime})
	s.Put(SFTPHome+"/mine", File{Content: []byte("mine")})
	s.Mkdir("top/empty")
	s.Symlink("top/link", "sub/../sub")
	s.Symlink("top/away", "/"+SFTPHome)
	s.Symlink("top/loop", "loop")
	s.Symlink("top/dangling", "nothing")
	s.Special("top/pipe", os.ModeNamedPipe)
	s.Special("top/socket", os.ModeSocket)
	s.Put("top/secret/file", File{})
	s.Forbid("top/secret")
	for i := range 250 {
		s.Put("many/"+itoa(int64(i)), File{})
	}
	c := newSFTPClient(t, s)

	infos, err := c.ReadDir("/top")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, info := range infos {
		got = append(got, info.Mode().Type().String()[:1]+" "+info.Name())
	}
	slices.Sort(got)
	want := []string{"L away", "L dangling", "L link", "L loop", "S socket", "d empty", "d secret", "d sub", "p pipe"}
	if !slices.Equal(got, want) {
		t.Errorf("/top holds %q, want %q", got, want)
	}
	if infos, err := c.ReadDir("/many"); err != nil || len(infos) != 250 {
		t.Errorf("%d names in /many, %v", len(infos), err)
	}
	if infos, err := c.ReadDir("/top/link"); err != nil || len(infos) != 1 || infos[0].Name() != odd || infos[0].Size() != 3 {
		t.Errorf("/top/link: %v, %v", infos, err)
	}
	if p, err := io.ReadAll(openSFTP(t, c, "/top/link/"+odd)); string(p) != "odd" || err != nil {
		t.Errorf("%q, %v", p, err)
	}
	for _, name := range []string{"mine", "./mine", "/top/away/mine", "/top/away/../user/mine"} {
		if p, err := io.ReadAll(openSFTP(t, c, name)); string(p) != "mine" || err != nil {
			t.Errorf("%s: %q, %v", name, p, err)
		}
	}
	for name, want := range map[string]string{
		".": "/home/user", "mine": "/home/user/mine", "/top/link/x": "/top/link/x", "/top/link": "/top/sub", "/../..": "/", "/top/away/.": "/home/user",
	} {
		if got, err := c.RealPath(name); got != want || err != nil {
			t.Errorf("RealPath(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	if got, err := c.ReadLink("/top/link"); got != "sub/../sub" || err != nil {
		t.Errorf("ReadLink = %q, %v", got, err)
	}
	if _, err := c.ReadLink("/top/sub"); err == nil {
		t.Error("ReadLink of a directory")
	}
	for name, want := range map[string]fs.FileMode{"/top/link": fs.ModeDir, "/top/pipe": fs.ModeNamedPipe, "/": fs.ModeDir, "/top/sub/" + odd: 0} {
		if info, err := c.Stat(name); err != nil || info.Mode().Type() != want {
			t.Errorf("Stat(%q) = %v, %v", name, info, err)
		}
	}
	if info, err := c.Lstat("/top/link"); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("Lstat = %v, %v", info, err)
	}
	for name, want := range map[string]error{"/top/loop": fs.ErrNotExist, "/top/dangling": fs.ErrNotExist, "/top/secret/file": fs.ErrPermission} {
		if _, err := c.Stat(name); !errors.Is(err, want) {
			t.Errorf("Stat(%q) = %v", name, err)
		}
	}
	for name, want := range map[string]error{"/top/secret": fs.ErrPermission, "/top/gone": fs.ErrNotExist, "/top/sub/" + odd: fs.ErrNotExist} {
		if _, err := c.ReadDir(name); !errors.Is(err, want) {
			t.Errorf("ReadDir(%q) = %v", name, err)
		}
	}
	if _, err := c.Open("/top/socket"); err == nil {
		t.Error("a socket was opened")
	}
	s.Remove("top/sub/" + odd)
	if infos, err := c.ReadDir(path.Join("/top", "sub")); err != nil || len(infos) != 0 {
		t.Errorf("after Remove: %v, %v", infos, err)
	}
}

func TestSFTPLogin(t *testing.T) {
	s := NewSFTPServer(t)
	if info, err := os.Stat(s.Identity()); err != nil || info.Size() == 0 {
		t.Errorf("Identity: %v", err)
	}
	if _, err := dialSFTP(t, s, ssh.Password("secret")); err == nil {
		t.Error("let in by a password")
	}
	s.Configure(func(c *SFTPConfig) { c.Password = "secret" })
	if _, err := dialSFTP(t, s, ssh.Password("guess")); err == nil {
		t.Error("let in by a wrong password")
	}
	if _, err := dialSFTP(t, s, ssh.Password("secret")); err != nil {
		t.Error(err)
	}
	s.Break(SFTPNoLogin())
	if _, err := dialSFTP(t, s); err == nil {
		t.Error("let in")
	}
	if n := s.Logins(); n != 1 {
		t.Errorf("%d logins", n)
	}
}

func TestSFTPMaxSessions(t *testing.T) {
	for _, reason := range []ssh.RejectionReason{0, ssh.Prohibited, ssh.ResourceShortage} {
		s := NewSFTPServer(t)
		s.Configure(func(c *SFTPConfig) { c.MaxSessions, c.Refusal = 2, reason })
		conn := mustDial(t, s)
		var clients []*sftp.Client
		for range 2 {
			c, err := sftp.NewClient(conn)
			if err != nil {
				t.Fatal(err)
			}
			clients = append(clients, c)
		}
		_, err := sftp.NewClient(conn)
		refused, ok := errors.AsType[*ssh.OpenChannelError](err)
		if !ok || reason != 0 && refused.Reason != reason {
			t.Errorf("reason %v: %v", reason, err)
		}
		clients[0].Close()
		s.await(func() bool { // until the server knows
			for c := range s.conns {
				return c.sessions == 1
			}
			return false
		})
		if c, err := sftp.NewClient(conn); err != nil {
			t.Errorf("a channel in place of a closed one: %v", err)
		} else {
			c.Close()
		}
		clients[1].Close()
		if n := s.Channels(); n != 3 {
			t.Errorf("%d channels", n)
		}
	}
}

func TestSFTPMaxHandles(t *testing.T) {
	s := NewSFTPServer(t)
	s.Put("f", sftpSample())
	s.Break(SFTPFewHandles(2))
	c := newSFTPClient(t, s)
	first := openSFTP(t, c, "/f")
	openSFTP(t, c, "/f")
	if _, err := c.Open("/f"); err == nil {
		t.Error("a third file was opened")
	}
	first.Close()
	openSFTP(t, c, "/f")
}

func TestSFTPFreeze(t *testing.T) {
	s := NewSFTPServer(t)
	s.Put("f", sftpSample())
	f := openSFTP(t, newSFTPClient(t, s), "/f")
	s.Freeze()
	done := make(chan error)
	go func() {
		_, err := f.ReadAt(make([]byte, 100), 0)
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("a frozen server answered: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	s.Thaw()
	soon(t, s, func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	s.Freeze()
	defer s.Thaw() // the client would wait for the end of its channel
	if conn, err := net.Dial("tcp", s.Addr()); err != nil {
		t.Errorf("the kernel accepts no connection: %v", err)
	} else {
		conn.Close()
	}
}

func TestSFTPDisconnect(t *testing.T) {
	s := NewSFTPServer(t)
	s.Put("f", sftpSample())
	f := openSFTP(t, newSFTPClient(t, s), "/f")
	s.Disconnect()
	soon(t, s, func() {
		if _, err := f.ReadAt(make([]byte, 100), 0); err == nil {
			t.Error("read over a cut connection")
		}
	})
	s.await(func() bool { return len(s.conns) == 0 })
	if n := s.Conns(); n != 0 {
		t.Errorf("%d connections", n)
	}
	s.Settle("f")
}

// readFault reads 64 KiB of a file with a fault, by ReadAts of 16 KiB.
func readFault(t *testing.T, s *SFTPServer, c *sftp.Client, fault SFTPFault) (got []byte, err error) {
	t.Helper()
	s.PutFaulty("f", sftpSample(), fault)
	got = make([]byte, 64<<10)
	soon(t, s, func() {
		var f *sftp.File
		if f, err = c.Open("/f"); err != nil {
			got = nil
			return
		}
		defer f.Close()
		for off := 0; off < len(got); off += 16 << 10 {
			var n int
			if n, err = f.ReadAt(got[off:off+16<<10], int64(off)); err != nil || n < 16<<10 {
				got = got[:off+n]
				return
			}
		}
	})
	return got, err
}

// TestSFTPReadFaults checks what each fault that concerns READ makes of one.
func TestSFTPReadFaults(t *testing.T) {
	const n = 10_000
	mixed := slices.Concat(sftpContent[:n], NextVersion(sftpSample()).Content[n:64<<10])
	for _, test := range []struct {
		fault SFTPFault
		want  []byte
		err   string // "" for none
	}{
		{SFTPShortReads(1000), sftpContent[:64<<10], ""},
		{SFTPOneByteReads(50), sftpContent[:64<<10], ""},
		{SFTPRandomReads(), sftpContent[:64<<10], ""},
		{SFTPReversed(4), sftpContent[:64<<10], ""},
		{SFTPSlow(time.Millisecond), sftpContent[:64<<10], ""},
		{SFTPEmptyDataOnce(), sftpContent[:64<<10], ""},
		{SFTPLongData(100), sftpContent[:64<<10], ""},
		{SFTPReplace(), sftpContent[:64<<10], ""},
		{SFTPGrow(n, 10), sftpContent[:64<<10], ""},
		{SFTPOverwrite(n), mixed, ""},
		{SFTPOverwriteUnseen(n), mixed, ""},
		{SFTPShrink(n), sftpContent[:n], "EOF"},
		{SFTPEarlyEOF(n), sftpContent[:n], "EOF"},
		{SFTPReadOK(n), sftpContent[:n], ""}, // which pkg/sftp takes for no error
		{SFTPReadFails(n), sftpContent[:n], "status 4"},
		{SFTPReadFailsOnce(n), sftpContent[:n], "status 4"},
		{SFTPDirectory(), sftpContent[:0], "status 4"},
		{SFTPWrongType(n), sftpContent[:n], "unimplemented"},
		{SFTPShortPacket(n), sftpContent[:n], "short"},
		{SFTPReset(n), nil, "lost"},
		{SFTPDisconnect(n), sftpContent[:n], "lost"},
		{SFTPChannelClosed(n), sftpContent[:n], "lost"},
		{SFTPChannelEOF(n), sftpContent[:n], "lost"},
		{SFTPGarbage(n), sftpContent[:n], "lost"},
		{SFTPHugePacket(n), sftpContent[:n], "lost"},
		{SFTPUnknownID(n), sftpContent[:n], "lost"},
		{SFTPDenied(), nil, "permission"},
		{SFTPMissing(), nil, "not exist"},
		{SFTPOpenFails(), nil, "status 4"},
	} {
		t.Run(test.fault.Name, func(t *testing.T) {
			t.Parallel()
			s := NewSFTPServer(t)
			got, err := readFault(t, s, newSFTPClient(t, s), test.fault)
			switch {
			case test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("error %v, want %q", err, test.err)
			case test.want != nil && !bytes.Equal(got, test.want):
				t.Errorf("%d bytes, want %d", len(got), len(test.want))
			}
		})
	}
}

// TestSFTPAttrFaults checks what the faults that concern FSTAT make of the attributes.
func TestSFTPAttrFaults(t *testing.T) {
	for _, test := range []struct {
		fault SFTPFault
		ok    func(a, again *sftp.FileStat) bool
	}{
		{SFTPSizeOff(5), func(a, _ *sftp.FileStat) bool { return a.Size == sftpSize+5 }},
		{SFTPSizeOff(-5), func(a, _ *sftp.FileStat) bool { return a.Size == sftpSize-5 }},
		{SFTPNoSize(), func(a, _ *sftp.FileStat) bool { return a.Size == 0 && a.Mtime != 0 }},
		{SFTPNoTime(), func(a, _ *sftp.FileStat) bool { return a.Size == sftpSize && a.Mtime == 0 }},
		{SFTPNoAttrs(), func(a, _ *sftp.FileStat) bool { return a.Size == 0 && a.Mtime == 0 && a.Mode == 0 }},
		{SFTPYoung(), func(a, _ *sftp.FileStat) bool { return time.Since(time.Unix(int64(a.Mtime), 0)) < time.Minute }},
		{SFTPRestless(), func(a, again *sftp.FileStat) bool { return a.Mtime != again.Mtime }},
		{SFTPDirectory(), func(a, _ *sftp.FileStat) bool { return a.FileMode().IsDir() }},
	} {
		t.Run(test.fault.Name, func(t *testing.T) {
			s := NewSFTPServer(t)
			s.PutFaulty("f", sftpSample(), test.fault)
			c := newSFTPClient(t, s)
			f := openSFTP(t, c, "/f")
			var infos []*sftp.FileStat
			for _, stat := range []func() (os.FileInfo, error){f.Stat, f.Stat, func() (os.FileInfo, error) { return c.Stat("/f") }} {
				info, err := stat()
				if err != nil {
					t.Fatal(err)
				}
				infos = append(infos, info.Sys().(*sftp.FileStat))
			}
			if !test.ok(infos[0], infos[1]) || !test.ok(infos[2], infos[0]) {
				t.Errorf("%+v, %+v, by path %+v", infos[0], infos[1], infos[2])
			}
			if n := s.Stats("f"); n != 3 {
				t.Errorf("%d looks at the file", n)
			}
		})
	}
	s := NewSFTPServer(t)
	s.PutFaulty("f", sftpSample(), SFTPStatFails())
	if _, err := openSFTP(t, newSFTPClient(t, s), "/f").Stat(); err == nil {
		t.Error("FSTAT worked")
	}
}

// TestSFTPSilence checks the faults that a client would wait for.
func TestSFTPSilence(t *testing.T) {
	for _, test := range []struct {
		fault SFTPFault
		alive bool // the channel answers something else
	}{
		{SFTPStall(10_000), true},
		{SFTPStallOpen(), true},
		{SFTPLostRead(10_000), true},
		{SFTPEmptyData(10_000), true},
		{SFTPTrickle(10 * time.Millisecond), true},
		{SFTPFIFO(), false},
	} {
		t.Run(test.fault.Name, func(t *testing.T) {
			t.Parallel()
			s := NewSFTPServer(t)
			s.Put("other", sftpSample())
			s.PutFaulty("f", sftpSample(), test.fault)
			c := newSFTPClient(t, s)
			read, stat := make(chan error, 1), make(chan error, 1)
			go func() {
				f, err := c.Open("/f")
				if err == nil {
					_, err = f.ReadAt(make([]byte, 30_000), 0)
				}
				read <- err
			}()
			s.await(func() bool {
				n := s.file("f")
				return n.opens == 1 && (n.bytes > 0 || test.fault.open != nil || test.fault.Name == "a READ is lost")
			})
			go func() {
				_, err := c.Stat("/other")
				stat <- err
			}()
			select {
			case err := <-read:
				t.Errorf("the READ ended: %v", err)
			case err := <-stat:
				if !test.alive || err != nil {
					t.Errorf("Stat of another file: %v", err)
				}
			case <-time.After(300 * time.Millisecond):
				if test.alive {
					t.Error("no answer about another file")
				}
			}
			s.Disconnect()
			soon(t, s, func() {
				if err := <-read; err == nil {
					t.Error("no error after the end of the connection")
				}
			})
		})
	}
}

// TestSFTPTwice: the second answer is one that nobody waits for.
func TestSFTPTwice(t *testing.T) {
	s := NewSFTPServer(t)
	if _, err := readFault(t, s, newSFTPClient(t, s), SFTPTwice(10_000)); err == nil {
		t.Error("pkg/sftp does not mind")
	}
}

func TestSFTPGrows(t *testing.T) {
	for _, test := range []struct {
		fault SFTPFault
		moved bool
	}{{SFTPGrow(10_000, 500), true}, {SFTPGrowUnseen(10_000, 500), false}} {
		s := NewSFTPServer(t)
		readFault(t, s, newSFTPClient(t, s), test.fault)
		f := s.File("f")
		if f.Size() != sftpSize+500 || f.ModTime.Equal(suiteTime) == test.moved {
			t.Errorf("%s: %d bytes, time %s", test.fault.Name, f.Size(), f.ModTime)
		}
		readFault(t, s, newSFTPClient(t, s), test.fault.Times(0))
		if f := s.File("f"); f.Size() != sftpSize+500 {
			t.Errorf("%s: %d bytes", test.fault.Name, f.Size())
		}
	}
}

// TestSFTPWholeFaults checks what becomes of a client that meets a server's own fault.
func TestSFTPWholeFaults(t *testing.T) {
	for _, test := range []struct {
		fault SFTPFault
		err   string
	}{
		{SFTPNoSubsystem(), "subsystem request failed"},
		{SFTPDies(), "EOF"},
		{SFTPChatter(), "long"},
		{SFTPOtherVersion(6), "version"},
		{SFTPNoVersion(), "lost"},
		{SFTPNoBanner(), "lost"},
		{SFTPOneSession(), ""},
		{SFTPFewHandles(4), ""},
		{SFTPLimitsLie(), ""},
		{SFTPSmallLimit(1000), ""},
		{SFTPNoLimits(), ""},
		{SFTPNoKeepalive(), ""},
	} {
		t.Run(test.fault.Name, func(t *testing.T) {
			t.Parallel()
			s := NewSFTPServer(t)
			s.Put("f", sftpSample())
			s.Break(test.fault)
			var got []byte
			var err error
			if test.err == "lost" { // it would wait for ever
				timer := time.AfterFunc(300*time.Millisecond, s.Disconnect)
				defer timer.Stop()
			}
			soon(t, s, func() {
				var conn *ssh.Client
				if conn, err = dialSFTP(t, s); err != nil {
					return
				}
				var c *sftp.Client
				if c, err = sftp.NewClient(conn); err != nil {
					return
				}
				defer c.Close()
				if _, ok := c.HasExtension("limits@openssh.com"); ok == (test.fault.Name == "no limits") {
					t.Errorf("limits@openssh.com advertised: %t", ok)
				}
				got = make([]byte, 20_000)
				_, err = openSFTP(t, c, "/f").ReadAt(got, 100)
			})
			switch {
			case test.err == "lost" && err != nil:
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("error %v, want %q", err, test.err)
			case test.err == "" && (err != nil || !bytes.Equal(got, sftpContent[100:20_100])):
				t.Errorf("error %v", err)
			}
			s.Disconnect()
			s.Break()
			if got, err := readFault(t, s, newSFTPClient(t, s), SFTPReplace()); err != nil || len(got) != 64<<10 {
				t.Errorf("mended: %d bytes, %v", len(got), err)
			}
		})
	}
}

func TestSFTPKeepalive(t *testing.T) {
	for _, broken := range []bool{false, true} {
		s := NewSFTPServer(t)
		if broken {
			s.Break(SFTPNoKeepalive())
		}
		conn := mustDial(t, s)
		done := make(chan error, 1)
		go func() {
			_, _, err := conn.SendRequest("keepalive@openssh.com", true, nil)
			done <- err
		}()
		select {
		case err := <-done:
			if broken || err != nil {
				t.Errorf("broken %t: answered, %v", broken, err)
			}
		case <-time.After(300 * time.Millisecond):
			if !broken {
				t.Error("no answer")
			}
			conn.Close()
			<-done
		}
	}
}

// TestSFTPFaultOrder: faults are used in order, by OPEN.
func TestSFTPFaultOrder(t *testing.T) {
	s := NewSFTPServer(t)
	s.PutFaulty("f", sftpSample(), SFTPOpenFails().Times(2), SFTPEarlyEOF(5).Times(1))
	c := newSFTPClient(t, s)
	for range 2 {
		if _, err := c.Open("/f"); err == nil {
			t.Error("opened")
		}
	}
	p := make([]byte, 10)
	if n, err := openSFTP(t, c, "/f").ReadAt(p, 0); n != 5 || err != io.EOF {
		t.Errorf("ReadAt = %d, %v", n, err)
	}
	f := openSFTP(t, c, "/f")
	if n, err := f.ReadAt(p, 0); n != 10 || err != nil {
		t.Errorf("ReadAt = %d, %v", n, err)
	}
	if n := s.Opens("f"); n != 4 {
		t.Errorf("%d opens", n)
	}
}

func TestSFTPFaultNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range SFTPFaults() {
		if f.Name == "" || seen[f.Name] || f.Legal && f.Silent {
			t.Errorf("fault %q is nameless, contradicts itself or is there twice", f.Name)
		}
		seen[f.Name] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d faults", len(seen))
	}
}

// TestWriteToLosesBytes shows why no fsync code calls (*sftp.File).WriteTo, which io.Copy
// does by itself: it takes a short READ for the end of that piece and goes on with the
// next one, without an error. ReadAt of no more than a packet asks again.
func TestWriteToLosesBytes(t *testing.T) {
	const size = 1 << 20
	content := Content(6, size)
	s := NewSFTPServer(t)
	s.PutFaulty("short", File{Content: content, ModTime: suiteTime}, SFTPShortReads(8192))
	s.PutFaulty("grown", File{Content: content[:size-1000], ModTime: suiteTime}, sent("", 1, func(q *session, h *handle, r readCall) {
		// Another writer appends while the READs up to the end are on their way.
		if r.off+int64(r.n) > size-1000 && !h.done {
			h.done = true
			q.honest(h, r)
			q.s.Overwrite("grown", func(f *File) { f.Content = slices.Concat(content, content) })
			return
		}
		q.honest(h, r)
	}))
	c := newSFTPClient(t, s)
	for _, name := range []string{"/short", "/grown"} {
		var b bytes.Buffer
		n, err := openSFTP(t, c, name).WriteTo(&b)
		whole := slices.Concat(content, content)
		if err != nil || n >= size && bytes.HasPrefix(whole, b.Bytes()) {
			t.Errorf("pkg/sftp mended WriteTo: %d bytes of %s, error %v", n, name, err)
		}
	}
	f := openSFTP(t, c, "/short")
	got := make([]byte, size)
	for off := 0; off < size; off += 32 << 10 {
		if n, err := f.ReadAt(got[off:off+32<<10], int64(off)); n != 32<<10 || err != nil {
			t.Fatalf("ReadAt at %d = %d, %v", off, n, err)
		}
	}
	if !bytes.Equal(got, content) {
		t.Error("ReadAt of a packet brings wrong bytes: pkg/sftp cannot be used at all")
	}
}
