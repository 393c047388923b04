package main

import (
	"os"
	"path/filepath"
)

// places are directories that a run changes something in.
type places struct {
	trees  []string // all below them
	spools []string // files in them that the run makes itself
}

// outputPlaces are those of a command that writes nothing but one file ("", "-": nor that).
func outputPlaces(file string) places {
	p := places{spools: []string{os.TempDir()}}
	if file != "" && file != "-" {
		if target, err := filepath.EvalSymlinks(file); err == nil {
			file = target
		}
		p.spools = append(p.spools, filepath.Dir(file))
	}
	return p
}

// confinable says that nothing that the flags ask for writes where it cannot be told
// ahead: another program, or a known_hosts file that ssh_config names for each host.
func (n network) confinable() bool { return n.SshCommand == "" && !n.AcceptNewHostKeys }

// confineTo confines a pull to the destination and the trash. By then both are there, the
// lists are read, and the copies of them have no name any more: nothing else is written.
func (c *pullCmd) confineTo(s *streams) {
	if !c.confinable() {
		return
	}
	var p places
	if !c.DryRun {
		p.trees = append(p.trees, c.Dir)
		if c.Trash != "" {
			p.trees = append(p.trees, c.Trash)
		}
	}
	s.confine(p)
}
