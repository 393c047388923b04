package local

import (
	"errors"
	"fmt"
	"io/fs"
)

// ErrNotEmpty is wrapped by the error of removing a directory that has something in it.
var ErrNotEmpty = errors.New("the directory is not empty")

// Remove removes the name of a file or of anything else but a directory, and a directory
// if it is empty (else ErrNotEmpty). It removes only what was found: if the name is
// something else by now, or the file was written to, or a symbolic link is where its
// directory was, the error wraps ErrChanged. If it is gone, it wraps fs.ErrNotExist.
func (d *Dir) Remove(f Found) error {
	p, name, err := d.still(f)
	if err != nil {
		return err
	}
	defer p.close()
	if f.Kind != KindDir {
		return withPath(f.Path, p.remove(name))
	}
	switch err := p.removeDir(name); {
	case errors.Is(err, fs.ErrExist): // ENOTEMPTY, or EEXIST (rmdir(2))
		return &fs.PathError{Op: "remove", Path: f.Path, Err: ErrNotEmpty}
	case err != nil:
		return withPath(f.Path, err)
	}
	if old := d.cached(f.Path); old != nil {
		d.forget(old) // nothing can be made in it any more
	}
	return nil
}

// still opens the directory of what was found, and makes sure that it is still there. The
// handle is a new one: that of a directory which was moved out of the Dir leads out, too.
// The name can change hands after this look; then what has it now is in the same directory.
func (d *Dir) still(f Found) (p *parent, name string, err error) {
	if f.Path == "" || f.Elsewhere || f.Skipped {
		return nil, "", fmt.Errorf("%q: not looked into, so not to be removed", f.Path)
	}
	dir, name := splitPath(f.Path)
	p, err = d.root.openParent(dir, false)
	if errors.Is(err, ErrNotRegular) {
		return nil, "", changed(f.Path)
	}
	if err != nil {
		return nil, "", err
	}
	now, err := p.find(name)
	if err == nil && !f.same(now) {
		err = changed(f.Path)
	}
	if err != nil {
		p.close()
		return nil, "", withPath(f.Path, err)
	}
	return p, name, nil
}
