package local

import (
	"errors"
	"io/fs"
	"time"
)

// A complete file is committed in three steps, of which the middle one can serve many
// files at once: Seal, then Dir.SyncAll or Writer.Sync, then Publish.

// Seal ends the writing: space reserved behind the end is given back.
func (w *Writer) Seal() error {
	if !w.reserved {
		return nil
	}
	w.reserved = false
	return w.f.Truncate(w.size)
}

// SyncAll makes everything durable that was written to the directory's file system, names
// included. errors.ErrUnsupported means that each file needs its own Sync.
func (d *Dir) SyncAll() error {
	if !d.fs.syncfs {
		return errors.ErrUnsupported
	}
	return d.root.syncAll()
}

// SyncData makes the file's bytes durable, and nothing else.
func (w *Writer) SyncData() error { return w.synced(fdatasync(w.f)) }

// Sync makes the file and its name durable.
func (w *Writer) Sync() error {
	if err := w.synced(w.f.Sync()); err != nil {
		return err
	}
	return w.SyncName()
}

// synced handles a failed sync. The pages are marked clean by then, so a second try would
// succeed without having written them: what was not durable before is cut off.
func (w *Writer) synced(err error) error {
	if err != nil {
		_ = w.Cut(min(w.durable, w.size))
	}
	return err
}

// SyncName makes the file's name durable: after it was created or renamed.
func (w *Writer) SyncName() error { return w.file.parent.sync() }

// Publication is what Publish writes.
type Publication struct {
	Stamp   Stamp
	ModTime time.Time // the remote's; zero leaves the file's own
	Backup  bool      // keep the replaced file as NAME~
}

// Publish marks a complete and durable file: the stamp first, then the modification time,
// then, for a staged copy, the rename over its target. renamed says that SyncName (or
// SyncAll) is needed to make that durable, too.
func (w *Writer) Publish(p Publication) (renamed bool, err error) {
	if err := w.unchanged(); err != nil {
		return false, err
	}
	p.Stamp.ModTime = p.ModTime
	if p.ModTime.IsZero() {
		if p.Stamp.ModTime, err = w.modTime(); err != nil {
			return false, err
		}
	}
	if err := w.Mark(p.Stamp); err != nil {
		return false, err
	}
	if !p.ModTime.IsZero() {
		if err := w.setModTime(p.ModTime); err != nil {
			// Not the owner: the stamp then has to name the time that the file has.
			if p.Stamp.ModTime, err = w.modTime(); err != nil {
				return false, err
			}
			if err := w.Mark(p.Stamp); err != nil {
				return false, err
			}
		}
	}
	if !w.IsStage() {
		return false, nil
	}
	if w.mode != 0 {
		if err := w.f.Chmod(w.mode); err != nil {
			return false, err
		}
	}
	return true, w.swap(p.Backup)
}

func (w *Writer) modTime() (time.Time, error) {
	fi, err := w.f.Stat()
	if err != nil {
		return time.Time{}, err
	}
	return fi.ModTime(), nil
}

// unchanged makes sure that nobody moved the file away or wrote to it.
func (w *Writer) unchanged() error {
	fi, err := w.f.Stat()
	if err != nil {
		return err
	}
	if fi.Size() != w.size || !w.file.parent.names(w.file.name, fi) {
		return ErrChanged
	}
	return nil
}

// swap renames the staged copy over its target, which must still be what it was when it
// was looked at.
func (w *Writer) swap(backup bool) error {
	to, p := w.file.stage, w.file.parent
	if old := to.file; old.f != nil {
		fi, err := old.f.Stat()
		if err != nil {
			return err
		}
		if !p.names(to.name, fi) || fi.Size() != old.Size || !fi.ModTime().Equal(old.ModTime) {
			return ErrChanged
		}
		if backup {
			if err := keepBackup(p, to.name); err != nil {
				return err
			}
		}
		return p.rename(w.file.name, to.name)
	}
	err := p.renameNew(w.file.name, to.name)
	if errors.Is(err, fs.ErrExist) {
		return ErrChanged
	}
	return err
}

// keepBackup gives the file a second name, NAME~, so that there is no moment without it.
func keepBackup(p *parent, name string) error {
	backup := name + "~"
	if mode, err := p.kind(backup); err == nil && mode.IsDir() {
		return &fs.PathError{Op: "backup", Path: backup, Err: ErrNotRegular}
	}
	if err := p.remove(backup); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := p.link(name, backup); err != nil { // no hard links here (FAT)
		return p.rename(name, backup)
	}
	return nil
}

// Discard takes bytes that a digest proved wrong out of the way. A file that had keep
// bytes before is cut back to them. A fresh one is renamed to its stage name; with the
// stamp, whose state must be Bad, the next run fails without the body.
func (w *Writer) Discard(s Stamp, keep int64) error {
	if keep > 0 && !w.IsStage() {
		return w.Cut(min(keep, w.base))
	}
	if err := w.Mark(s); err != nil || w.IsStage() {
		return err
	}
	if err := w.unchanged(); err != nil {
		return err
	}
	w.file.parent.stages.state.Store(stagesMaybe)
	return w.file.parent.rename(w.file.name, StageName(w.file.name))
}

// Adopt marks a file that turned out to be complete and right as it is, without writing
// to it: durable already. A file with several names is left alone.
func (f *File) Adopt(p Publication) error {
	if err := f.open(); err != nil {
		return err
	}
	if f.f == nil || f.Links > 1 {
		return nil
	}
	if err := f.lock(f.f); err != nil {
		return err
	}
	if fi, err := f.f.Stat(); err != nil || !fi.ModTime().Equal(f.ModTime) {
		return errors.Join(ErrChanged, err) // written to since it was looked at
	}
	w := &Writer{file: f, f: f.f, size: f.Size, base: f.Size}
	_, err := w.Publish(p)
	return err
}

// SyncData makes the bytes of a file durable that another program may have written, or a
// run of fsync that did not get to it: then a sync that fails cuts them off, as a Writer's.
func (f *File) SyncData() error {
	if err := f.open(); err != nil {
		return err
	}
	err := fdatasync(f.f)
	if err == nil || f.durable() == f.Size {
		return err
	}
	w, werr := f.Append(*f.Stamp)
	if werr != nil {
		return errors.Join(err, werr)
	}
	return errors.Join(w.synced(err), w.Close(time.Time{}))
}

// ThisBoot returns the stamp's mark for data that was not synced, "?" where boots cannot
// be told apart.
func ThisBoot() string {
	if id := bootID(); id != "" {
		return id
	}
	return "?"
}

// Committed says whether the file is complete, verified and on disk according to its
// stamp: nobody touched it since it was marked done.
func (l State) Committed(boot string) bool {
	return l.complete() && (l.Stamp.Boot == "" || l.Stamp.Boot == boot && boot != "?")
}

// complete is Committed as far as no power was cut since.
func (l State) complete() bool {
	s := l.Stamp
	return s != nil && s.State == Done && s.Total == l.Size && l.HasTime(s.ModTime)
}

// InThisBoot says that the file was done, and not synced, since the system was started: no
// power cut has taken anything from it.
func (l State) InThisBoot() bool {
	return l.Stamp != nil && l.Stamp.Boot != "" && l.Committed(ThisBoot())
}
