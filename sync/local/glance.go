package local

// Glancer tells of files what Look does, without opening those that it need not open: two
// system calls for a file that is complete. It is for one goroutine.
type Glancer struct {
	dir    *Dir
	parent *parent // nil: of no directory yet, or of one that is not there
	in     string  // the path of that directory
	asked  bool    // in is set
	glancerSystem
}

// Glancer returns a Glancer of the directory, to be closed before the Dir is.
func (d *Dir) Glancer() *Glancer { return &Glancer{dir: d} }

// Close gives up the directory that was glanced into last.
func (g *Glancer) Close() {
	if g.parent != nil {
		g.dir.release(g.parent)
		g.parent = nil
	}
	g.asked = false
}

// Glance returns what Look finds at path if that is a regular file, but for Holes, see
// there. ok is false where there is none, or where this is for Look to tell. The Stamp is
// valid until the next Glance.
//
// A file that another program swaps in between the calls can lend its stamp to the size and
// the time of the one before it. It passes for complete only where its stamp says so of the
// very same size and time.
func (g *Glancer) Glance(path string) (s State, ok bool) {
	dir, name := splitPath(path)
	if !g.asked || g.in != dir {
		g.enter(dir)
	}
	if g.parent == nil || g.parent.elsewhere {
		return State{}, false
	}
	s, ok = g.glance(name)
	return s, ok && s.Exists
}

// Holes tells State.Holes of the file that was glanced at last. ok is false where it cannot
// be told, or where that file is no longer there.
func (g *Glancer) Holes(s State) (holes, ok bool) {
	if s.Stamp != nil || s.Size == 0 {
		return false, true
	}
	return g.holes(s)
}

// enter takes the handle of a directory. One that is not there yet is not asked for again
// until there was another one: Look does that.
func (g *Glancer) enter(dir string) {
	g.Close()
	g.in, g.asked = dir, true
	if p, err := g.dir.parent(dir, false); err == nil {
		g.parent = p
	}
}
