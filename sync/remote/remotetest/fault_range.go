package remotetest

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
)

// rangeFault makes a fault of ranged requests only.
func rangeFault(name string, serve func(*call)) Fault {
	return Fault{Name: name, serve: func(c *call) {
		if !c.ranged {
			c.honest()
			return
		}
		serve(c)
	}}
}

// part serves a 206 by net/http with that Content-Range and these bytes of the file.
func (c *call) part(contentRange string, first, n int64) {
	h := c.headers()
	if contentRange != "" {
		h.Set("Content-Range", contentRange)
	}
	h.Set("Content-Length", itoa(n))
	c.w.WriteHeader(http.StatusPartialContent)
	c.copy(c.w, c.section(first, n))
}

// IgnoreRange answers a range with 200 and the whole file, which is legal.
func IgnoreRange() Fault {
	return rangeFault("200 to a range", func(c *call) {
		c.r.Header.Del("Range")
		c.honest()
	})
}

// OffsetLow starts n bytes before the range, as caches do that know only blocks.
func OffsetLow(n int64) Fault {
	return rangeFault("206 starts low", func(c *call) {
		c.first = max(c.first-n, 0)
		c.part(c.contentRange(), c.first, c.length())
	})
}

// OffsetHigh starts n bytes after the range.
func OffsetHigh(n int64) Fault {
	return rangeFault("206 starts high", func(c *call) {
		c.first = min(c.first+n, c.last)
		c.part(c.contentRange(), c.first, c.length())
	})
}

// WrongTotal names a complete length that is off by delta.
func WrongTotal(delta int64) Fault {
	return rangeFault("206 wrong total", func(c *call) {
		c.part(fmt.Sprintf("bytes %d-%d/%d", c.first, c.last, c.file.Size()+delta), c.first, c.length())
	})
}

// SmallTotal names a complete length that the range does not fit into.
func SmallTotal() Fault {
	return rangeFault("206 total not above last", func(c *call) {
		c.part(fmt.Sprintf("bytes %d-%d/%d", c.first, c.last, c.last), c.first, c.length())
	})
}

// StarTotal does not name the complete length, which is legal.
func StarTotal() Fault {
	return rangeFault("206 unknown total", func(c *call) {
		c.part(fmt.Sprintf("bytes %d-%d/*", c.first, c.last), c.first, c.length())
	})
}

// WrongUnit counts in something else than bytes.
func WrongUnit() Fault {
	return rangeFault("206 unit items", func(c *call) {
		c.part(fmt.Sprintf("items %d-%d/%d", c.first, c.last, c.file.Size()), c.first, c.length())
	})
}

// Multipart answers one range with multipart/byteranges.
func Multipart() Fault {
	return rangeFault("206 multipart", func(c *call) {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		p, _ := m.CreatePart(textproto.MIMEHeader{"Content-Range": {c.contentRange()}})
		io.Copy(p, c.section(c.first, c.length()))
		m.Close()
		c.headers().Set("Content-Type", "multipart/byteranges; boundary="+m.Boundary())
		c.w.WriteHeader(http.StatusPartialContent)
		c.copy(c.w, &b)
	})
}

// LengthNotRange has a Content-Length that is not the range's.
func LengthNotRange() Fault {
	return rangeFault("206 length is not the range's", func(c *call) {
		c.part(c.contentRange(), c.first, c.length()-1)
	})
}

// ShortRange gives no more than n bytes of a range, which is legal.
func ShortRange(n int64) Fault {
	return rangeFault("206 shorter than asked", func(c *call) {
		c.last = min(c.last, c.first+n-1)
		c.part(c.contentRange(), c.first, c.length())
	})
}

// EarlyRange gives a range that ends before the one asked for.
func EarlyRange() Fault {
	return rangeFault("206 ends before the range", func(c *call) {
		c.first, c.last = 0, max(c.first-1, 0)
		c.part(c.contentRange(), c.first, c.length())
	})
}

// TwoContentRanges has the header twice.
func TwoContentRanges() Fault {
	return rangeFault("206 two Content-Ranges", func(c *call) {
		c.w.Header().Add("Content-Range", c.contentRange())
		c.w.Header().Add("Content-Range", "bytes 0-0/1")
		c.part("", c.first, c.length())
	})
}

// NoContentRange is a 206 that does not say what it holds.
func NoContentRange() Fault {
	return rangeFault("206 without Content-Range", func(c *call) {
		c.part("", c.first, c.length())
	})
}

// WrongBytes says the right range but gives the bytes that are n further.
func WrongBytes(n int64) Fault {
	f := rangeFault("206 shifted bytes", func(c *call) {
		rest := io.MultiReader(c.section(c.first+n, c.length()), c.section(0, n))
		h := c.headers()
		h.Set("Content-Range", c.contentRange())
		h.Set("Content-Length", itoa(c.length()))
		c.w.WriteHeader(http.StatusPartialContent)
		c.copy(c.w, io.LimitReader(rest, c.length()))
	})
	f.Silent = true
	return f
}

// Unsatisfiable answers every range with 416, with or without the size.
func Unsatisfiable(withSize bool) Fault {
	name := "416 without the size"
	if withSize {
		name = "416 with the size"
	}
	return rangeFault(name, func(c *call) {
		if withSize {
			c.w.Header().Set("Content-Range", "bytes */"+itoa(c.file.Size()))
		}
		c.w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
	})
}

// PartUnasked answers with a part where the whole file was asked for.
func PartUnasked() Fault {
	return Fault{Name: "206 unasked", serve: func(c *call) {
		if c.ranged {
			c.honest()
			return
		}
		c.part(c.contentRange(), c.first, c.length())
	}}
}
