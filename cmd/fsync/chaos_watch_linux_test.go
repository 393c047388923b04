package main

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	gosync "sync"
	"testing"

	"golang.org/x/sys/unix"
)

// aims are the events of a directory (inotify(7)) that a kill may follow, and up to how
// many of them pass before.
var aims = []struct {
	event uint32
	most  int
}{
	{unix.IN_CREATE, 8},
	{unix.IN_ATTRIB, 24}, // stamp, mode, modification time
	{unix.IN_MODIFY, 60}, // write, truncate
	{unix.IN_MOVED_TO, 4},
	{unix.IN_CLOSE_WRITE, 10},
	{unix.IN_DELETE, 2},
	{unix.IN_OPEN, 60},
}

// watcher calls a function right after the n-th event of one kind in some directories.
type watcher struct {
	f     *os.File
	event uint32
	left  int
	done  gosync.WaitGroup
	hit   bool
}

// watch begins with the directories that are there.
func watch(t *testing.T, r *rand.Rand, dirs ...string) *watcher {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	aim := aims[r.IntN(len(aims))]
	w := &watcher{f: os.NewFile(uintptr(fd), "inotify"), event: aim.event, left: 1 + r.IntN(aim.most)}
	for _, dir := range dirs {
		if _, err := unix.InotifyAddWatch(fd, dir, aim.event); err != nil && err != unix.ENOENT {
			t.Fatal(err)
		}
	}
	return w
}

func (w *watcher) at(do func()) {
	w.done.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := w.f.Read(buf)
			if err != nil {
				return
			}
			for at := 0; at+unix.SizeofInotifyEvent <= n; {
				if binary.NativeEndian.Uint32(buf[at+4:])&w.event != 0 {
					if w.left--; w.left == 0 {
						w.hit = true
						do()
					}
				}
				at += unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buf[at+12:]))
			}
		}
	})
}

// close ends the watch and says whether the event came.
func (w *watcher) close() bool {
	if w == nil {
		return false
	}
	w.f.Close()
	w.done.Wait()
	return w.hit
}
