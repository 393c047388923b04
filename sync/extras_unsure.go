package sync

import (
	"path"
	"strings"
	"unicode/utf8"

	"fsync/listing"
	"fsync/sync/local"
)

// settle tells that of the names of a directory on which its other names decide.
func (n *names) settle(dir string, in *level) bool {
	if len(in.unsure) == 0 {
		return true
	}
	found := in.unsure
	in.unsure = nil
	all, err := n.dir.Names(n.ctx, dir)
	if err != nil {
		in.kept = true
		return n.yield(local.Found{Path: dir, Kind: local.KindDir}, outside, err)
	}
	beside := n.beside(dir, found, all)
	for _, f := range found {
		name := path.Base(f.Path)
		v := listed
		switch stage := n.Paths.File(f.Path) == listing.NoMatch; {
		case stage && !beside[name]:
			v = extra
		case !stage && utf8.ValidString(name) && beside[strings.ToLower(name)]:
			v = extra
		}
		if !n.take(in, f, v) {
			return false
		}
	}
	return true
}

// beside returns which of the names in question have an entry's file beside them: for a
// hashed staged copy that of the long name, for any other name in lower case the one that
// differs in case. What they are asked by cannot be taken for each other: an entry has no
// name of a staged copy.
func (n *names) beside(dir string, found []local.Found, all []string) map[string]bool {
	beside := make(map[string]bool, 2*len(found))
	for _, f := range found {
		name := path.Base(f.Path)
		beside[name], beside[strings.ToLower(name)] = false, false
	}
	for _, name := range all {
		p := path.Join(dir, name)
		lower, stage := strings.ToLower(name), local.StageName(name)
		if is, asked := beside[lower]; asked && !is && n.Paths.File(p) == listing.FullMatch {
			beside[lower] = true
		}
		if is, asked := beside[stage]; asked && !is && n.belongs(p) {
			beside[stage] = true
		}
	}
	return beside
}
