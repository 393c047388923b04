package main

import (
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

const (
	// spoolRights make a file in a directory, fill it, and remove or rename it.
	spoolRights landlock.AccessFSSet = llsyscall.AccessFSWriteFile | llsyscall.AccessFSTruncate |
		llsyscall.AccessFSMakeReg | llsyscall.AccessFSRemoveFile

	// treeRights are what a pull does to files and directories below the destination.
	treeRights = spoolRights | llsyscall.AccessFSMakeDir | llsyscall.AccessFSRemoveDir | llsyscall.AccessFSRefer

	// everyRight is all that changes a tree. What is moved to a trash may be of any kind,
	// and the kernel lets nothing be moved to where more is allowed.
	everyRight = treeRights | llsyscall.AccessFSMakeSym | llsyscall.AccessFSMakeFifo | llsyscall.AccessFSMakeSock |
		llsyscall.AccessFSMakeChar | llsyscall.AccessFSMakeBlock
)

// confine keeps the process, with all its threads, from changing any name or content
// outside of some places, for good: by Landlock (landlock(7)), which Linux has from 5.13
// on and which is used from 5.19 on, as renaming from one directory to another could not
// be allowed before. Where the kernel does not offer it, nothing is confined and nobody is
// told: it is a second wall behind the first. What is open already stays so, and reading
// is not confined.
//
// A thread confines itself only, so the library has each of them do it. In a build with C
// code it finds them in /proc, and ends the process where that cannot be read.
func confine(p places) {
	threads, err := os.Open("/proc/self/task")
	if err != nil {
		return
	}
	threads.Close()
	tree := treeRights
	if len(p.trees) > 1 {
		tree = everyRight
	}
	// The terminal is where a passphrase is asked for.
	rules := []landlock.Rule{landlock.PathAccess(llsyscall.AccessFSWriteFile, ttyName).IgnoreIfMissing()}
	for _, dir := range p.trees {
		rules = append(rules, landlock.PathAccess(tree, dir))
	}
	for _, dir := range p.spools {
		rules = append(rules, landlock.PathAccess(spoolRights, dir).IgnoreIfMissing())
	}
	_ = landlock.MustConfig(everyRight).BestEffort().RestrictPaths(rules...)
}
