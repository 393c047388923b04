package listing

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// Writer writes a list in the native format: a table with TABs and the columns path, size,
// mtime and url. Read gets back what was written, byte for byte.
type Writer struct {
	csv *csv.Writer
	row [4]string
}

// NewWriter returns a Writer that has written the header row. What is written is buffered
// until Flush.
func NewWriter(w io.Writer) *Writer {
	c := csv.NewWriter(w)
	c.Comma = '\t'
	c.Write([]string{"path", "size", "mtime", "url"}) // Flush tells its error
	return &Writer{csv: c}
}

// Write writes a file that lies below the list's base. The path must be one that CheckPath
// lets pass; else nothing is written and its error returned. A size below 0 and a zero
// time are not known.
func (w *Writer) Write(path string, size int64, modTime time.Time) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	w.row = [4]string{path, "", "", ""}
	// A reader of CSV makes LF of CR LF in quotes, and a row that begins with # is a comment.
	// As a URL, which the path comes from, everything can be written.
	if strings.Contains(path, "\r\n") || path[0] == '#' {
		w.row[0], w.row[3] = "", escapeReference(path)
	}
	if size >= 0 {
		w.row[1] = strconv.FormatInt(size, 10)
	}
	modTime = modTime.UTC()
	if year := modTime.Year(); !modTime.IsZero() && 0 <= year && year <= 9999 {
		w.row[2] = modTime.Format(time.RFC3339Nano)
	}
	return w.csv.Write(w.row[:])
}

// Flush hands on what was written, and returns the first error of writing.
func (w *Writer) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}

// escapeReference makes a relative URL of a raw path. A colon in it would make a scheme of
// what is ahead of it.
func escapeReference(path string) string {
	return strings.ReplaceAll(escapePath(path), ":", "%3A")
}
