package sync

import (
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/remote/remotetest"
	"fsync/sync/remote/sftptail"
)

// TestSFTPMatrix is TestMatrix for SFTP, where size and modification time are all that
// tells versions apart.
func TestSFTPMatrix(t *testing.T) {
	for i, f := range remotetest.SFTPFaults() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			m := &sftpMatrix{lab: newLab(t), server: remotetest.NewSFTPServer(t), fault: f}
			m.patience(20 * time.Second)
			testFault(m.lab, m, misdeed{
				name: f.Name, silent: f.Silent, legal: f.Legal, hopeless: f.Whole && !f.Legal, stalling: sftpStalling[f.Name],
			}, i)
		})
	}
}

var sftpStalling = map[string]bool{
	"empty DATA": true, "stalls": true, "trickles": true, "OPEN stalls": true, "a READ is lost": true, "a FIFO": true,
	"no VERSION": true, "no banner": true,
}

// sftpMatrix has an SFTP server in the matrix.
type sftpMatrix struct {
	*lab
	server *remotetest.SFTPServer
	fault  remotetest.SFTPFault
}

// patience also ends the connections that there are, with what they met.
func (m *sftpMatrix) patience(d time.Duration) {
	c := sftptail.New(sftptail.Options{
		Stall: d, KnownHosts: []string{m.server.KnownHosts()}, Identities: []string{m.server.Identity()}, User: remotetest.SFTPUser,
	})
	m.t.Cleanup(c.Close)
	m.sources = map[string]Source{"sftp": c}
}

func (m *sftpMatrix) entry(path string, facts ...fact) listing.Entry {
	e := m.lab.entry(path, facts...)
	e.URLs = []string{m.server.URL(path).String()}
	return e
}

func (m *sftpMatrix) serve(path string, faults ...remotetest.SFTPFault) {
	m.server.PutFaulty(path, remotetest.File{Content: matrixContent, ModTime: then}, faults...)
}

func (m *sftpMatrix) put(path string, cuts ...int) {
	var faults []remotetest.SFTPFault
	for _, n := range cuts {
		f := remotetest.SFTPReadFails(int64(n))
		if n == matrixSize {
			f = remotetest.SFTPShortReads(n)
		}
		faults = append(faults, f.Times(1))
	}
	if len(cuts) > 0 {
		faults = append(faults, remotetest.SFTPMissing())
	}
	m.serve(path, faults...)
}

func (m *sftpMatrix) spoil(path string) {
	if m.fault.Whole {
		m.serve(path)
		m.server.Break(m.fault)
		return
	}
	m.serve(path, m.fault)
}

func (m *sftpMatrix) mend(path string) {
	m.server.Mend(path)
	m.server.Break()
}

func (m *sftpMatrix) content(path string) []byte { return m.server.File(path).Content }

// versions: where the size is wrong, the file is as long as the server says it is.
func (m *sftpMatrix) versions(*lab, *matrixCase) [][]byte {
	if m.fault.Name != "size off by -5000" {
		return nil
	}
	return [][]byte{matrixContent[:matrixSize-5000]}
}
