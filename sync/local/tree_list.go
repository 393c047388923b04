package local

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

// listBatch is how many names are read at once: on a slow file system a context that is
// done should be noticed in between.
const listBatch = 4096

func listFile(ctx context.Context, f *os.File) ([]string, error) {
	var names []string
	for ctx.Err() == nil {
		some, err := f.Readdirnames(listBatch)
		names = append(names, some...)
		if err == io.EOF {
			return names, nil
		}
		if err != nil {
			return names, err
		}
	}
	return nil, context.Cause(ctx)
}

// free says by an error that there is something of a name.
func (p *parent) free(name string) error {
	_, err := p.kind(name)
	switch {
	case err == nil:
		return &fs.PathError{Op: "rename", Path: name, Err: fs.ErrExist}
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// Names returns the names in a directory of d ("" for d itself), in no order.
func (d *Dir) Names(ctx context.Context, dir string) ([]string, error) {
	p, err := d.root.openParent(dir, false)
	if err != nil {
		return nil, err
	}
	defer p.close()
	names, err := p.list(ctx)
	return names, withPath(dir, err)
}
