package crashtest

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var (
	long   = flag.Bool("long", false, "all mount options, larger files")
	points = flag.Int("points", 0, "where the power is cut, for each file system (5, or 40 with -long); three images each")
	seed   = flag.Uint64("seed", 0, "of the cuts and the contents (the disk is late at random); 0 takes the time")
)

// needs ends a test that lacks what it needs. Where the tests count, that is a failure.
func needs(t *testing.T, f filesystem) {
	t.Helper()
	err := func() error {
		if os.Geteuid() != 0 {
			return errors.New("only root can mount")
		}
		if noMounts != nil {
			return noMounts
		}
		programs := []string{"go", "mount", "sh", f.mkfs[0]}
		if f.kind == "btrfs" {
			programs = append(programs, "btrfs")
		}
		for _, p := range programs {
			if _, err := exec.LookPath(p); err != nil {
				return err
			}
		}
		for _, dev := range []string{"/dev/fuse", "/dev/loop-control"} {
			if err := unix.Access(dev, unix.R_OK|unix.W_OK); err != nil {
				return &os.PathError{Op: "access", Path: dev, Err: err}
			}
		}
		return nil
	}()
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI has to cut the power under %s: %v", f.kind, err)
	}
	t.Skipf("the power is not cut under %s: %v", f.kind, err)
}

// TestPowerCut pulls onto a logged disk, cuts the power at many points, and pulls again on
// what is left.
func TestPowerCut(t *testing.T) {
	for _, f := range filesystems {
		t.Run(f.name, func(t *testing.T) {
			if !f.quick && !*long {
				t.Skip("not in the short form: -args -long")
			}
			needs(t, f)
			t.Parallel()
			l := newLab(t, f)
			r := l.pull(t, program(t, nil))
			l.report(t, r, l.cuts(t, r, func(c cut, n *counts) error {
				return l.recover(t, r, c, program(t, nil), n)
			}))
		})
	}
}

// lab is one file system under test.
type lab struct {
	filesystem
	*work
	seed  uint64
	began time.Time
}

func newLab(t *testing.T, f filesystem) *lab {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", *seed)
		}
	})
	return &lab{filesystem: f, work: newWork(t, *seed, *long, f.undetected), seed: *seed, began: time.Now()}
}

// live is what a pull left: all that was written, and when.
type live struct {
	record
	took time.Duration
	exit int // how long the log was when all pulls had ended
}

// pull runs all tasks side by side on a disk that is late, and logs it.
func (l *lab) pull(t *testing.T, program string) live {
	t.Helper()
	size := int64(512 * mib)
	if *long {
		size = 1024 * mib
	}
	d := newDisk(newPages(size))
	m, err := l.mount(d, t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		d.end()
		if err := m.unmount(); err != nil {
			t.Error(err)
		}
	}()
	l.prepare(t, program, m.dir)
	if err := m.limitDirty(8 * mib); err != nil {
		t.Fatal(err)
	}
	if err := syncAll(m.dir); err != nil {
		t.Fatal(err)
	}
	d.begin()
	began := time.Now()
	stop := make(chan struct{})
	var others, tasks sync.WaitGroup
	others.Go(func() { bother(t, m.dir, stop) })
	for _, task := range l.tasks {
		tasks.Go(func() {
			args := append([]string{"pull", task.list, "--json", "--dir", filepath.Join(m.dir, task.name)}, task.flags...)
			err := run(t, program, firstBoot, func(r result) { task.reported[r.Path] = d.position() }, args...)
			if err != nil {
				t.Error(err)
			}
		})
	}
	tasks.Wait()
	r := live{took: time.Since(began), exit: d.position()}
	close(stop)
	others.Wait()
	r.record = d.end()
	if t.Failed() {
		t.FailNow()
	}
	return r
}

// cut is one way in which the power may fail.
type cut struct {
	at int // how much of the log had reached the disk
	loss
	// read says that somebody reads all files ahead of the next pull: what lies in the page
	// cache must not change what it sees.
	read bool
	seed uint64
}

func (c cut) String() string {
	if c.read {
		return fmt.Sprintf("cut at %d, %v, read before the pull", c.at, c.loss)
	}
	return fmt.Sprintf("cut at %d, %v", c.at, c.loss)
}

func (c cut) of(r record) *disk {
	return newDisk(r.cut(c.at, c.loss, rand.New(rand.NewPCG(c.seed, 3))))
}

// cuts has each tried at points all over the log, and behind its end.
func (l *lab) cuts(t *testing.T, r live, try func(cut, *counts) error) counts {
	t.Helper()
	n := *points
	if n == 0 {
		n = 5
		if *long {
			n = 40
		}
	}
	rnd := rand.New(rand.NewPCG(l.seed, 4))
	var sum counts
	for i := range n {
		at := r.exit
		if i < n-1 { // one in each part of the log
			at = (i*r.exit + rnd.IntN(r.exit)) / (n - 1)
		}
		for _, loss := range []loss{inOrder, random, torn} {
			c, one := cut{at, loss, rnd.IntN(2) == 0, rnd.Uint64()}, counts{images: 1}
			if err := try(c, &one); err != nil {
				t.Errorf("%v of %d:\n%v", c, len(r.log), err)
			}
			sum.add(one)
		}
	}
	return sum
}

func (l *lab) report(t *testing.T, r live, n counts) {
	t.Helper()
	var bytes int64
	for _, e := range r.log {
		bytes += int64(len(e.data))
	}
	t.Logf("%s (%s): %v; pulled in %.1f s, %d writes and flushes, %d MiB; %.0f s in all",
		l.name, l.options, n, r.took.Seconds(), len(r.log), bytes/mib, time.Since(l.began).Seconds())
}

// recover mounts what a cut left, looks at it, pulls again and looks at the result.
func (l *lab) recover(t *testing.T, r live, c cut, program string, n *counts) (err error) {
	return l.onImage(t, r, c, func(dir string) error {
		err := l.inspect(dir, c, n)
		return errors.Join(err, l.again(t, dir, program, n))
	})
}

// onImage calls do with the file system as a cut left it.
func (l *lab) onImage(t *testing.T, r live, c cut, do func(dir string) error) (err error) {
	dir, err := os.MkdirTemp(builds.dir, "image")
	if err != nil {
		return err
	}
	m, err := l.mount(c.of(r.record), dir, true)
	if err != nil {
		return err
	}
	defer func() {
		if uerr := m.unmount(); uerr != nil {
			t.Fatalf("%v: %v", c, uerr)
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	return do(m.dir)
}

func (l *lab) inspect(dir string, c cut, n *counts) error {
	var errs []error
	for _, task := range l.tasks {
		errs = append(errs, task.inspect(dir, c, n))
	}
	return errors.Join(errs...)
}

// again pulls all lists after the next boot.
func (l *lab) again(t *testing.T, dir, program string, n *counts) error {
	var errs []error
	for _, task := range l.tasks {
		args := []string{"pull", task.list, "--json", "--dir", filepath.Join(dir, task.name)}
		args = append(args, task.flags[1:]...) // as fast as it can
		err := run(t, program, secondBoot, func(r result) {
			if r.Result == "repaired" && !task.damaged { // which is what that task is about
				n.repaired++
			}
			if task.unsynced && r.Requests == 0 && r.Verified != "digest" {
				errs = append(errs, fmt.Errorf("%s/%s was believed after another boot: %+v", task.name, r.Path, r))
			}
		}, args...)
		errs = append(errs, err, task.finished(dir, n))
	}
	return errors.Join(errs...)
}
