package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

// world is a remote of TestChaos.
type world interface {
	sizes() []int64
	publish(name string, content []byte, when time.Time)
	args(r *rand.Rand) []string // of a run; r is nil for one that is to end soon
	within() time.Duration      // a run lasts at most, before it is killed
	faulty() bool               // a run may fail
	settle(files []*chaosFile)  // notes the versions that came up during a run
	mend(files []*chaosFile)    // ends all faults
}

var chaosWorlds = map[string]func(t *testing.T) world{
	"http":    startHTTPWorld,
	"streams": startStreamsWorld,
	"sftp":    startSFTPWorld,
	"file":    startFileWorld,
	"faults":  startFaultWorld,
}

const (
	kib, mib = 1 << 10, 1 << 20
	window   = 64 * kib // what is compared ahead of the end
)

// smallSizes lie around the sizes at which something changes: window, block, small block.
var smallSizes = []int64{0, 1, 4095, 4096, 4097, 32*kib - 1, 32 * kib, window - 1, window, window + 1, 200_000, mib - 1, mib, mib + 1}

// chaosVersions are versions of one file: two of a size, a shorter one, one that begins as
// the first and is longer.
func chaosVersions(seed uint64, size int64) [][]byte {
	first := remotetest.Content(seed, size)
	return [][]byte{
		first, remotetest.Content(seed+1, size), remotetest.Content(seed+2, size*3/4),
		slices.Concat(first, remotetest.Content(seed+3, size/16+1)),
	}
}

// dirWorld is a directory that some server serves.
type dirWorld struct {
	t   *testing.T
	dir string
	of  []int64
	in  time.Duration
	say func(r *rand.Rand) []string
}

func newDirWorld(t *testing.T, in time.Duration, sizes ...int64) *dirWorld {
	return &dirWorld{t: t, dir: t.TempDir(), of: sizes, in: in}
}

func (w *dirWorld) sizes() []int64             { return w.of }
func (w *dirWorld) within() time.Duration      { return w.in }
func (w *dirWorld) faulty() bool               { return false }
func (w *dirWorld) settle([]*chaosFile)        {}
func (w *dirWorld) mend([]*chaosFile)          {}
func (w *dirWorld) args(r *rand.Rand) []string { return w.say(r) }

func (w *dirWorld) publish(name string, content []byte, when time.Time) {
	w.t.Helper()
	tmp := filepath.Join(filepath.Dir(w.dir), "new")
	put(w.t, tmp, content)
	if err := os.Chtimes(tmp, when, when); err != nil {
		w.t.Fatal(err)
	}
	to := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(tmp, to); err != nil {
		w.t.Fatal(err)
	}
}

// names writes a list of what the directory is going to have.
func (w *dirWorld) names() string { return chaosList(w.t, w.of) }

// chaosName is the path of the i-th file.
func chaosName(i int) string {
	switch {
	case i%5 == 4:
		return fmt.Sprintf("sub/deep/f%d", i)
	case i%3 == 1:
		return fmt.Sprintf("sub/f%d", i)
	}
	return fmt.Sprintf("f%d", i)
}

func chaosList(t *testing.T, sizes []int64) string {
	t.Helper()
	var list strings.Builder
	for i := range sizes {
		fmt.Fprintln(&list, chaosName(i))
	}
	name := filepath.Join(t.TempDir(), "list")
	put(t, name, []byte(list.String()))
	return name
}

// pick returns one of some texts, "" where nothing is to be slow.
func pick(r *rand.Rand, texts ...string) string {
	if r == nil {
		return ""
	}
	return texts[r.IntN(len(texts))]
}

// limit slows a run down, or does not.
func limit(r *rand.Rand, rates ...string) []string {
	if rate := pick(r, append(rates, "")...); rate != "" {
		return []string{"--bwlimit", rate}
	}
	return nil
}

func startHTTPWorld(t *testing.T) world {
	w := newDirWorld(t, 400*time.Millisecond, append(slices.Clone(smallSizes), 3*mib, 8*mib+1)...)
	s, list := serve(t, w.dir, serverOptions{}), w.names()
	w.say = func(r *rand.Rand) []string {
		s.slow(0)
		if r != nil {
			s.slow([]int64{0, 0, 500_000, 5_000_000, 20_000_000}[r.IntN(5)])
		}
		return append(limit(r, "4M"), "--base", s.url, list)
	}
	return w
}

// startStreamsWorld has files that come by several connections, whose bytes wait in memory
// until their turn.
func startStreamsWorld(t *testing.T) world {
	w := newDirWorld(t, 700*time.Millisecond, 1000, 24*mib+1, 0, 9*mib)
	s, list := serve(t, w.dir, serverOptions{}), w.names()
	w.say = func(r *rand.Rand) []string {
		s.slow(0)
		if r == nil {
			return []string{"--base", s.url, list}
		}
		s.slow([]int64{3_000_000, 10_000_000, 30_000_000}[r.IntN(3)])
		return []string{"--streams", fmt.Sprint(2 + r.IntN(7)), "--base", s.url, list}
	}
	return w
}

func startSFTPWorld(t *testing.T) world {
	w := newDirWorld(t, 700*time.Millisecond, append(slices.Clone(smallSizes), 3*mib, 9*mib+1)...)
	d := remotetest.StartSSHD(t, remotetest.SSHDOptions{})
	list := w.names()
	base := d.URL(w.dir + "/").String()
	w.say = func(r *rand.Rand) []string {
		args := append(sshArgs(d), limit(r, "2M", "20M")...)
		if pick(r, "walk", "list") == "list" {
			return append(args, "--base", base, list)
		}
		return append(args, base) // sizes and times come from reading the directories
	}
	return w
}

// startFileWorld copies within the machine, by copy_file_range(2).
func startFileWorld(t *testing.T) world {
	w := newDirWorld(t, 150*time.Millisecond, append(slices.Clone(smallSizes), 9*mib, 40*mib+1)...)
	list := w.names()
	w.say = func(r *rand.Rand) []string {
		args := limit(r, "50M")
		if pick(r, "walk", "list") == "list" {
			return append(args, "--base", w.dir, list)
		}
		return append(args, w.dir)
	}
	return w
}

// faultWorld has a server that misbehaves in every way that a client can notice.
type faultWorld struct {
	t      *testing.T
	s      *remotetest.Server
	r      *rand.Rand
	faults []remotetest.Fault
	// changes are those that make another version. A file has one of them at most, since
	// only the version after a run is looked at.
	changes []remotetest.Fault
	list    string
	of      []int64
	mended  bool
}

func startFaultWorld(t *testing.T) world {
	w := &faultWorld{t: t, s: remotetest.NewServer(t), r: random(t), of: append(slices.Clone(smallSizes), 3*mib, 9*mib+1)}
	for _, f := range remotetest.Faults() {
		switch {
		case f.Silent || f.Name == "login page": // of a file that is not there yet nobody knows
		case strings.HasSuffix(f.Name, "under way"):
			w.changes = append(w.changes, f)
		default:
			w.faults = append(w.faults, f)
		}
	}
	for range 6 { // the ones that are met most
		k := w.r.Int64N(2 * mib)
		w.faults = append(w.faults, remotetest.CutFIN(k), remotetest.CutRST(k), remotetest.ChunkedCut(k))
		w.changes = append(w.changes, remotetest.ReplaceAt(k), remotetest.GrowAt(k, 1+k), remotetest.ShrinkAt(k))
	}
	w.list = chaosList(t, w.of)
	t.Cleanup(func() {
		for i := range w.of {
			for _, f := range w.s.File(chaosName(i)).Faults {
				if t.Failed() {
					t.Logf("%s: %s", chaosName(i), f.Name)
				}
			}
		}
	})
	return w
}

func (w *faultWorld) sizes() []int64        { return w.of }
func (w *faultWorld) within() time.Duration { return 1500 * time.Millisecond }
func (w *faultWorld) faulty() bool          { return !w.mended }

func (w *faultWorld) publish(name string, content []byte, when time.Time) {
	f := remotetest.File{Content: content, ModTime: when, ETag: fmt.Sprintf(`"%d"`, when.Unix())}
	for range w.r.IntN(4) {
		f.Faults = append(f.Faults, w.faults[w.r.IntN(len(w.faults))].Times(1+w.r.IntN(2)))
	}
	if w.r.IntN(3) == 0 {
		f.Faults = slices.Insert(f.Faults, w.r.IntN(1+len(f.Faults)), w.changes[w.r.IntN(len(w.changes))])
	}
	w.s.Put(name, f)
}

func (w *faultWorld) args(*rand.Rand) []string {
	return []string{"--retries", "1", "--timeout", "1s", "--base", w.s.URL("").String(), w.list}
}

// settle takes the versions that faults made into the files' own.
func (w *faultWorld) settle(files []*chaosFile) {
	for _, f := range files {
		p := w.s.File(f.name).Content
		f.now = slices.IndexFunc(f.versions, func(v []byte) bool { return bytes.Equal(v, p) })
		if f.now < 0 {
			f.now = len(f.versions)
			f.versions = append(f.versions, p)
		}
	}
}

func (w *faultWorld) mend(files []*chaosFile) {
	w.mended = true
	for _, f := range files {
		w.s.Change(f.name, func(file *remotetest.File) { file.Faults = nil })
	}
	w.settle(files)
}
