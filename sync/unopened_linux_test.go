package sync

import (
	"bytes"
	"net/http"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fsync/sync/remote/remotetest"
)

// TestNotModifiedUnopened: a file that the remote says is still that version is not opened,
// whatever lies beside it.
func TestNotModifiedUnopened(t *testing.T) {
	l := newLab(t)
	l.put("f", remotetest.Content(61, 5000))
	l.want(Fetched, l.entry("f"))
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, l.path("f"), unix.IN_OPEN); err != nil {
		t.Skip(err)
	}
	r := l.pullAll(t.Context(), l.entry("f"))["f"]
	if n, _ := unix.Read(fd, make([]byte, 4096)); n > 0 {
		t.Error("the file was opened")
	}
	if asked := l.server.Requests("f"); r.Outcome != UpToDate || asked[len(asked)-1].Header.Get("If-None-Match") == "" {
		t.Errorf("%v (%v)", r.Outcome, r.Err)
	}
	// A copy that a run left which was to replace the file is seen all the same.
	l.write(".f.fsync", []byte("of no version"), then)
	l.want(UpToDate, l.entry("f"))
	l.noSide("f")
}

// TestChangedBeforeAnswer: what somebody does to a complete file after it was asked about is
// seen before anything is made of the answer.
func TestChangedBeforeAnswer(t *testing.T) {
	t.Parallel()
	old, next := remotetest.Content(62, 5000), remotetest.Content(63, 7000)
	for name, change := range map[string]func(l *lab){
		"removed":   func(l *lab) { os.Remove(l.path("f")) },
		"grown":     func(l *lab) { l.write("f", append(old[:len(old):len(old)], 1), time.Now()) },
		"cut":       func(l *lab) { os.Truncate(l.path("f"), 100) },
		"emptied":   func(l *lab) { os.Truncate(l.path("f"), 0) },
		"exchanged": func(l *lab) { os.Remove(l.path("f")); l.write("f", next[:3000], time.Now()) },
	} {
		l := newLab(t)
		asked := 0
		e := l.entry("f", l.handle(func(w http.ResponseWriter, r *http.Request) {
			content, tag := old, `"old"`
			if asked++; asked > 1 {
				content, tag = next, `"next"`
			}
			if asked == 2 {
				change(l)
			}
			w.Header().Set("ETag", tag)
			http.ServeContent(w, r, "f", then, bytes.NewReader(content))
		}))
		l.want(Fetched, e)
		if r := l.pull(e); !r.Outcome.OK() {
			t.Errorf("%s: %v (%v)", name, r.Outcome, r.Err)
		}
		l.same("f", next)
		l.noSide("f")
	}
}
