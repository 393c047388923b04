package sync

import (
	"bytes"
	"context"
	"io"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote"
)

// createWhole makes a small file of a body that was read to its end before the file is
// touched, which takes fewer system calls than one that grows. done is false if it did
// not: what was read of the body is then the stream's next bytes.
//
// It needs a run that makes nothing durable: otherwise the stamp of a complete file has to
// wait until its data is.
func (j *job) createWhole(ctx context.Context, f *local.File, s *stream, total int64, c *committer) (done bool, err error) {
	t := s.tail
	if c.p.Sync != SyncNone || j.Dir.WritesLate() || f.Exists || j.Pieces != nil || s.pos != 0 || len(s.rest) > 0 ||
		total == 0 || t.Size != total || t.End != total || total >= smallBlock || j.finalTime(t.Version).IsZero() {
		return false, nil
	}
	b := s.buffer()
	n, err := s.fill(b, nil)
	s.rest = b[:n]
	if err != io.EOF || int64(n) != total {
		t.Body = endedBody{t.Body, err}
		return false, nil
	}
	t.Body = endedBody{t.Body, io.EOF}
	digests := allDigests(j.Digests, t)
	if bad, err := checkDigests(ctx, bytes.NewReader(s.rest), total, digests); bad != nil || err != nil {
		return false, nil // the way of larger files meets it again, and knows what to do
	}
	return true, here(j.putWhole(f, s.rest, t, digests, c))
}

// putWhole writes a complete and verified body and records the outcome.
func (j *job) putWhole(f *local.File, data []byte, t *remote.Tail, digests []listing.Digest, c *committer) error {
	p := local.Publication{Stamp: newStamp(local.Done, t.Version, t.Size), ModTime: j.finalTime(t.Version)}
	p.Stamp.Digests, p.Stamp.Boot = shortDigests(digests), c.p.boot
	if err := f.CreateWhole(data, p); err != nil {
		return err
	}
	j.Outcome, j.Result.Size = Fetched, t.Size
	if len(digests) > 0 {
		j.Verified, j.Note = DigestEvidence, ""
	}
	j.wrote = true
	j.grown += t.Size
	j.stats.Have.Add(t.Size)
	return nil
}

// endedBody is a body that was read to its end: to io.EOF, or to the error that cut it.
type endedBody struct {
	io.Closer
	err error
}

func (b endedBody) Read([]byte) (int, error) { return 0, b.err }
