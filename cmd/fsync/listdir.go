package main

import (
	"context"
	"io"
	"os"
	"path"
	"path/filepath"
	gosync "sync"

	"fsync/listing"
	"fsync/sync/local"
	"fsync/sync/remote"
	"fsync/sync/remote/filetail"
)

// readDir takes the files below a directory of this machine, and reads them where the list
// is to have their digests.
func (m *maker) readDir(ctx context.Context, dir string) error {
	var err error
	if m.Base != "" {
		if m.base, err = baseURL(m.Base); err != nil {
			return err
		}
	}
	filter, err := m.filter()
	if err != nil {
		return err
	}
	d, err := newDirReader(m, dir)
	if err != nil {
		return err
	}
	defer d.close()
	if filter != nil {
		d.keep, d.prunes = filter.Keep, filter.Prunes
	}
	if err := d.walk(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	if text := d.walked.warning(); text != "" {
		newConsole(m.streams, m.Quiet).warn(text)
	}
	if m.failed == 0 && m.sorter.empty() {
		return d.nothing()
	}
	return nil
}

// dirReader reads a directory of this machine.
type dirReader struct {
	*maker
	dir    string
	hasher *hasher // nil: digests are not wanted
	probe  *listing.Writer
	keep   func(path string) bool
	prunes func(dir string) bool

	walked walked

	mu       gosync.Mutex // guards what the maker keeps
	err      error        // of the sorter
	progress *listProgress
}

func newDirReader(m *maker, dir string) (*dirReader, error) {
	d := &dirReader{maker: m, dir: dir, progress: newListProgress(m.listCmd, m.streams)}
	d.probe = m.format.NewWriter(io.Discard, listing.WriterOptions{Base: m.base})
	proves := m.format == listing.SHA256Sums || m.format == listing.Metalink
	if m.Hash == "none" && !proves {
		return d, nil
	}
	var err error
	if d.hasher, err = newHasher(dir); err != nil {
		return nil, usagef("%w", err)
	}
	d.hasher.pieces, d.hasher.length = m.format == listing.Metalink, int64(m.PieceLength)
	d.hasher.bytes = &d.progress.bytes
	return d, nil
}

func (d *dirReader) close() {
	if d.hasher != nil {
		d.hasher.close()
	}
}

// walk reads the directory, and several files of it at a time.
func (d *dirReader) walk(ctx context.Context) error {
	u, err := fileURL(d.dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer d.progress.start()()
	files := make(chan remote.File, 64)
	var readers gosync.WaitGroup
	for range d.jobs() {
		readers.Go(func() {
			for f := range files {
				if !d.read(ctx, f) {
					cancel()
				}
			}
		})
	}
	for f, walkErr := range new(filetail.Client).Walk(ctx, u, d.prunes) {
		switch {
		case ctx.Err() != nil:
		case walkErr != nil && f.Path == "":
			err = usagef("%w", walkErr)
		case walkErr != nil:
			d.lose(walkErr.Error()) // it names the directory
		case d.wants(f):
			select {
			case files <- f:
			case <-ctx.Done():
			}
		}
	}
	close(files)
	readers.Wait()
	if d.err != nil {
		return noPlace(d.err)
	}
	return err
}

// wants says whether a file belongs into the list. What fsync or this run writes there
// does not.
func (d *dirReader) wants(f remote.File) bool {
	switch {
	case f.Skipped == "" && local.IsStageName(path.Base(f.Path)):
		return false
	case d.keep != nil && !d.keep(f.Path):
		return false
	case f.Skipped != "":
		if d.walked.skipped++; d.walked.skipped == 1 {
			d.walked.first = f
		}
		return false
	case d.isOutput(f):
		return false
	}
	// Before it is read: a name that the format cannot hold.
	if err := d.probe.Write(listing.Entry{Path: f.Path, Digests: []listing.Digest{{Algorithm: "sha256"}}}); err != nil {
		d.lose(d.dir + ": " + err.Error())
		return false
	}
	return true
}

// isOutput says that a file is the one that the list is written to.
func (d *dirReader) isOutput(f remote.File) bool {
	if d.self == nil || f.Size != d.self.Size() || !f.ModTime.Equal(d.self.ModTime()) {
		return false
	}
	fi, err := os.Stat(filepath.Join(d.dir, filepath.FromSlash(f.Path)))
	return err == nil && os.SameFile(fi, d.self)
}

// read takes one file. It says whether the walk goes on.
func (d *dirReader) read(ctx context.Context, f remote.File) bool {
	e := listing.Entry{Path: f.Path, Size: f.Size, ModTime: f.ModTime}
	if d.hasher != nil {
		var err error
		if d.lacks() { // only what else cannot be read is still of interest
			err = d.hasher.try(f.Path)
		} else {
			e, err = d.hasher.hash(ctx, f.Path)
		}
		switch {
		case ctx.Err() != nil:
			return true
		case err != nil:
			d.lose(filepath.Join(d.dir, f.Path) + ": " + err.Error())
			return true
		}
	}
	d.progress.files.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.sorter.add(e); err != nil && d.err == nil {
		d.err = err
	}
	return d.err == nil
}

// lacks says that there will be no list.
func (d *dirReader) lacks() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed > 0
}

// lose reports what the list would lack.
func (d *dirReader) lose(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.progress.above(func() { d.fail(text) })
}

// nothing is the error of a directory without files.
func (d *dirReader) nothing() error {
	if d.keep != nil {
		return usagef("%s: --include and --exclude leave no file in the directory", d.dir)
	}
	return usagef("%s: there is no file in the directory", d.dir)
}
