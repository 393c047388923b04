package crashtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fsync/sync/local"
)

// counts is what the images of one file system showed.
type counts struct {
	images    int
	committed int // files that count as committed, and
	whole     int // how many of them are
	broken    int // files whose size is ahead of their data
	hidden    int // of these, with a good end: the last 64 KiB show nothing
	block     int // of these, with zeros at the end of one block and nothing else wrong
	repaired  int // results of the second pull
	missed    int // of the former, files that the second pull left so
}

func (c *counts) add(o counts) {
	c.images += o.images
	c.committed += o.committed
	c.whole += o.whole
	c.broken += o.broken
	c.hidden += o.hidden
	c.block += o.block
	c.repaired += o.repaired
	c.missed += o.missed
}

func (c counts) String() string {
	return fmt.Sprintf("%d images: %d of %d committed files whole; size ahead of the data: %d (%d with a good end, %d in one block only); %d repaired, %d missed",
		c.images, c.whole, c.committed, c.broken, c.hidden, c.block, c.repaired, c.missed)
}

// seen is a file of an image.
type seen struct {
	data  []byte // nil: there is none
	time  time.Time
	stamp *local.Stamp
}

// look reads a file. What was read stays in the page cache only if keep says so.
func look(name string, keep bool) (s seen, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return seen{}, nil
	}
	if err != nil {
		return s, err
	}
	defer f.Close()
	if s.data, err = io.ReadAll(f); err == nil && !keep {
		err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	}
	if err != nil {
		return s, err
	}
	fi, err := f.Stat()
	if err != nil {
		return s, err
	}
	s.time = fi.ModTime()
	buf := make([]byte, local.MaxStamp)
	n, err := unix.Getxattr(name, "user.fsync.version", buf)
	if err == unix.ENODATA {
		return s, nil
	}
	if err == nil {
		if stamp, perr := local.ParseStamp(string(buf[:n])); perr == nil {
			s.stamp = &stamp
		}
	}
	return s, err
}

// committed says that a run after the cut would believe the file without looking at its
// bytes: by its stamp, or, with a list that gives both, by size and time.
func (s seen) committed() bool {
	if s.data == nil || s.stamp != nil && s.stamp.Boot != "" {
		return false
	}
	size := int64(len(s.data))
	state := local.State{Exists: true, Size: size, ModTime: s.time, Stamp: s.stamp}
	return state.Committed(secondBoot[:8])
}

// marked says that the file has the size and time of a version.
func (s seen) marked(p []byte, t time.Time) bool {
	return s.data != nil && p != nil && len(s.data) == len(p) && s.time.Equal(t)
}

// valid is how many bytes of data begin want.
func valid(data, want []byte) int {
	const step = 64 << 10
	n := min(len(data), len(want))
	for at := 0; at < n; at += step {
		end := min(at+step, n)
		if bytes.Equal(data[at:end], want[at:end]) {
			continue
		}
		for data[at] == want[at] {
			at++
		}
		return at
	}
	return n
}

// inspect looks at an image before anything is repaired: what is wrong with it is an
// error of the program that wrote it.
func (t *task) inspect(dir string, c cut, n *counts) error {
	var errs []error
	for _, f := range t.files {
		if err := t.inspectFile(filepath.Join(dir, t.name), f, c, n); err != nil {
			errs = append(errs, fmt.Errorf("%s/%s: %w", t.name, f.path, err))
		}
	}
	return errors.Join(errs...)
}

func (t *task) inspectFile(dir string, f file, c cut, n *counts) error {
	s, err := look(filepath.Join(dir, f.path), c.read)
	if err != nil {
		return err
	}
	isNew := s.data != nil && bytes.Equal(s.data, f.now)
	isOld := s.data != nil && f.old != nil && bytes.Equal(s.data, f.old)
	switch {
	case t.unsynced && s.stamp != nil && s.stamp.State == local.Done && (s.stamp.Boot == "" || !strings.HasPrefix(firstBoot, s.stamp.Boot)):
		return fmt.Errorf("the stamp of --sync=none says boot %q", s.stamp.Boot)
	case t.unsynced:
	case s.committed() || s.marked(f.now, newTime) || s.marked(f.old, oldTime) && !t.damaged:
		n.committed++
		if !isNew && !isOld {
			return fmt.Errorf("it counts as committed (%d bytes, %v) and only %d bytes are right", len(s.data), s.stamp, valid(s.data, f.now))
		}
		n.whole++
	}
	// Its mark need not be durable yet: without it, the next run proves it again.
	if after, ok := t.reported[f.path]; ok && after <= c.at && !t.unsynced && !isNew {
		return fmt.Errorf("it was reported, and only %d of %d bytes are right (%v)", valid(s.data, f.now), len(f.now), s.stamp)
	}
	if t.replaced && !isNew && !isOld {
		return fmt.Errorf("it is neither the old nor the new version: %d bytes", len(s.data))
	}
	if t.backup && isNew {
		if old, err := os.ReadFile(filepath.Join(dir, f.path+"~")); err != nil || !bytes.Equal(old, f.old) {
			return fmt.Errorf("it is the new version, and the old one is not kept (%w)", err)
		}
	}
	right := valid(s.data, f.now)
	if t.grows && !isOld && right < len(f.old) {
		return fmt.Errorf("%d bytes were committed, %d are right", len(f.old), right)
	}
	if !isOld && right < len(s.data) && !t.replaced {
		n.broken++
		if halfBlock(s.data, f.now) {
			n.block++
		}
		const tail = 64 << 10
		if end := len(s.data); end > tail && end <= len(f.now) && right < end-tail && bytes.Equal(s.data[end-tail:], f.now[end-tail:end]) {
			n.hidden++
		}
	}
	return nil
}

// halfBlock says that all that is wrong of data are zeros at the end of one block: the block
// was written when the file ended in it, and what was appended in it since was not, though
// what comes behind it was. No hole shows that, nor the end of the file; a digest does. See
// docs/powercut.md.
func halfBlock(data, want []byte) bool {
	from := valid(data, want)
	end := (from/pageSize + 1) * pageSize
	return from%pageSize != 0 && end < len(data) && len(data) <= len(want) &&
		len(bytes.Trim(data[from:end], "\x00")) == 0 && bytes.Equal(data[end:], want[end:len(data)])
}

// finished looks at the result of the second pull.
func (t *task) finished(dir string, n *counts) error {
	var errs []error
	wanted := make(map[string]bool)
	for _, f := range t.files {
		wanted[f.path] = true
		s, err := look(filepath.Join(dir, t.name, f.path), true)
		if err == nil && !f.digest && len(s.data) == len(f.now) && halfBlock(s.data, f.now) {
			n.missed++ // a known limit
		} else if err == nil && !bytes.Equal(s.data, f.now) {
			err = fmt.Errorf("wrong from byte %d of %d on", valid(s.data, f.now), len(f.now))
		}
		// A list of pieces has no times: where none had to be fetched, none was told.
		if err == nil && !s.time.Equal(newTime) && !t.damaged {
			err = fmt.Errorf("its time is %v", s.time)
		}
		if err == nil && t.backup {
			wanted[f.path+"~"] = true
			old, rerr := os.ReadFile(filepath.Join(dir, t.name, f.path+"~"))
			if err = rerr; err == nil && !bytes.Equal(old, f.old) {
				err = errors.New("the backup is not the old version")
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s/%s after the second pull: %w", t.name, f.path, err))
		}
	}
	names, err := os.ReadDir(filepath.Join(dir, t.name))
	errs = append(errs, err)
	for _, n := range names {
		if !wanted[n.Name()] {
			errs = append(errs, fmt.Errorf("%s/%s is left after the second pull", t.name, n.Name()))
		}
	}
	return errors.Join(errs...)
}
