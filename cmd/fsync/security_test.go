package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityPage: every test that docs/security.md names exists where it says.
func TestSecurityPage(t *testing.T) {
	t.Parallel()
	const root = "../../"
	page, err := os.ReadFile(root + "docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := 0
	named := regexp.MustCompile("`([a-z/]+) ((?:Test|Fuzz)[A-Za-z0-9]+)`")
	for _, m := range named.FindAllStringSubmatch(string(page), -1) {
		tests++
		if !hasTest(t, root+m[1], m[2]) {
			t.Errorf("%s has no %s", m[1], m[2])
		}
	}
	for _, m := range regexp.MustCompile("`([a-z_]+\\.txtar)`").FindAllStringSubmatch(string(page), -1) {
		if _, err := os.Stat(root + "testdata/script/" + m[1]); err != nil && m[1] != "x.txtar" {
			t.Error(err)
		}
	}
	// What is written in another form would not be looked for.
	if all := regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(string(page), -1); len(all) != tests || tests < 50 {
		t.Errorf("%d tests are named, and %d looked for", len(all), tests)
	}
	// Each fuzz target is told.
	filepath.WalkDir(root, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`).FindAllStringSubmatch(fileText(t, name), -1) {
			dir, _ := filepath.Rel(root, filepath.Dir(name))
			if !strings.Contains(string(page), "`"+filepath.ToSlash(dir)+" "+m[1]+"`") {
				t.Errorf("the page does not tell of %s in %s", m[1], dir)
			}
		}
		return nil
	})
}

// hasTest says whether a package has a test of that name.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.Contains(fileText(t, file), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}

func fileText(t *testing.T, name string) string {
	t.Helper()
	p, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}
