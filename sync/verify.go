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

// verifier computes the digests of a file that grows. It reads behind the writer, so the
// prefix is hashed while the rest comes in, and what is hashed is what the file holds.
type verifier struct {
	digests []listing.Digest
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
	if len(v.digests) == 0 {
		return v
	}
	ctx, v.cancel = context.WithCancel(ctx)
	for _, d := range v.digests {
		v.sums = append(v.sums, d.New())
	}
	v.size.Store(w.Size())
	v.more <- struct{}{}
	v.done.Go(func() { v.err = v.follow(ctx) })
	return v
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
	var pos int64
	for range v.more {
		if err := hashTo(ctx, v.w, *buf, &pos, v.size.Load(), v.sums); err != nil {
			return err
		}
	}
	return hashTo(ctx, v.w, *buf, &pos, v.size.Load(), v.sums)
}

// hashTo hashes bytes [*pos, end) of r.
func hashTo(ctx context.Context, r io.ReaderAt, buf []byte, pos *int64, end int64, sums []hash.Hash) error {
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
		for _, h := range sums {
			h.Write(buf[:n])
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
	if len(ds) == 0 {
		return nil, nil
	}
	buf := blocks.Get().(*[]byte)
	defer blocks.Put(buf)
	var sums []hash.Hash
	for _, d := range ds {
		sums = append(sums, d.New())
	}
	var pos int64
	if err := hashTo(ctx, r, *buf, &pos, size, sums); err != nil {
		return nil, err
	}
	return compareSums(ds, sums), nil
}
