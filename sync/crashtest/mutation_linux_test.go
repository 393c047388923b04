package crashtest

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestMutations makes mistakes in the program that only a power cut shows, and fails if
// TestPowerCut would not notice them.
func TestMutations(t *testing.T) {
	for _, m := range []struct {
		*mutation
		filesystem string
		second     bool   // it is the pull after the cut that goes wrong
		says       string // a part of the error
		quick      bool
	}{
		{noHoleProbe, "xfs", true, "after the second pull: wrong from byte", true},
		{earlyMark, "ext4", false, "it counts as committed", true},
		{noDrop, "xfs", true, "after the second pull: wrong from byte", false},
		{noSync, "xfs", false, "it was reported, and only", false},
		{noNameSync, "btrfs", false, "it was reported, and only", false},
	} {
		t.Run(m.name+" on "+m.filesystem, func(t *testing.T) {
			if !m.quick && !*long {
				t.Skip("not in the short form: -args -long")
			}
			f := byName(m.filesystem)
			needs(t, f)
			t.Parallel()
			l := newLab(t, f)
			first, again := program(t, m.mutation), ""
			if m.second {
				first, again = program(t, nil), first
			}
			l.notices(t, first, again, m.says, m.mutation == noDrop)
		})
	}
}

func byName(name string) filesystem {
	for _, f := range filesystems {
		if f.name == name {
			return f
		}
	}
	panic("crashtest: internal error: no file system " + name)
}

// notices looks for a cut after which something goes wrong as says tells. first is the
// program that the power is cut under; again, if it is not "", the one after.
func (l *lab) notices(t *testing.T, first, again, says string, read bool) {
	t.Helper()
	const most = 150
	var r live
	rnd := rand.New(rand.NewPCG(l.seed, 5))
	for i := range most {
		if i%50 == 0 { // another run may have been less lucky
			l.work = newWork(t, l.seed+uint64(i), *long, false)
			r = l.pull(t, first)
		}
		c := cut{rnd.IntN(r.exit), []loss{inOrder, random}[i%2], read, rnd.Uint64()}
		err := l.onImage(t, r, c, func(dir string) error {
			var n counts
			err := l.inspect(dir, c, &n)
			if again == "" || n.hidden == 0 {
				return err
			}
			return errors.Join(err, l.again(t, dir, again, &n))
		})
		if err == nil {
			continue
		}
		if !strings.Contains(err.Error(), says) {
			t.Fatalf("%v: not what was to go wrong: %v", c, err)
		}
		t.Logf("noticed after %d cuts (%v of %d): %v", i+1, c, len(r.log), err)
		if again == "" {
			return
		}
		if err := l.recover(t, r, c, program(t, nil), new(counts)); err != nil {
			t.Errorf("%v, without the mutation: %v", c, err)
		}
		return
	}
	t.Errorf("%d cuts, and nothing went wrong", most)
}
