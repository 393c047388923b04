package local

import "os"

// sideSuffixes are what other programs put behind a file's name for their notes on what of
// it they have: aria2 (all downloads), axel, and lftp's pget. They write in several places
// at once, so while such a file is there, the size of the other says nothing.
var sideSuffixes = []string{".aria2", ".st", ".lftp-pget-status"}

// SideFile returns the name of another program's notes on f, "" if there are none. One that
// carries a stamp is a file that was pulled.
func (f *File) SideFile() string {
	if f.parent == nil {
		return ""
	}
	for _, suffix := range sideSuffixes {
		name := f.name + suffix
		if mode, err := f.parent.kind(name); err != nil || !mode.IsRegular() {
			continue
		}
		file, err := f.parent.open(name, os.O_RDONLY)
		if err != nil {
			return name
		}
		stamp := readStamp(file)
		file.Close()
		if stamp == nil {
			return name
		}
	}
	return ""
}
