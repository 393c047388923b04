package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// direct are the imports between the packages of this module. A package that is not named
// here must not exist; what it imports may be less.
var direct = map[string][]string{
	"fsync/cmd/fsync":                      {"fsync/listing", "fsync/sync", "fsync/sync/local", "fsync/sync/remote", "fsync/sync/remote/filetail", "fsync/sync/remote/httptail", "fsync/sync/remote/httptail/indexpage", "fsync/sync/remote/sftptail"},
	"fsync/sync":                           {"fsync/listing", "fsync/sync/local", "fsync/sync/remote"},
	"fsync/listing":                        {},
	"fsync/sync/local":                     {},
	"fsync/sync/remote":                    {},
	"fsync/sync/remote/httptail":           {"fsync/sync/remote", "fsync/sync/remote/httptail/indexpage"},
	"fsync/sync/remote/httptail/indexpage": {},
	"fsync/sync/remote/filetail":           {"fsync/sync/remote"},
	"fsync/sync/remote/sftptail":           {"fsync/sync/remote"},
}

// modules are the modules of others that are compiled into the program, and which
// packages of this module may use them. A new one needs a reason in its commit.
var modules = map[string][]string{
	"github.com/alecthomas/kong":                    {"fsync/cmd/fsync"},
	"github.com/alecthomas/units":                   {"fsync/cmd/fsync"},
	"github.com/dustin/go-humanize":                 {"fsync/cmd/fsync"},
	"github.com/landlock-lsm/go-landlock":           {"fsync/cmd/fsync"},
	"kernel.org/pub/linux/libs/security/libcap/psx": {},
	"golang.org/x/term":                             {"fsync/cmd/fsync"},
	"golang.org/x/time":                             {"fsync/cmd/fsync", "fsync/sync"},
	"github.com/cenkalti/backoff/v5":                {"fsync/sync"},
	"github.com/pkg/xattr":                          {"fsync/sync/local"},
	"golang.org/x/sys":                              {"fsync/cmd/fsync", "fsync/sync/local"},
	"github.com/jdx/go-netrc":                       {"fsync/sync/remote/httptail"},
	"golang.org/x/net":                              {"fsync/sync/remote/httptail", "fsync/sync/remote/httptail/indexpage"},
	"github.com/bmatcuk/doublestar/v4":              {"fsync/listing"},
	"github.com/klauspost/compress":                 {"fsync/listing"},
	"github.com/ulikunitz/xz":                       {"fsync/listing"},
	"github.com/pkg/sftp":                           {"fsync/sync/remote/sftptail"},
	"github.com/skeema/knownhosts":                  {"fsync/sync/remote/sftptail"},
	"golang.org/x/crypto":                           {"fsync/sync/remote/sftptail"},
	"github.com/kr/fs":                              {},
	"github.com/hanwen/go-fuse/v2":                  {}, // of the tests' file systems
	"golang.org/x/text":                             {},
	"github.com/clipperhouse/uax29/v2":              {},
}

// pkg is a package that is compiled into the program.
type pkg struct {
	path, module string // module "" is the standard library
	imports      []string
}

func packages(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f",
		`{{.ImportPath}}	{{with .Module}}{{.Path}}{{end}}	{{join .Imports " "}}`, "fsync/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := make(map[string]pkg)
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		all[f[0]] = pkg{f[0], f[1], strings.Fields(f[2])}
	}
	return all
}

// forTests says that a package of this module serves tests and benchmarks only.
func forTests(path string) bool {
	return strings.HasSuffix(path, "/remotetest") || strings.HasSuffix(path, "/crashtest") ||
		strings.HasSuffix(path, "/faultfs") || path == "fsync/bench" || strings.HasPrefix(path, "fsync/bench/")
}

func TestImports(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("go"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the go command is not here to ask for imports")
	}
	all := packages(t)
	for path, p := range all {
		if p.module != "fsync" || forTests(path) {
			continue
		}
		allowed, known := direct[path]
		if !known {
			t.Errorf("package %s has no place in the direction of imports", path)
		}
		for _, i := range p.imports {
			to := all[i]
			switch {
			case to.module == "" && strings.HasPrefix(i, "fsync"):
				t.Errorf("%s imports %s, of which nothing is known", path, i)
			case forTests(i):
				t.Errorf("%s imports %s, which is for tests", path, i)
			case to.module == "fsync" && !slices.Contains(allowed, i):
				t.Errorf("%s imports %s", path, i)
			case to.module != "" && to.module != "fsync" && !slices.Contains(modules[to.module], path):
				t.Errorf("%s imports %s of the module %s", path, i, to.module)
			}
		}
	}
	for path, p := range all {
		if _, ok := modules[p.module]; p.module != "" && p.module != "fsync" && !ok {
			t.Errorf("the module %s is compiled in (%s)", p.module, path)
		}
	}
	for _, path := range []string{"fsync/cmd/fsync", "fsync/sync", "fsync/listing"} {
		if all[path].path == "" {
			t.Errorf("%s was not looked at", path)
		}
	}
	// Only the command prints, exits, reads flags and the environment.
	for path, p := range all {
		if p.module == "fsync" && path != "fsync/cmd/fsync" && !forTests(path) {
			for _, i := range []string{"flag", "log", "os/signal", "log/slog"} {
				if slices.Contains(p.imports, i) {
					t.Errorf("%s imports %s", path, i)
				}
			}
		}
	}
}
