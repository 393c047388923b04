package sync

import (
	"fsync/sync/local"
)

// blockAlign is no less than a block of most file systems, or a page.
const blockAlign = 4 << 10

// wholeBlocks appends to a file so that it ends where a block does, until its last bytes come.
//
// A block that was written with the file's end in it, and is then appended to, is written
// twice. What was put into it second may be lost in a power cut while what follows it is not:
// that block then ends in zeros, the file goes on behind it, and there is neither a hole nor
// an end that shows it. Seen on ext4, see docs/powercut.md. A file that grows by whole blocks
// has no such block; where it begins to grow within one, that block is synced before anything
// follows it.
type wholeBlocks struct {
	w     *local.Writer
	wrote func()
	part  []byte // of a block, behind what is written
}

// put takes the next bytes; last says that no more follow them.
func (b *wholeBlocks) put(p []byte, last bool) error {
	if missing := b.missing(); missing > 0 {
		n := min(len(p), missing)
		b.part, p = append(b.part, p[:n]...), p[n:]
		if n < missing && !last {
			return nil
		}
		begun := b.w.Size()%blockAlign != 0
		if err := b.flush(); err != nil {
			return err
		}
		if last && len(p) == 0 {
			return nil
		}
		if begun {
			if err := b.w.SyncData(); err != nil {
				return here(err)
			}
		}
	}
	whole := len(p)
	if !last {
		whole -= len(p) % blockAlign
	}
	if whole > 0 {
		if err := b.write(p[:whole]); err != nil {
			return err
		}
	}
	b.part = append(b.part, p[whole:]...)
	return nil
}

// missing returns how many bytes there are to the end of a block that was begun.
func (b *wholeBlocks) missing() int {
	return int((blockAlign - (b.w.Size()+int64(len(b.part)))%blockAlign) % blockAlign)
}

// flush writes what there is of a block.
func (b *wholeBlocks) flush() error {
	if len(b.part) == 0 {
		return nil
	}
	p := b.part
	b.part = b.part[:0]
	return b.write(p)
}

func (b *wholeBlocks) write(p []byte) error {
	_, err := b.w.Write(p)
	b.wrote()
	return here(err)
}
