package remotetest

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SFTPUser is who an SFTPServer lets in, and SFTPHome where that user's relative paths
// begin.
const (
	SFTPUser = "user"
	SFTPHome = "home/user"
)

// SFTPServer serves files over SFTP version 3 on a port of its own, honestly or with
// faults. It ends, with all its connections, when the test does.
//
// Names are paths from the root, without the first slash; their bytes are free. A name
// with slashes makes the directories.
type SFTPServer struct {
	listener             net.Listener
	hostKey              ssh.Signer
	key                  ssh.PublicKey // of who is let in
	knownHosts, identity string        // files
	done                 chan struct{}
	running              sync.WaitGroup

	mu       sync.Mutex // guards what follows
	config   SFTPConfig
	faults   []SFTPFault // the server's own
	used     []int       // how often each of them was
	root     *node
	conns    map[*sftpConn]bool
	thawed   chan struct{} // nil unless frozen
	logins   int
	channels int
}

// SFTPConfig is what a server may do and still be honest.
type SFTPConfig struct {
	// MaxSessions is how many channels a connection may have, 0 for any number. Refusal
	// is the reason given for no more; 0 is the one that OpenSSH gives.
	MaxSessions int
	Refusal     ssh.RejectionReason

	// MaxRead is how much a READ brings at most, MaxHandles how many files and directories
	// a channel may have open, 0 for any number.
	MaxRead, MaxHandles int

	// Limits is what limits@openssh.com answers. Without it no extension is advertised.
	Limits *SFTPLimits

	// Password, if not "", lets the user in as well as the key does.
	Password string
}

// SFTPLimits are the values of limits@openssh.com; 0 stands for no limit.
type SFTPLimits struct{ Packet, Read, Write, Handles uint64 }

// openSSHRead is how much a READ brings of OpenSSH's server.
const openSSHRead = 256<<10 - 1024

// NewSFTPServer returns a server that is set up as OpenSSH's is.
func NewSFTPServer(t testing.TB) *SFTPServer {
	t.Helper()
	s := &SFTPServer{
		done:  make(chan struct{}),
		root:  newDir(),
		conns: make(map[*sftpConn]bool),
		config: SFTPConfig{
			MaxRead: openSSHRead,
			Limits:  &SFTPLimits{Packet: 256 << 10, Read: openSSHRead, Write: openSSHRead},
		},
	}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	if err := s.makeKeys(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	s.root.dir(SFTPHome)
	s.running.Go(s.accept)
	return s
}

// makeKeys writes the files that a client needs.
func (s *SFTPServer) makeKeys(dir string) error {
	_, host, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	if s.hostKey, err = ssh.NewSignerFromKey(host); err != nil {
		return err
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	if s.key, err = ssh.NewPublicKey(public); err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return err
	}
	s.identity, s.knownHosts = filepath.Join(dir, "id_ed25519"), filepath.Join(dir, "known_hosts")
	if err := os.WriteFile(s.identity, pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	line := knownhosts.Line([]string{s.listener.Addr().String()}, s.hostKey.PublicKey())
	return os.WriteFile(s.knownHosts, []byte(line+"\n"), 0o600)
}

// close ends all that waits, then all that serves.
func (s *SFTPServer) close() {
	close(s.done)
	s.listener.Close()
	s.Disconnect()
	s.running.Wait()
}

// Addr is the host and port that the server listens on.
func (s *SFTPServer) Addr() string { return s.listener.Addr().String() }

// KnownHosts is a known_hosts file with the server's key, and Identity the file of the
// private key that it lets in.
func (s *SFTPServer) KnownHosts() string { return s.knownHosts }
func (s *SFTPServer) Identity() string   { return s.identity }

// URL returns the URL of a file.
func (s *SFTPServer) URL(name string) *url.URL {
	return join("sftp://"+SFTPUser+"@"+s.Addr(), name)
}

// Configure changes the setup for the channels to come.
func (s *SFTPServer) Configure(change func(*SFTPConfig)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.config)
}

// Break gives the server faults of its own, those that are Whole, in place of those it
// had. They are used in order, one by each connection or channel to come. Without any
// the server is mended.
func (s *SFTPServer) Break(faults ...SFTPFault) {
	for _, f := range faults {
		if !f.Whole {
			panic(fmt.Sprintf("remotetest: %q is a file's fault", f.Name))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.used = faults, make([]int, len(faults))
}

// Put registers a file, or replaces one with all that was counted for it.
func (s *SFTPServer) Put(name string, f File) *url.URL { return s.PutFaulty(name, f) }

// PutFaulty registers a file with faults. They are used in order: the first one that is
// not used up serves the next OPEN, and what is done with its handle. After all of them
// the server is honest.
func (s *SFTPServer) PutFaulty(name string, f File, faults ...SFTPFault) *url.URL {
	for _, f := range faults {
		if f.Whole {
			panic(fmt.Sprintf("remotetest: %q is the server's fault", f.Name))
		}
	}
	s.add(name, &node{inode: &inode{file: f}, faults: faults, used: make([]int, len(faults))})
	return s.URL(name)
}

// Mkdir makes a directory.
func (s *SFTPServer) Mkdir(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.root.dir(name)
}

// Symlink makes a symbolic link.
func (s *SFTPServer) Symlink(name, target string) {
	s.add(name, &node{mode: os.ModeSymlink, target: target})
}

// Special makes what is neither file nor directory, such as os.ModeNamedPipe. To open a
// pipe takes for ever, and the channel with it; the others cannot be opened.
func (s *SFTPServer) Special(name string, mode os.FileMode) {
	s.add(name, &node{mode: mode.Type()})
}

// Forbid makes a directory unreadable.
func (s *SFTPServer) Forbid(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.root.dir(name).forbidden = true
}

// Remove removes a file; what has it open keeps it.
func (s *SFTPServer) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, base := s.root.parent(name)
	delete(dir.children, base)
}

func (s *SFTPServer) add(name string, n *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, base := s.root.parent(name)
	dir.children[base] = n
}

// Change puts another file in the place of a registered one, as by rename: what has it
// open keeps the old one. What was counted stays, and so do the faults.
func (s *SFTPServer) Change(name string, change func(*File)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file(name).replace(change)
}

// Overwrite changes a registered file in place: what has it open sees it.
func (s *SFTPServer) Overwrite(name string, change func(*File)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.file(name).inode.file)
}

// Mend takes a file's faults away.
func (s *SFTPServer) Mend(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file(name).faults = nil
}

// File returns a file as it is now.
func (s *SFTPServer) File(name string) File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file(name).inode.file
}

// file returns a registered file's node.
func (s *SFTPServer) file(name string) *node {
	dir, base := s.root.parent(name)
	n := dir.children[base]
	if n == nil || n.inode == nil {
		panic(fmt.Sprintf("remotetest: no file %q", name))
	}
	return n
}

// Opens returns how often a file was to be opened, Stats how often it was looked at, by
// handle or by path.
func (s *SFTPServer) Opens(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file(name).opens
}

func (s *SFTPServer) Stats(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file(name).stats
}

// Bytes returns how many bytes of a file's DATA were sent. What a client never read may
// be among them.
func (s *SFTPServer) Bytes(name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file(name).bytes
}

// Handles returns how often a file is open now.
func (s *SFTPServer) Handles(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file(name).handles
}

// Settle waits until a file is open in no channel: a client may have left before the
// last READ that it sent is answered.
func (s *SFTPServer) Settle(name string) {
	s.await(func() bool { return s.file(name).handles == 0 })
}

func (s *SFTPServer) await(done func() bool) {
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		ok := done()
		s.mu.Unlock()
		if ok {
			return
		}
	}
}

// Logins returns how many connections logged in, Channels how many were opened to the
// SFTP subsystem, Conns how many connections there are now.
func (s *SFTPServer) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

func (s *SFTPServer) Channels() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.channels
}

func (s *SFTPServer) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Disconnect cuts all connections now.
func (s *SFTPServer) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}

// Freeze makes the server stand still, as SIGSTOP does: the kernel accepts connections
// and takes bytes until its buffers are full. Thaw ends that.
func (s *SFTPServer) Freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.thawed == nil {
		s.thawed = make(chan struct{})
	}
}

func (s *SFTPServer) Thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.thawed != nil {
		close(s.thawed)
		s.thawed = nil
	}
}

// standStill waits while the server is frozen.
func (s *SFTPServer) standStill() {
	s.mu.Lock()
	thawed := s.thawed
	s.mu.Unlock()
	if thawed != nil {
		s.wait(thawed, longest)
	}
}

// wait waits that long, less if the event comes or the server ends.
func (s *SFTPServer) wait(event <-chan struct{}, d time.Duration) {
	t := time.NewTimer(min(d, longest))
	defer t.Stop()
	select {
	case <-t.C:
	case <-event:
	case <-s.done:
	}
}
