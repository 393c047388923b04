package local

import (
	"os"
	"testing"
)

func TestSideFile(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	side := func() string {
		f, err := d.Look("a/x")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return f.SideFile()
	}
	if s := side(); s != "" {
		t.Errorf("%q without a directory", s)
	}
	if err := os.Mkdir(dir+"/a", 0o777); err != nil {
		t.Fatal(err)
	}
	if s := side(); s != "" {
		t.Errorf("%q without a file", s)
	}
	for _, suffix := range []string{".aria2", ".st", ".lftp-pget-status"} {
		name := dir + "/a/x" + suffix
		if err := os.Symlink("nowhere", name); err != nil {
			t.Fatal(err)
		}
		if s := side(); s != "" {
			t.Errorf("%q is a link", s)
		}
		os.Remove(name)
		if err := os.WriteFile(name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if s := side(); s != "x"+suffix {
			t.Errorf("%q, want x%s", s, suffix)
		}
		file, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		ok, err := writeStamp(file, Stamp{State: Done})
		if s := side(); ok && err == nil && s != "" {
			t.Errorf("%q was pulled", s)
		}
		file.Close()
		os.Remove(name)
	}
}
