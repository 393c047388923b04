package sync

import (
	"context"
	"fmt"
	"hash"
	"io"
	gosync "sync"
	"sync/atomic"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote"
)

// verifier computes the digests of a file that grows, and checks the pieces of what was
// there before. It reads behind the writer, so the prefix is hashed while the rest comes
// in, and what is hashed is what the file holds.
type verifier struct {
	digests []listing.Digest
	pieces  *pieceCheck // of the prefix; nil if there are none
	w       *local.Writer
	size    atomic.Int64
	more    chan struct{} // something to read; closed at the end
	cancel  context.CancelFunc
	done    gosync.WaitGroup
	sums    []hash.Hash
	err     error // of the reading; after done
}

func newVerifier(ctx context.Context, j *job, w *local.Writer, t *remote.Tail) *verifier {
	v := &verifier{w: w, more: make(chan struct{}, 1), digests: allDigests(j.Digests, t)}
	if j.Pieces != nil && j.want.Size >= 0 && w.Size() > 0 {
		v.pieces = newPieceCheck(j.Pieces, j.want.Size, w.Size())
	}
	if len(v.digests) == 0 && v.pieces == nil {
		return v
	}
	ctx, v.cancel = context.WithCancel(ctx)
	v.sums = newSums(v.digests)
	v.size.Store(w.Size())
	v.more <- struct{}{}
	v.done.Go(func() { v.err = v.follow(ctx) })
	return v
}

func newSums(ds []listing.Digest) []hash.Hash {
	var sums []hash.Hash
	for _, d := range ds {
		sums = append(sums, d.New())
	}
	return sums
}

// writers are what reads the file's bytes.
func writers(sums []hash.Hash, pieces *pieceCheck) []io.Writer {
	var all []io.Writer
	for _, h := range sums {
		all = append(all, h)
	}
	if pieces != nil {
		all = append(all, pieces)
	}
	return all
}

// allDigests adds the digests that the remote offers to those of the list. A weak one is
// not worth computing beside a strong one that the remote happens to offer.
func allDigests(ds []listing.Digest, t *remote.Tail) []listing.Digest {
	if t.Digests == nil {
		return ds
	}
	all := append([]listing.Digest(nil), ds...)
	for name, sum := range t.Digests() {
		d := listing.Digest{Algorithm: name, Sum: string(sum)}
		known := false
		for _, have := range all {
			known = known || have.Algorithm == name
		}
		if !known {
			all = append(all, d)
		}
	}
	return all
}

// grown tells that the file has size bytes by now.
func (v *verifier) grown(size int64) {
	v.size.Store(size)
	select {
	case v.more <- struct{}{}:
	default:
	}
}

func (v *verifier) follow(ctx context.Context) error {
	buf := blocks.Get().(*[]byte)
	defer blocks.Put(buf)
	all := writers(v.sums, v.pieces)
	var pos int64
	for range v.more {
		if err := hashTo(ctx, v.w, *buf, &pos, v.end(), all); err != nil {
			return err
		}
	}
	return hashTo(ctx, v.w, *buf, &pos, v.end(), all)
}

// end returns up to where the file is to be read by now.
func (v *verifier) end() int64 {
	if len(v.sums) == 0 {
		return min(v.size.Load(), v.pieces.until)
	}
	return v.size.Load()
}

// hashTo gives bytes [*pos, end) of r to all writers, which never fail.
func hashTo(ctx context.Context, r io.ReaderAt, buf []byte, pos *int64, end int64, all []io.Writer) error {
	for *pos < end {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := r.ReadAt(buf[:min(int64(len(buf)), end-*pos)], *pos)
		if n == 0 && err != nil {
			if err == io.EOF {
				err = local.ErrChanged
			}
			return err
		}
		for _, w := range all {
			w.Write(buf[:n])
		}
		*pos += int64(n)
	}
	return nil
}

// stop gives up.
func (v *verifier) stop() {
	if v.cancel == nil {
		return
	}
	v.cancel()
	close(v.more)
	v.done.Wait()
}

// wait ends the hashing and returns the first digest that is wrong, nil if none is. A
// digest that came behind the body (a trailer) is computed now.
func (v *verifier) wait(t *remote.Tail) (bad error, err error) {
	if v.cancel != nil {
		close(v.more)
		v.done.Wait()
		v.cancel()
		if v.err != nil {
			return nil, v.err
		}
	}
	if bad := v.pieces.bad(); bad != nil {
		return bad, nil
	}
	if bad := compareSums(v.digests, v.sums); bad != nil {
		return bad, nil
	}
	late := allDigests(v.digests, t)[len(v.digests):]
	if len(late) == 0 {
		return nil, nil
	}
	v.digests = append(v.digests, late...)
	return checkDigests(context.Background(), v.w, v.w.Size(), late)
}

func compareSums(ds []listing.Digest, sums []hash.Hash) error {
	for i, d := range ds {
		if got := (listing.Digest{Algorithm: d.Algorithm, Sum: string(sums[i].Sum(nil))}); got != d {
			return fmt.Errorf("%w: %v, not %v", errDigest, got, d)
		}
	}
	return nil
}

// checkDigests reads a file of size bytes and returns the first digest that is wrong.
func checkDigests(ctx context.Context, r io.ReaderAt, size int64, ds []listing.Digest) (bad error, err error) {
	return check(ctx, r, size, ds, nil)
}

// check reads a file of size bytes and returns the first piece, or digest, that is wrong.
func check(ctx context.Context, r io.ReaderAt, size int64, ds []listing.Digest, pieces *pieceCheck) (bad error, err error) {
	if len(ds) == 0 && pieces == nil {
		return nil, nil
	}
	buf := blocks.Get().(*[]byte)
	defer blocks.Put(buf)
	sums := newSums(ds)
	var pos int64
	if err := hashTo(ctx, r, *buf, &pos, size, writers(sums, pieces)); err != nil {
		return nil, err
	}
	if bad := pieces.bad(); bad != nil {
		return bad, nil
	}
	return compareSums(ds, sums), nil
}
