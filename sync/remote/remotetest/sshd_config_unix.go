//go:build unix

package remotetest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// A sshKey is a key that signs and can be stored.
type sshKey struct {
	ssh.Signer
	private crypto.PrivateKey
}

// sshdKeys are what a server and those who log in there prove themselves with. An
// authority signs certificates of hosts and of users.
type sshdKeys struct {
	ed25519, ecdsa, rsa     sshKey // the host's
	user, signed, authority sshKey
}

func makeSSHDKeys() (k sshdKeys, err error) {
	for _, key := range []*sshKey{&k.ed25519, &k.user, &k.signed, &k.authority} {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return k, err
		}
		if *key, err = newSSHKey(private); err != nil {
			return k, err
		}
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return k, err
	}
	if k.ecdsa, err = newSSHKey(curve); err != nil {
		return k, err
	}
	primes, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return k, err
	}
	k.rsa, err = newSSHKey(primes)
	return k, err
}

func newSSHKey(private crypto.PrivateKey) (sshKey, error) {
	signer, err := ssh.NewSignerFromKey(private)
	return sshKey{signer, private}, err
}

func (k sshKey) write(file string) error {
	block, err := ssh.MarshalPrivateKey(k.private, "")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	return os.WriteFile(file+".pub", ssh.MarshalAuthorizedKey(k.PublicKey()), 0o600)
}

// certify writes a certificate for a key, where OpenSSH looks for that of file.
func (k sshKey) certify(file string, by sshKey, kind uint32, principals ...string) error {
	cert := ssh.Certificate{
		Key: k.PublicKey(), CertType: kind, KeyId: "remotetest", ValidPrincipals: principals,
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: ssh.CertTimeInfinity,
	}
	if err := cert.SignCert(rand.Reader, by); err != nil {
		return err
	}
	return os.WriteFile(file+"-cert.pub", ssh.MarshalAuthorizedKey(&cert), 0o600)
}

const sshdHost = "127.0.0.1"

func (s *SSHD) file(name string) string { return filepath.Join(s.dir, name) }

func (s *SSHD) writeKeys() error {
	for file, key := range map[string]sshKey{
		s.file("host_ed25519"): s.keys.ed25519, s.file("host_ecdsa"): s.keys.ecdsa, s.file("host_rsa"): s.keys.rsa,
		s.Identity: s.keys.user, s.CertIdentity: s.keys.signed, s.file("authority"): s.keys.authority,
	} {
		if err := key.write(file); err != nil {
			return err
		}
	}
	if err := s.keys.signed.certify(s.CertIdentity, s.keys.authority, ssh.UserCert, s.User); err != nil {
		return err
	}
	if err := s.keys.ed25519.certify(s.file("host_ed25519"), s.keys.authority, ssh.HostCert, sshdHost, "localhost"); err != nil {
		return err
	}
	return os.WriteFile(s.file("authorized_keys"), ssh.MarshalAuthorizedKey(s.keys.user.PublicKey()), 0o600)
}

// writeKnownHosts writes what known_hosts says of the server at an address.
func (s *SSHD) writeKnownHosts(file, addr string) error {
	host := knownhosts.Normalize(addr)
	if s.o.Hash {
		host = knownhosts.HashHostname(host)
	}
	keys := []sshKey{s.keys.ed25519}
	switch {
	case s.o.HostCert:
		host, keys = "@cert-authority "+host, []sshKey{s.keys.authority}
	case s.o.AllKeys:
		keys = append(keys, s.keys.ecdsa, s.keys.rsa)
	}
	var text bytes.Buffer
	for _, key := range keys {
		fmt.Fprintf(&text, "%s %s", host, ssh.MarshalAuthorizedKey(key.PublicKey()))
	}
	return os.WriteFile(file, text.Bytes(), 0o600)
}

// writeConfig writes a configuration that sshd accepts, and makes the directory without
// which root's sshd does not start.
func (s *SSHD) writeConfig(program, file string) error {
	if os.Getuid() == 0 {
		os.Mkdir("/run/sshd", 0o755) // if that is not enough, sshd says what it misses
	}
	// Since 9.8 sshd turns clients away that did not log in, and from one address come
	// those of all tests.
	const patient = "PerSourcePenalties no"
	lines := append(s.config(), patient)
	for {
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			return err
		}
		out, err := exec.Command(program, "-t", "-f", file).CombinedOutput()
		if err == nil {
			return nil
		}
		if last := len(lines) - 1; lines[last] == patient {
			lines = lines[:last]
			continue
		}
		return fmt.Errorf("sshd -t: %w: %s", err, out)
	}
}

func (s *SSHD) config() []string {
	yes := map[bool]string{true: "yes", false: "no"}
	lines := append([]string{"LogLevel VERBOSE"}, s.o.Extra...) // of two lines the first one counts
	lines = append(lines,
		"ListenAddress "+s.Addr,
		"PidFile "+s.file("pid"),
		"HostKey "+s.file("host_ed25519"),
		"HostKey "+s.file("host_ecdsa"),
		"HostKey "+s.file("host_rsa"),
		"AuthorizedKeysFile "+s.file("authorized_keys"),
		"TrustedUserCAKeys "+s.file("authority.pub"),
		"StrictModes no",
		"UsePAM "+yes[lockedRoot()],
		"PermitRootLogin prohibit-password",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"AllowTcpForwarding "+yes[s.o.AllowTCP],
		"UseDNS no",
		"PrintMotd no",
		"MaxStartups 100", // tests run side by side
	)
	if s.o.HostCert {
		lines = append(lines, "HostCertificate "+s.file("host_ed25519-cert.pub"))
	}
	if s.o.MaxSessions > 0 {
		lines = append(lines, fmt.Sprint("MaxSessions ", s.o.MaxSessions))
	}
	server := "internal-sftp"
	if s.o.ExternalServer {
		server = sftpServer()
	}
	return append(lines, "Subsystem sftp "+server)
}

// sftpServer returns where distributions have OpenSSH's sftp-server.
func sftpServer() string {
	for _, file := range []string{"/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server", "/usr/lib/ssh/sftp-server"} {
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return "/usr/lib/openssh/sftp-server"
}

// lockedRoot says that the tests run as root and that root's account is locked, which
// sshd minds only if it does not leave that to PAM.
func lockedRoot() bool {
	if os.Getuid() != 0 {
		return false
	}
	shadow, _ := os.ReadFile("/etc/shadow")
	for line := range strings.Lines(string(shadow)) {
		if strings.HasPrefix(line, "root:!") {
			return true
		}
	}
	return false
}
