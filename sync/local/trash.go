package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Trash is a directory that takes what is removed from a Dir.
type Trash struct {
	from, to *Dir
}

// OpenTrash opens a directory as the trash of d, and makes it and its parents first. It may
// lie inside d; Tree does not enter it then. It must be where names of d can be renamed to:
// on the same file system, and in the same mount of it. Nothing is made if it is not.
func (d *Dir) OpenTrash(dir string) (*Trash, error) {
	if dir == "" {
		return nil, errors.New("the trash has no name")
	}
	if err := d.checkTrash(dir); err != nil {
		return nil, err
	}
	to, err := Open(dir, true, nil)
	if err != nil {
		return nil, err
	}
	t := &Trash{d, to}
	if err := t.check(); err != nil {
		to.Close()
		return nil, err
	}
	return t, nil
}

// checkTrash looks at the deepest directory that there is on the way to the trash.
func (d *Dir) checkTrash(dir string) error {
	at, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for {
		_, err := os.Stat(at)
		if err == nil {
			break
		}
		up := filepath.Dir(at)
		if !errors.Is(err, fs.ErrNotExist) || up == at {
			return err
		}
		at = up
	}
	r, err := openRoot(at)
	if err != nil {
		return err
	}
	defer r.close()
	return d.checkPlace(r, dir)
}

func (d *Dir) checkPlace(r *root, dir string) error {
	home, err := d.root.place()
	if err != nil {
		return err
	}
	at, err := r.place()
	if err != nil {
		return err
	}
	if !at.with(home) {
		return fmt.Errorf("the trash %q is on another file system than %q: nothing can be renamed to there; choose a directory on the same one", dir, d.path)
	}
	return nil
}

// check makes sure that the trash is neither the Dir nor above it: then what is put there
// could be in the Dir again. From now on the Dir knows its trash.
func (t *Trash) check() error {
	if err := t.from.checkPlace(t.to.root, t.to.path); err != nil {
		return err
	}
	if _, above, err := below(t.from, t.to); err != nil {
		return err
	} else if above {
		return fmt.Errorf("the trash %q holds the directory %q itself", t.to.path, t.from.path)
	}
	at, err := t.to.root.place()
	if err != nil {
		return err
	}
	t.from.root.trash.Store(&at.id)
	return nil
}

// Path returns the trash's path as it was given.
func (t *Trash) Path() string { return t.to.path }

// Close closes the trash. The Dir goes on to leave it out.
func (t *Trash) Close() error { return t.to.Close() }

// Within says where the trash lies in a Dir, slash-separated, if it does.
func (t *Trash) Within(d *Dir) (path string, inside bool) {
	path, inside, err := below(t.to, d)
	return path, inside && err == nil
}

// below says where one directory lies in another: "" if they are the same. It compares the
// directories above it themselves, as the case of their names may not matter.
func below(d, top *Dir) (path string, ok bool, err error) {
	want, err := top.root.f.Stat()
	if err != nil {
		return "", false, err
	}
	at, err := filepath.Abs(d.path)
	if err != nil {
		return "", false, err
	}
	if at, err = filepath.EvalSymlinks(at); err != nil {
		return "", false, err
	}
	for {
		fi, err := os.Stat(at)
		if err != nil {
			return "", false, err
		}
		if os.SameFile(fi, want) {
			return path, true, nil
		}
		up := filepath.Dir(at)
		if up == at {
			return "", false, nil
		}
		path = strings.TrimSuffix(filepath.Base(at)+"/"+path, "/")
		at = up
	}
}

// maxVersions bounds how many things of one name the trash takes.
const maxVersions = 9999

// Put moves what was found to its path in the trash, and makes the directories there. If
// there is something of that name, it is kept, and the new one gets ".~1~", ".~2~" … at
// its end. If a file is where a directory is needed, the first directory gets that.
// Directories are not put there: they are removed, empty. As with Remove, ErrChanged says
// that it is not what was found any more.
func (t *Trash) Put(f Found) error {
	if f.Kind == KindDir {
		return fmt.Errorf("%q: a directory is not moved to the trash, only what is in it", f.Path)
	}
	p, name, err := t.from.still(f)
	if err != nil {
		return err
	}
	defer p.close()
	dir, _ := splitPath(f.Path)
	to, err := t.open(dir)
	if err != nil {
		// Not wrapped: that the trash is gone is not that the file is gone.
		return fmt.Errorf("%q: the trash can't take it: %v", f.Path, err)
	}
	defer to.close()
	for n := range maxVersions {
		err := p.moveNew(name, to, versionName(name, n))
		switch {
		case errors.Is(err, fs.ErrExist):
			continue
		case errors.Is(err, fs.ErrNotExist) && p.free(name) != nil:
			return fmt.Errorf("%q: the trash %q was removed", f.Path, t.to.path)
		}
		return withPath(f.Path, err)
	}
	return fmt.Errorf("%q: the trash has %d of this name: empty it", f.Path, maxVersions)
}

// open opens a directory of the trash.
func (t *Trash) open(dir string) (*parent, error) {
	first, rest, _ := strings.Cut(dir, "/")
	for n := range maxVersions {
		p, err := t.to.root.openParent(strings.TrimSuffix(versionName(first, n)+"/"+rest, "/"), true)
		if dir == "" || !errors.Is(err, ErrNotRegular) {
			return p, err
		}
	}
	return nil, fmt.Errorf("there are %d of %q: empty it", maxVersions, first)
}

// versionName returns a name with the ending of its n-th version, none for 0. It is cut if
// it would get too long.
func versionName(name string, n int) string {
	if n == 0 {
		return name
	}
	end := ".~" + strconv.Itoa(n) + "~"
	if len(name)+len(end) <= maxName {
		return name + end
	}
	valid := utf8.ValidString(name)
	name = name[:maxName-len(end)]
	for valid && !utf8.ValidString(name) {
		name = name[:len(name)-1]
	}
	return name + end
}
