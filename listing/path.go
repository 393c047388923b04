package listing

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const (
	maxElement = 255  // bytes: the limit of ext4, XFS, btrfs, APFS and NTFS
	maxPath    = 4095 // bytes: Linux PATH_MAX without its NUL
)

var errNotClean = errors.New(`is not clean: it has an element "." or a double slash`)

// CheckPath says why a path cannot be an Entry's: nil if it can. A path is relative and
// slash-separated; each byte but NUL is legal in it. These are refused:
//
//   - empty, "." or ending in a slash or "/.": a directory, not a file
//   - absolute, with a drive letter, or else not filepath.IsLocal on this system
//   - an element "..", even where the path as a whole would stay inside
//   - NUL; on Windows a backslash
//   - an element longer than 255 bytes, or a whole longer than 4095
//   - an element that is the name of a staged copy of fsync: .NAME.fsync in any case
//   - not clean: "." elements and double slashes (Read cleans paths before it checks them)
func CheckPath(name string) error {
	if err := checkForm(name); err != nil {
		return err
	}
	for element := range strings.SplitSeq(name, "/") {
		if err := checkElement(element); err != nil {
			return fmt.Errorf("path %s %w", show(name), err)
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("path %s is not a local path on this system", show(name))
	}
	return nil
}

// checkForm looks at a path as a whole, clean or not.
func checkForm(name string) error {
	switch {
	case name == "":
		return errors.New("the path is empty")
	case len(name) > maxPath:
		return fmt.Errorf("path %s is longer than %d bytes", show(name), maxPath)
	case strings.IndexByte(name, 0) >= 0:
		return fmt.Errorf("path %s has a NUL byte", show(name))
	case name[0] == '/':
		return fmt.Errorf("path %s is absolute: give it relative to the directory that is pulled to", show(name))
	case hasDrive(name):
		return fmt.Errorf("path %s begins with a drive letter", show(name))
	case filepath.Separator == '\\' && strings.IndexByte(name, '\\') >= 0:
		return fmt.Errorf("path %s has a backslash: elements are separated by /", show(name))
	case name == "." || strings.HasSuffix(name, "/") || strings.HasSuffix(name, "/."):
		return fmt.Errorf("path %s is a directory, not a file", show(name))
	}
	return nil
}

// hasDrive reports C:\x and C:/x on every system: where it is not an absolute path, it is
// still a mistake. C:x is a good name on Unix, and filepath.IsLocal refuses it elsewhere.
func hasDrive(name string) bool {
	if len(name) < 3 || name[1] != ':' || name[2] != '/' && name[2] != '\\' {
		return false
	}
	letter := name[0] | 0x20
	return 'a' <= letter && letter <= 'z'
}

// checkElement returns what follows "path NAME " in the message.
func checkElement(element string) error {
	switch {
	case element == "..":
		return errors.New(`has an element ".."`)
	case len(element) > maxElement:
		return fmt.Errorf("has an element of %d bytes: no more than %d are possible", len(element), maxElement)
	case element == "" || element == ".":
		return errNotClean
	case isStageName(element):
		return fmt.Errorf("has an element %s: names of that form belong to fsync's staged copies", show(element))
	}
	return nil
}

// isStageName tells names that may be a staged copy's. Case does not count: on some file
// systems .a.FSYNC is .a.fsync.
func isStageName(element string) bool {
	const suffix = ".fsync"
	if len(element) <= len(".")+len(suffix) || element[0] != '.' {
		return false
	}
	// A letter that folds to an ASCII one may take more bytes (U+017F is an s).
	dot := strings.LastIndexByte(element, '.')
	return dot > 0 && strings.EqualFold(element[dot:], suffix)
}

// cleanPath takes "." elements and double slashes away and checks the rest.
func cleanPath(name string) (string, error) {
	err := CheckPath(name)
	if !errors.Is(err, errNotClean) {
		return name, err
	}
	// An element ".." is refused, so path.Clean must not get to resolve one.
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", fmt.Errorf("path %s %w", show(name), checkElement(".."))
	}
	clean := path.Clean(name)
	return clean, CheckPath(clean)
}

// isPlainPath says of most paths, at little cost, that CheckPath has nothing against them
// and that they stand for themselves in a URL.
func isPlainPath(name string) bool {
	if runtime.GOOS == "windows" || len(name) > maxPath { // there, more names are none
		return false
	}
	begin := 0 // of the element
	for i := range len(name) {
		c := name[i]
		if !plainBytes[c] || c == '.' && i == begin || c == '/' && (i == begin || i-begin > maxElement) {
			return false
		}
		if c == '/' {
			begin = i + 1
		}
	}
	return begin < len(name) && len(name)-begin <= maxElement
}

// plainBytes is plainByte as a table.
var plainBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = plainByte(byte(c))
	}
	return t
}()
