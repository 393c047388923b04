package local

import (
	"io"
	"strings"
	"sync/atomic"
)

// stages remembers of a directory whether it has any staged copy: most have none, and one
// reading of the directory tells that of all its files.
type stages struct {
	state  atomic.Int32
	lookup atomic.Int32 // how often a copy was looked for by its name
}

const (
	stagesUnknown int32 = iota
	stagesNone          // what others begin from now on is not this run's to go on with
	stagesMaybe         // each is looked for by its name

	// After so many lookups it is worth while to read a directory of at most so many names.
	stageLookups = 8
	stageNames   = 4096
)

// unstaged says that there is no staged copy in the directory.
func (p *parent) unstaged() bool {
	s := &p.stages
	if s.state.Load() == stagesUnknown && s.lookup.Add(1) == stageLookups {
		found := stagesMaybe
		if p.readUnstaged() {
			found = stagesNone
		}
		s.state.CompareAndSwap(stagesUnknown, found) // a copy may have been begun meanwhile
	}
	return s.state.Load() == stagesNone
}

// readUnstaged reads the directory. An error, or too many names, leave it open.
func (p *parent) readUnstaged() bool {
	f, err := p.openSelf()
	if err != nil {
		return false
	}
	defer f.Close()
	names, err := f.Readdirnames(stageNames)
	if err != nil && err != io.EOF || len(names) == stageNames {
		return false
	}
	for _, name := range names {
		if IsStageName(strings.ToLower(name)) { // some file systems fold case
			return false
		}
	}
	return true
}
