//go:build linux

package main

import "slices"

// The classes beside "": programs that make their files durable, and, where the others have no
// server, those that have one.
const (
	durable = "durable"
	overSSH = "ssh"
)

// A tool is a program with one way to call it.
type tool struct {
	name  string
	limit bool     // what can be had at all, no peer
	class string   // it is compared with peers of its class; "" is the one that is drawn
	needs []string // programs beside argv[0]

	// argv returns the command that brings the source's files to a directory, which is
	// there. nil leaves the tool out. stdout, if not "", is the name of the file there
	// that its output is. unseen says that it leaves nothing to compare.
	argv   func(dest string) []string
	stdout string
	unseen bool

	// prepare, if set, is what the plan's seed is for others.
	prepare func(dest string) error
	own     bool // there is nothing before its first run, whatever the plan's seed
}

func isFsync(t tool) bool { return len(t.name) >= 5 && t.name[:5] == "fsync" }

// installed drops what is not there or not asked for.
func (b *bed) installed(tools []tool) []tool {
	return slices.DeleteFunc(tools, func(t tool) bool {
		argv := t.argv("dest")
		if len(argv) == 0 || !t.limit && !b.only.MatchString(t.name) {
			return true
		}
		for _, name := range append([]string{argv[0]}, t.needs...) {
			if !b.has(name) {
				return true
			}
		}
		return false
	})
}

// withSync is a program, and sync(1) after it.
func withSync(t tool) tool {
	inner := t.argv
	t.name, t.class = t.name+" && sync", durable
	t.needs = append(slices.Clone(t.needs), "sync")
	if argv := inner("dest"); len(argv) > 0 {
		t.needs = append(t.needs, argv[0])
	}
	t.argv = func(dest string) []string {
		return append([]string{"sh", "-c", `"$@" && sync`, "sh"}, inner(dest)...)
	}
	return t
}
