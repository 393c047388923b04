package crashtest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fsync/listing"
	"fsync/sync/remote/remotetest"
)

// oldTime and newTime are the remote's modification times of the two versions.
var (
	oldTime = time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
	newTime = oldTime.Add(time.Hour)
)

// file is one entry of a pull.
type file struct {
	path     string
	old, now []byte // what is here, nil if nothing is, and what is to be here
	digest   bool   // the list has one
}

// task is one directory on the disk with one list, pulled while the log runs.
type task struct {
	name     string
	flags    []string
	files    []file
	list     string
	replaced bool // a name holds the old or the new bytes at any time
	grows    bool // the old bytes stay what they are
	damaged  bool // the old bytes are no version, but the new one with errors
	backup   bool
	unsynced bool // --sync=none

	reported map[string]int // by path: how long the log was when it was reported
}

// work is what is pulled onto one disk.
type work struct {
	server *remotetest.Server
	rand   *rand.Rand
	tasks  []*task
}

var content = remotetest.Content(42, 128<<20)

// bytes returns n bytes that no other call returns, but by chance.
func (w *work) bytes(n int) []byte {
	at := w.rand.IntN(len(content) - n + 1)
	return content[at : at+n : at+n]
}

// small are the sizes round which the program and the file systems go another way.
var small = []int{
	0, 1, 511, 512, 513, 4095, 4096, 4097, 16384, 65535, 65536, 65537, 131072,
	262143, 262145, 1<<20 - 1, 1 << 20, 1<<20 + 1,
}

const (
	mib = 1 << 20
	big = 8 * mib // from here on a file is synced by itself
)

// newWork makes lists for a server's files; digests says that all of them have one, else a
// third has. Larger files for the long form.
func newWork(t testing.TB, seed uint64, long, digests bool) *work {
	t.Helper()
	w := &work{server: remotetest.NewServer(t), rand: rand.New(rand.NewPCG(seed, 2))}
	scale := 1
	if long {
		scale = 3
	}
	fresh := append([]int{24*scale*mib + 4321, big - 1, big + 1, scale*8*mib + 77777}, small...)
	w.add(&task{name: "fresh", flags: []string{"--bwlimit=16MiB"}}, fresh, nil)
	w.add(&task{name: "single", flags: []string{"--bwlimit=2MiB", "--sync=file"}}, append([]int{2*mib + 5}, small[:12]...), nil)
	w.add(&task{name: "none", flags: []string{"--bwlimit=4MiB", "--sync=none"}, unsynced: true}, append([]int{scale * 9 * mib}, small...), nil)
	swap := append([]int{scale*9*mib + 1, mib + 3}, small...)
	w.add(&task{name: "swap", flags: []string{"--bwlimit=4MiB"}, replaced: true}, swap, w.other)
	w.add(&task{name: "backup", flags: []string{"--bwlimit=4MiB", "--backup"}, replaced: true, backup: true}, swap, w.other)
	w.add(&task{name: "patch", flags: []string{"--bwlimit=4MiB"}, replaced: true, damaged: true}, []int{scale*12*mib + 9999}, w.broken)
	w.add(&task{name: "grow", flags: []string{"--bwlimit=4MiB", "--append"}, grows: true}, []int{scale * 12 * mib, mib, 200_000, 5}, w.beginning)
	for _, task := range w.tasks {
		w.writeList(t, task, digests)
	}
	return w
}

// other is an older version of another size.
func (w *work) other(now []byte) []byte { return w.bytes(len(now)*3/4 + 11) }

// beginning is an older version of a file that grows.
func (w *work) beginning(now []byte) []byte { return now[:len(now)/3] }

// broken is a file with some pages wrong.
func (w *work) broken(now []byte) []byte {
	p := append([]byte(nil), now...)
	for range 3 {
		at := w.rand.IntN(len(p) - pageSize)
		copy(p[at:], w.bytes(pageSize))
	}
	return p
}

func (w *work) add(task *task, sizes []int, old func([]byte) []byte) {
	for i, n := range sizes {
		f := file{path: fmt.Sprintf("%02d-%d", i, n), now: w.bytes(n)}
		if old != nil {
			f.old = old(f.now)
		}
		task.files = append(task.files, f)
	}
	task.reported = make(map[string]int)
	w.tasks = append(w.tasks, task)
}

// serve has the server serve one of the versions of all files.
func (w *work) serve(old bool) {
	for _, task := range w.tasks {
		for _, f := range task.files {
			r := remotetest.File{Content: f.now, ModTime: newTime, ETag: `"now"`}
			if old {
				r = remotetest.File{Content: f.old, ModTime: oldTime, ETag: `"old"`}
			}
			w.server.Put(task.name+"/"+f.path, r)
		}
	}
}

// writeList writes the list of the new versions. A third of the entries has nothing but a
// URL, a third size and time, a third a digest, too.
func (w *work) writeList(t testing.TB, task *task, digests bool) {
	t.Helper()
	task.list = filepath.Join(t.TempDir(), task.name)
	out, err := os.Create(task.list)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	format := listing.TSV
	if task.damaged {
		format = listing.Metalink
	}
	l := format.NewWriter(out, listing.WriterOptions{})
	for i, f := range task.files {
		e := listing.Entry{Path: f.path, URLs: []string{w.server.URL(task.name + "/" + f.path).String()}, Size: -1}
		if i%3 != 1 || digests {
			e.Size, e.ModTime = int64(len(f.now)), newTime
		}
		if i%3 == 2 || digests || task.damaged {
			sum := sha256.Sum256(f.now)
			task.files[i].digest = true
			e.Digests = []listing.Digest{{Algorithm: "sha256", Sum: string(sum[:])}}
		}
		if task.damaged {
			e.Pieces = pieces(t, f.now)
		}
		if err := l.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func pieces(t testing.TB, p []byte) *listing.Pieces {
	t.Helper()
	var sums []byte
	for from := 0; from < len(p); from += mib {
		sum := sha256.Sum256(p[from:min(from+mib, len(p))])
		sums = append(sums, sum[:]...)
	}
	pieces, err := listing.NewPieces("sha256", mib, int64(len(p)), string(sums))
	if err != nil {
		t.Fatal(err)
	}
	return pieces
}

// prepare puts the old versions onto the disk.
func (w *work) prepare(t testing.TB, program, dir string) {
	t.Helper()
	w.serve(true)
	for _, task := range w.tasks {
		dest := filepath.Join(dir, task.name)
		if err := os.Mkdir(dest, 0o755); err != nil {
			t.Fatal(err)
		}
		var urls string
		for _, f := range task.files {
			if task.damaged {
				if err := os.WriteFile(filepath.Join(dest, f.path), f.old, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if f.old != nil {
				urls += w.server.URL(task.name+"/"+f.path).String() + "\n"
			}
		}
		if urls == "" {
			continue
		}
		list := filepath.Join(t.TempDir(), "old")
		err := os.WriteFile(list, []byte(urls), 0o600)
		if err == nil {
			err = run(t, program, firstBoot, func(result) {}, "pull", list, "--json", "--dir", dest)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.serve(false)
}

// The boots before and after the cut. Their first letters differ.
const (
	firstBoot  = "1f2e3d4c-0000-4000-8000-000000000001"
	secondBoot = "aa0bb1cc-0000-4000-8000-000000000002"
)

// bother is another program on the same file system that has its small files synced: that
// is what commits the journal while data is on its way.
func bother(t testing.TB, dir string, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(60 * time.Millisecond):
		}
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("other%d", i%4)))
		if err == nil {
			_, err = io.WriteString(f, time.Now().String())
		}
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			t.Errorf("another file: %v", err)
			return
		}
		f.Close()
	}
}
