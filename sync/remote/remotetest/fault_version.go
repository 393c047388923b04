package remotetest

import (
	"bytes"
	"io"
	"net/http"
	"time"
)

// NextVersion returns another version of a file that is not Large: every byte differs,
// and so do the validators it has.
func NextVersion(f File) File {
	next := f
	next.Content = bytes.Clone(f.Content)
	for i := range next.Content {
		next.Content[i] ^= 0xa5
	}
	if f.ETag != "" {
		next.ETag = f.ETag[:len(f.ETag)-1] + `-next"`
	}
	if !f.ModTime.IsZero() {
		next.ModTime = f.ModTime.Add(10 * time.Second)
	}
	return next
}

// fileFault makes a fault that serves the file honestly but changed.
func fileFault(name string, change func(c *call)) Fault {
	return Fault{Name: name, serve: func(c *call) {
		change(c)
		c.honest()
	}}
}

// ETagChanges gives each answer an entity tag of its own.
func ETagChanges() Fault {
	return fileFault("ETag changes", func(c *call) { c.file.ETag = `"` + itoa(int64(c.n)) + `"` })
}

// WeakETag gives a weak entity tag.
func WeakETag() Fault {
	return fileFault("weak ETag", func(c *call) { c.file.ETag = `W/"weak"` })
}

// BadETag gives an entity tag without quotes.
func BadETag() Fault {
	return Fault{Name: "unquoted ETag", serve: func(c *call) {
		c.file.ETag = ""
		c.w.Header().Set("ETag", "bare")
		c.honest()
	}}
}

// SameETagOtherBytes serves the file honestly once and then the next version's bytes
// with the same validators.
func SameETagOtherBytes() Fault {
	f := fileFault("same ETag, other bytes", func(c *call) {
		if c.n > 1 {
			c.file.Content = NextVersion(c.file).Content
		}
	})
	f.Silent = true
	return f
}

// NoValidators gives neither ETag nor Last-Modified.
func NoValidators() Fault {
	return fileFault("no validators", func(c *call) { c.file.ETag, c.file.ModTime = "", time.Time{} })
}

// YoungTime gives a Last-Modified that is the Date, and no entity tag.
func YoungTime() Fault {
	return fileFault("modified now", func(c *call) { c.file.ETag, c.file.ModTime = "", time.Now() })
}

// NoDate leaves the Date out, and the entity tag.
func NoDate() Fault {
	return fileFault("no Date", func(c *call) {
		c.file.ETag = ""
		c.w.Header()["Date"] = nil
	})
}

// changeAt changes the file when the first n bytes of an answer are out, once. The rest
// of the answer is what rest returns.
func changeAt(name string, n int64, change func(*File), rest func(c *call, from int64) io.Reader) Fault {
	return Fault{Name: name, serve: func(c *call) {
		n := min(n, c.length())
		conn := c.raw(http11, c.status(), c.sized(), c.section(c.first, n))
		c.s.Change(c.name, change)
		c.copy(conn, rest(c, c.first+n))
		conn.Close()
	}}.Times(1)
}

// old is the rest of the file as it was.
func old(c *call, from int64) io.Reader { return c.section(from, c.last+1-from) }

// GrowAt appends by bytes to the file after the first n bytes of an answer, which ends
// where the file ended before.
func GrowAt(n, by int64) Fault {
	return changeAt("grows under way", n, func(f *File) {
		f.Content = append(bytes.Clone(f.Content), Content(77, by)...)
		touch(f, `-grown"`)
	}, old)
}

// ShrinkAt cuts the file to n bytes; the answer cannot go on.
func ShrinkAt(n int64) Fault {
	return changeAt("shrinks under way", n, func(f *File) {
		f.Content = f.Content[:min(n, f.Size())]
		touch(f, `-shrunk"`)
	}, func(*call, int64) io.Reader { return http.NoBody })
}

// ReplaceAt puts the next version in the file's place by rename: the answer goes on with
// the old one.
func ReplaceAt(n int64) Fault {
	return changeAt("replaced under way", n, func(f *File) { *f = NextVersion(*f) }, old)
}

// OverwriteAt writes the next version over the file in place: the answer goes on with
// it, a mixture that no header shows.
func OverwriteAt(n int64) Fault {
	f := changeAt("overwritten under way", n, func(f *File) { *f = NextVersion(*f) },
		func(c *call, from int64) io.Reader {
			c.file = NextVersion(c.file)
			return old(c, from)
		})
	f.Silent = true
	return f
}

// touch gives a changed file other validators.
func touch(f *File, suffix string) {
	if f.ETag != "" {
		f.ETag = f.ETag[:len(f.ETag)-1] + suffix
	}
	if !f.ModTime.IsZero() {
		f.ModTime = f.ModTime.Add(10 * time.Second)
	}
}
