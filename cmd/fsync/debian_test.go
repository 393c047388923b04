//go:build unix

package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote/remotetest"
)

// archive is a small Debian archive below a directory.
type archive struct {
	t        *testing.T
	dir      string
	packages map[string][]byte // by path

	published time.Time
}

const (
	binaryIndex = "dists/stable/main/binary-amd64/Packages.gz"
	releaseFile = "dists/stable/InRelease"
)

func (a *archive) add(name, version string, seed uint64, size int64) {
	path := fmt.Sprintf("pool/main/%s/%s/%s_%s_amd64.deb", name[:1], name, name, version)
	a.packages[path] = remotetest.Content(seed, size)
}

// publish writes the packages and then the indexes, as an archive does.
func (a *archive) publish() {
	a.t.Helper()
	var index strings.Builder
	for path, content := range a.packages {
		put(a.t, filepath.Join(a.dir, path), content)
		name, _, _ := strings.Cut(filepath.Base(path), "_")
		fmt.Fprintf(&index, "Package: %s\nArchitecture: amd64\nDescription: a package\n with a text\n .\n of several lines\n", name)
		fmt.Fprintf(&index, "Filename: %s\nSize: %d\nMD5sum: d41d8cd98f00b204e9800998ecf8427e\nSHA256: %x\n\n", path, len(content), sha256.Sum256(content))
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, index.String())
	z.Close()
	put(a.t, filepath.Join(a.dir, binaryIndex), packed.Bytes())
	put(a.t, filepath.Join(a.dir, releaseFile), fmt.Appendf(nil, "SHA256:\n %x %d main/binary-amd64/Packages.gz\n", sha256.Sum256(packed.Bytes()), packed.Len()))
	a.published = a.published.Add(time.Hour)
	for path := range a.packages {
		a.date(path, then)
	}
	a.date(binaryIndex, a.published)
	a.date(releaseFile, a.published)
}

func (a *archive) date(path string, when time.Time) {
	a.t.Helper()
	if err := os.Chtimes(filepath.Join(a.dir, path), when, when); err != nil {
		a.t.Fatal(err)
	}
}

// drop takes a package out of the archive.
func (a *archive) drop(path string) {
	a.t.Helper()
	delete(a.packages, path)
	if err := os.Remove(filepath.Join(a.dir, path)); err != nil {
		a.t.Fatal(err)
	}
}

// equalTrees compares two directories, names and bytes.
func equalTrees(t *testing.T, a, b string) {
	t.Helper()
	if out, err := exec.Command("diff", "-r", a, b).CombinedOutput(); err != nil {
		t.Errorf("the trees differ: %v\n%s", err, out)
	}
}

// exists says whether a mirror has a path.
func exists(dir, path string) bool {
	_, err := os.Lstat(filepath.Join(dir, path))
	return err == nil
}

// TestDebianMirror keeps a mirror of an archive while that changes, and while its server
// breaks off.
func TestDebianMirror(t *testing.T) {
	t.Parallel()
	a := &archive{t: t, dir: t.TempDir(), packages: map[string][]byte{}, published: then}
	for i := range 20 {
		a.add(fmt.Sprintf("lib%c%d", 'a'+i%3, i), "1.0-1", uint64(i), int64(40_000+i*7919))
	}
	const old = "pool/main/l/liba0/liba0_1.0-1_amd64.deb"
	a.publish()
	s := serve(t, a.dir, serverOptions{})
	dying := serve(t, a.dir, serverOptions{cut: 100_000})
	indexes := config(t, filepath.Join(t.TempDir(), "indexes.txt"), releaseFile+"\n"+binaryIndex+"\n")
	mirror := filepath.Join(t.TempDir(), "mirror")
	pull := func(base string) []string {
		return []string{
			base + "/" + binaryIndex, indexes, "--base", base + "/",
			"--last", "dists/**", "--delete", "--max-delete", "30%", "-d", mirror, "--json", "--retries", "0",
		}
	}
	_, sum := parseJSON(t, pullOK(t, pull(s.url)...))
	if sum.Results["fetched"] != 22 {
		t.Errorf("the first run says %+v", sum)
	}
	equalTrees(t, a.dir, mirror)

	// Nothing to do: the packages cost no request, the indexes one without a body each, and
	// the list is read.
	_, sum = parseJSON(t, pullOK(t, pull(s.url)...))
	if sum.Results["up-to-date"] != 22 || sum.Requests != 2 || sum.Fetched != 0 || sum.Deleted != 0 {
		t.Errorf("the second run says %+v", sum)
	}

	before := read(t, filepath.Join(mirror, binaryIndex))
	a.drop(old)
	a.add("liba0", "1.0-2", 100, 300_000)
	a.add("newest", "3", 101, 200_000)
	a.publish()
	put(t, filepath.Join(mirror, "pool/main/s/stray"), []byte("stray"))

	// A server that dies in the middle of each package: nothing of the old state is gone, and
	// the old indexes name what is there.
	cmd, _, errs := command(t, append([]string{"pull"}, pull(dying.url)...)...)
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != exitFailed {
		t.Fatalf("a pull from a dying server: %v\n%s", err, errs)
	}
	for _, path := range []string{old, "pool/main/s/stray"} {
		if !exists(mirror, path) {
			t.Errorf("%s was deleted by a run that failed", path)
		}
	}
	if got := read(t, filepath.Join(mirror, binaryIndex)); !bytes.Equal(got, before) {
		t.Error("the index was pulled before all that it names")
	}
	for _, want := range []string{"nothing is deleted", "2 entries that --last names"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, errs)
		}
	}

	_, sum = parseJSON(t, pullOK(t, pull(s.url)...))
	if sum.Deleted != 2 { // the old version and the stray
		t.Errorf("the last run says %+v", sum)
	}
	equalTrees(t, a.dir, mirror)
}
