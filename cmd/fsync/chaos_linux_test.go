package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fsync/sync/local"
)

// chaosTime is how long each world of TestChaos lasts: short among the other tests, longer
// by FSYNC_CHAOS (task chaos TIME=10m).
func chaosTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("FSYNC_CHAOS")
	if text == "" {
		return 12 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("FSYNC_CHAOS: %v", err)
	}
	return d
}

// TestChaos kills the program at random times, and at events of the file system, while
// the remote changes between the runs. After each kill every file is the beginning of one
// version and nothing else is there; a run that is let to its end has made everything right.
func TestChaos(t *testing.T) {
	t.Parallel()
	for name, start := range chaosWorlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newChaos(t, start).run(chaosTime(t))
		})
	}
}

// chaos is a remote whose files change, a directory, and what was seen in it.
type chaos struct {
	t      *testing.T
	r      *rand.Rand
	world  world
	dest   string
	dests  []string // on different file systems, where there are
	files  []*chaosFile
	before map[string][]byte // what the files held after the last run
	backup bool              // a run with --backup was made

	kills, aimed, ends, failures    int
	partials, stages, swaps, resets int
}

// chaosFile is a file of the remote, with all versions that it ever had.
type chaosFile struct {
	name     string
	versions [][]byte
	now      int
	turn     int // how often it was published
}

func newChaos(t *testing.T, start func(t *testing.T) world) *chaos {
	c := &chaos{t: t, r: random(t), world: start(t), before: map[string][]byte{}}
	c.dests = []string{filepath.Join(t.TempDir(), "dest")}
	if dir, err := os.MkdirTemp("/dev/shm", "fsync-chaos-"); err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		c.dests = append(c.dests, filepath.Join(dir, "dest"))
	}
	c.dest = c.dests[0]
	seed := c.r.Uint64()
	for i, size := range c.world.sizes() {
		f := &chaosFile{name: chaosName(i), versions: chaosVersions(seed+uint64(10*i), size)}
		c.files = append(c.files, f)
		c.publish(f)
	}
	return c
}

// publish has the remote serve some version of a file, as a new one.
func (c *chaos) publish(f *chaosFile) {
	c.t.Helper()
	f.now = c.r.IntN(len(f.versions))
	f.turn++
	c.world.publish(f.name, f.versions[f.now], then.Add(time.Duration(f.turn)*time.Hour))
}

func (c *chaos) run(d time.Duration) {
	complete := false
	const least = 10 // kills, however slow the machine is
	for began := time.Now(); (time.Since(began) < d || c.kills < least && time.Since(began) < 5*d) && !c.t.Failed(); {
		if complete || c.r.IntN(3) == 0 {
			for range 1 + c.r.IntN(3) {
				c.publish(c.files[c.r.IntN(len(c.files))])
			}
		}
		if c.r.IntN(8) == 0 {
			c.begin()
		}
		complete = c.once()
	}
	c.t.Logf("%d kills (%d at events), %d runs ended by themselves (%d of them failed); after kills: %d partial files, %d stages; %d swaps; %d times from nothing",
		c.kills, c.aimed, c.ends, c.failures, c.partials, c.stages, c.swaps, c.resets)
	if c.kills < least {
		c.t.Errorf("only %d kills", c.kills)
	}
	c.last()
}

// begin goes on with an empty destination.
func (c *chaos) begin() {
	c.resets++
	c.before, c.backup = map[string][]byte{}, false
	if err := os.RemoveAll(c.dest); err != nil {
		c.t.Fatal(err)
	}
	c.dest = c.dests[c.r.IntN(len(c.dests))]
}

// flags are some that change the order of what is done to the files. SIGKILL waits for a
// sync that is under way, so most runs have none.
func (c *chaos) flags() []string {
	args := []string{"--sync", []string{"none", "none", "none", "run", "file"}[c.r.IntN(5)], "-j", fmt.Sprint(1 + c.r.IntN(6))}
	for flag, oneIn := range map[string]int{"--atomic": 5, "--backup": 6, "--append": 8, "-c": 10} {
		if c.r.IntN(oneIn) == 0 {
			args = append(args, flag)
			c.backup = c.backup || flag == "--backup"
		}
	}
	return args
}

// once makes one run and kills it, if it does not end before. complete says that it did,
// and that everything is right.
func (c *chaos) once() (complete bool) {
	args := append([]string{"pull", "-d", c.dest}, c.flags()...)
	cmd, out, errs := command(c.t, append(args, c.world.args(c.r)...)...)
	var w *watcher
	if c.r.IntN(3) > 0 {
		w = watch(c.t, c.r, c.dest, filepath.Join(c.dest, "sub"), filepath.Join(c.dest, "sub/deep"))
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	after := time.Duration(c.r.Int64N(int64(c.world.within())))
	if w != nil {
		after = 2 * c.world.within()
	}
	timer := time.AfterFunc(5*time.Millisecond+after, func() { cmd.Process.Kill() })
	if w != nil {
		w.at(func() { cmd.Process.Kill() })
	}
	cmd.Wait()
	timer.Stop()
	hit := w.close()
	c.world.settle(c.files)
	what := strings.Join(cmd.Args, " ")
	if killed(cmd) {
		c.kills++
		if hit {
			c.aimed++
		}
		c.check(what, false)
		return false
	}
	c.ends++
	code := cmd.ProcessState.ExitCode()
	if code != 0 {
		c.failures++
	}
	if code != 0 && (code != exitFailed || !c.world.faulty()) {
		c.t.Errorf("%s: exit code %d\n%s%s", what, code, out, errs)
	}
	c.check(what, code == 0)
	return code == 0
}

func killed(cmd *exec.Cmd) bool {
	ws, ok := cmd.ProcessState.Sys().(unix.WaitStatus)
	return ok && ws.Signaled() || cmd.ProcessState.ExitCode() == -1
}

// check looks at everything below the destination.
func (c *chaos) check(what string, whole bool) {
	c.t.Helper()
	targets, stages, backups := map[string]*chaosFile{}, map[string]*chaosFile{}, map[string]*chaosFile{}
	for _, f := range c.files {
		dir, base := filepath.Split(f.name)
		targets[f.name], stages[dir+local.StageName(base)], backups[f.name+"~"] = f, f, f
	}
	here := map[string][]byte{}
	err := filepath.WalkDir(c.dest, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(c.dest, name)
		p := read(c.t, name)
		switch {
		case targets[rel] != nil:
			here[rel] = p
			c.checkTarget(what, targets[rel], p)
		case stages[rel] != nil && !whole:
			c.stages++
			c.checkPrefix(what, rel, stages[rel], p)
		case backups[rel] != nil && c.backup:
			c.checkPrefix(what, rel, backups[rel], p)
		default:
			c.t.Errorf("%s left %s (%d bytes)", what, rel, len(p))
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		c.t.Error(err)
	}
	for name := range c.before {
		if _, ok := here[name]; !ok {
			c.t.Errorf("%s: %s is gone", what, name)
		}
	}
	c.before = here
	if whole {
		c.checkWhole(what, here)
	}
}

func (f *chaosFile) begins(p []byte) (prefix, whole bool) {
	for _, v := range f.versions {
		prefix = prefix || bytes.HasPrefix(v, p)
		whole = whole || bytes.Equal(v, p)
	}
	return prefix, whole
}

func (c *chaos) checkPrefix(what, name string, f *chaosFile, p []byte) (whole bool) {
	c.t.Helper()
	prefix, whole := f.begins(p)
	if !prefix {
		c.t.Errorf("%s: the %d bytes of %s begin no version", what, len(p), name)
	}
	return whole
}

// checkTarget wants a file to go on where it was, or to be a whole version.
func (c *chaos) checkTarget(what string, f *chaosFile, p []byte) {
	c.t.Helper()
	whole := c.checkPrefix(what, f.name, f, p)
	if !whole {
		c.partials++
	}
	if was := c.before[f.name]; !bytes.HasPrefix(p, was) {
		c.swaps++
		if !whole {
			c.t.Errorf("%s: %s had %d bytes and has %d, which neither go on from them nor are a whole version", what, f.name, len(was), len(p))
		}
	}
}

// blocksBeside is what a file may take besides its bytes: the end of the last block, one for
// attributes, a few that say where the others are.
const blocksBeside = 6 * 4096

// checkWhole wants what the remote has now, and no space taken behind the ends.
func (c *chaos) checkWhole(what string, here map[string][]byte) {
	c.t.Helper()
	for _, f := range c.files {
		_, whole := f.begins(here[f.name])
		if !bytes.Equal(here[f.name], f.versions[f.now]) && !(whole && c.world.faulty()) { // it may have changed behind the answer
			c.t.Errorf("%s: %s has %d bytes, the remote %d (the whole of some version: %v)", what, f.name, len(here[f.name]), len(f.versions[f.now]), whole)
		}
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(c.dest, f.name), &st); err != nil {
			c.t.Error(err)
		} else if took := st.Blocks * 512; took > st.Size+blocksBeside {
			c.t.Errorf("%s: %s has %d bytes and takes %d", what, f.name, st.Size, took)
		}
	}
}

// last lets a run end, and another one find nothing to do.
func (c *chaos) last() {
	c.world.mend(c.files)
	args := append([]string{"-d", c.dest, "--json"}, c.world.args(nil)...)
	pullOK(c.t, args...)
	c.check("the last run", true)
	_, sum := parseJSON(c.t, pullOK(c.t, args...))
	if sum.Fetched != 0 || sum.Results["up-to-date"] != int64(len(c.files)) {
		c.t.Errorf("the run after the last one says %+v", sum)
	}
	c.check("the run after the last one", true)
	if names, err := filepath.Glob(filepath.Join(c.dest, ".*")); err != nil || len(names) > 0 {
		c.t.Errorf("%q are here: %v", slices.Sorted(slices.Values(names)), err)
	}
}
