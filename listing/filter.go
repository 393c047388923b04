package listing

import (
	"slices"
	"strings"
)

// Filter says which paths are in scope: the first rule that matches a path decides, and a
// path that none matches is in scope. A nil Filter keeps all.
//
// The patterns are those that rsync users know:
//
//	*.iso         the last element, at any depth; * and ? never match a slash
//	/pool/*.deb   from the top on
//	main/*.deb    with a slash inside: the end of the path, at any depth
//	dists/        everything below a directory; dists/** and dists/*** are the same
//	/a/**/b       ** is any number of elements, none included; it stands alone
//	*.{gz,xz}     alternatives, written out first as a shell does
//	[a-z] [^a-z]  one character of a class; \ takes the next one literally
//
// Rules are about files, not about the directories on the way to them. So "include *.iso,
// exclude *" keeps the images in all directories, which rsync would not enter. As with
// rsync, an exclude rule that matches a directory excludes what is below it, but an
// include rule includes that only if it ends in a slash or **.
type Filter struct{ rules []rule }

type rule struct {
	include bool
	glob    glob
}

// Add adds a rule after those before.
func (f *Filter) Add(include bool, glob string) error {
	g, err := parseGlob(glob)
	if err != nil {
		return err
	}
	f.rules = append(f.rules, rule{include, g})
	return nil
}

// Keep says whether a file's path is in scope.
func (f *Filter) Keep(path string) bool {
	if f == nil || len(f.rules) == 0 {
		return true
	}
	elems := strings.Split(path, "/")
	for _, r := range f.rules {
		if above, whole := r.glob.match(elems); whole || above && !r.include {
			return r.include
		}
	}
	return true
}

// Prunes says that nothing below a directory can be in scope; "" is the top. It may say no
// where that is so: only if an exclude rule comes before every include rule it is sure.
func (f *Filter) Prunes(dir string) bool {
	if f == nil || len(f.rules) == 0 || f.rules[0].include {
		return false
	}
	elems := []string{"*"} // any name below it
	if dir != "" {
		elems = append(strings.Split(dir, "/"), "*")
	}
	for _, r := range f.rules {
		if r.include {
			return false
		}
		if r.glob.covers(elems) {
			return true
		}
	}
	return false
}

// Globs are patterns of paths, in the language of Filter. A pattern matches as an include
// rule does.
type Globs struct{ globs []glob }

// Add adds a pattern.
func (g *Globs) Add(glob string) error {
	one, err := parseGlob(glob)
	if err != nil {
		return err
	}
	g.globs = append(g.globs, one)
	return nil
}

// Match says whether any of the patterns matches a file's path. Nil Globs match none.
func (g *Globs) Match(path string) bool {
	if g == nil || len(g.globs) == 0 {
		return false
	}
	elems := strings.Split(path, "/")
	return slices.ContainsFunc(g.globs, func(one glob) bool {
		_, whole := one.match(elems)
		return whole
	})
}
