package main

import (
	"errors"
	"io/fs"
	"path/filepath"

	"fsync/sync"
)

// scope says what in a directory is in no list. What the run itself needs there is not
// looked at: the lists of these names, the trash ("" if there is none), and where entries
// come from. Nor is what the file system keeps for itself.
func (ls *lists) scope(dir string, names []string, trash string) sync.Scope {
	spared := map[string]bool{"lost+found": true}
	spare := func(name string) {
		if path, ok := within(dir, name); ok {
			spared[path] = true
		}
		if path, ok := linkWithin(dir, name); ok {
			spared[path] = true
		}
	}
	spare(trash)
	for _, name := range names {
		spare(localName(name))
	}
	for _, l := range ls.all {
		spare(l.source())
		if l.isWalk && l.opts.Place.Scheme == "file" {
			spare(filepath.FromSlash(l.opts.Place.Path))
		}
	}
	scope := sync.Scope{Paths: ls.paths, Spare: func(path string) bool { return spared[path] }}
	if ls.filter != nil {
		scope.Keep, scope.Prunes = ls.filter.Keep, ls.filter.Prunes
	}
	return scope
}

// localName returns the file of this machine that a LIST is, "" if it is none.
func localName(list string) string {
	if list == "-" {
		return "/dev/stdin" // where that leads to the file; else it is nowhere
	}
	u, err := remoteURL(list)
	switch {
	case err != nil:
		return ""
	case u == nil:
		return list
	case u.Scheme == "file":
		return filepath.FromSlash(u.Path)
	}
	return ""
}

// within returns the slash-separated path of a local file relative to a directory that it
// lies in.
func within(dir, name string) (path string, ok bool) {
	if name == "" {
		return "", false
	}
	name, err := realPath(name)
	if err != nil {
		return "", false
	}
	return relative(dir, name)
}

// linkWithin is within for a name itself, where that is a symbolic link.
func linkWithin(dir, name string) (path string, ok bool) {
	if name == "" {
		return "", false
	}
	parent, err := realPath(filepath.Dir(name))
	if err != nil {
		return "", false
	}
	return relative(dir, filepath.Join(parent, filepath.Base(name)))
}

func relative(dir, real string) (path string, ok bool) {
	dir, err := realPath(dir)
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(dir, real)
	return filepath.ToSlash(rel), err == nil && rel != "." && filepath.IsLocal(rel)
}

// realPath resolves symbolic links; the last elements need not be there.
func realPath(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	up := filepath.Dir(abs)
	if up == abs {
		return "", err
	}
	if up, err = realPath(up); err != nil {
		return "", err
	}
	return filepath.Join(up, filepath.Base(abs)), nil
}
