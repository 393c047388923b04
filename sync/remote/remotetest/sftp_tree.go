package remotetest

import (
	"os"
	"slices"
	"strings"
	"time"
)

// node is what stands under a name. The server's mutex guards it.
type node struct {
	mode      os.FileMode      // the type only
	children  map[string]*node // of a directory
	forbidden bool
	madeUp    func(i int) (name string, f File, ok bool) // of a directory, or nil
	target    string                                     // of a symbolic link
	inode     *inode                                     // of a file

	faults []SFTPFault
	used   []int // how often each of the faults was

	opens, stats, handles int
	bytes                 int64
	opened                time.Time // for the last time
}

// inode is a file's content. A handle keeps the one that it was opened with, so that a
// node that gets another one is a file replaced by rename.
type inode struct{ file File }

func newDir() *node { return &node{mode: os.ModeDir, children: make(map[string]*node)} }

func (n *node) replace(change func(*File)) {
	f := n.inode.file
	change(&f)
	n.inode = &inode{file: f}
}

// dir returns the directory of that name below n; what is missing is made.
func (n *node) dir(name string) *node {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" {
			continue
		}
		next := n.children[part]
		if next == nil || next.children == nil {
			next = newDir()
			n.children[part] = next
		}
		n = next
	}
	return n
}

// parent returns the directory that a name is in, and the name there.
func (n *node) parent(name string) (dir *node, base string) {
	i := strings.LastIndexByte(name, '/') + 1
	return n.dir(name[:i]), name[i:]
}

// names returns what READDIR gives, backwards, because nobody may count on an order.
func (n *node) names() []string {
	names := []string{".", ".."}
	for name := range n.children {
		names = append(names, name)
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names
}

// attrs returns what an honest server says of a node.
func (n *node) attrs() attrs {
	a := attrs{flags: attrSize | attrOwner | attrMode, size: 4096, mode: unixType(n.mode)}
	switch {
	case n.inode != nil:
		a = n.inode.attrs()
	case n.forbidden:
		a.setTime(suiteTime)
	case n.mode == os.ModeSymlink:
		a.mode |= 0o777
		a.size = uint64(len(n.target))
		a.setTime(suiteTime)
	default:
		a.mode |= 0o755
		a.setTime(suiteTime)
	}
	return a
}

func (i *inode) attrs() attrs {
	a := attrs{flags: attrSize | attrOwner | attrMode, size: uint64(i.file.Size()), mode: unixType(0) | 0o644}
	a.setTime(i.file.ModTime)
	return a
}

// place is a way from the root to a node.
type place struct {
	names []string
	nodes []*node // nodes[0] is the root
}

func (p place) node() *node    { return p.nodes[len(p.nodes)-1] }
func (p place) String() string { return "/" + strings.Join(p.names, "/") }
func (p place) down(name string, n *node) place {
	return place{append(slices.Clip(p.names), name), append(slices.Clip(p.nodes), n)}
}

// maxLinks is how many symbolic links one path may lead through.
const maxLinks = 40

// resolve finds the place that a path means. Without follow a symbolic link at its end
// is the place.
func (n *node) resolve(path string, follow bool) (place, status) {
	at := place{nodes: []*node{n}}
	if !strings.HasPrefix(path, "/") {
		path = "/" + SFTPHome + "/" + path
	}
	todo := strings.Split(path, "/")
	for links := 0; len(todo) > 0; {
		name, dir := todo[0], at.node()
		todo = todo[1:]
		if name == "" && len(at.nodes) == 1 {
			continue
		}
		if dir.children == nil {
			return at, fxNoSuchFile // ENOTDIR
		}
		switch name {
		case "", ".":
			continue
		case "..":
			up := max(len(at.names)-1, 0)
			at = place{at.names[:up], at.nodes[:up+1]}
			continue
		}
		if dir.forbidden {
			return at, fxPermissionDenied
		}
		next := dir.children[name]
		switch {
		case next == nil:
			return at, fxNoSuchFile
		case next.mode == os.ModeSymlink && (follow || len(todo) > 0):
			if links++; links > maxLinks {
				return at, fxNoSuchFile // ELOOP
			}
			if strings.HasPrefix(next.target, "/") {
				at = place{nodes: []*node{n}}
			}
			todo = slices.Concat(strings.Split(next.target, "/"), todo)
		default:
			at = at.down(name, next)
		}
	}
	return at, fxOK
}
