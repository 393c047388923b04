//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// A row is one kind of work.
type row struct {
	id, what string
	run      func(ctx context.Context, b *bed) error
}

func allRows() []row {
	return []row{
		{"A100k", "no-op, 100,000 files, sizes and times in the list", rowKnown(100_000)},
		{"A1M", "no-op, 1,000,000 files, sizes and times in the list", rowKnown(1_000_000)},
		{"B", "no-op, 20,000 files, sizes unknown, HTTP", overHTTP(rowUnknown)},
		{"C-disk", "20,000 x 4 KiB fresh, HTTP, disk", overHTTP(rowFresh(false))},
		{"C-tmpfs", "20,000 x 4 KiB fresh, HTTP, tmpfs", overHTTP(rowFresh(true))},
		{"D-tmpfs", "4 GiB fresh, HTTP, tmpfs", overHTTP(rowLarge(true, 0))},
		{"D-disk", "4 GiB fresh, HTTP, disk", overHTTP(rowLarge(false, 0))},
		{"E50", "4 GiB, 50 % there, HTTP", overHTTP(rowLarge(true, 50))},
		{"E99", "4 GiB, 99 % there, HTTP", overHTTP(rowLarge(true, 99))},
		{"F1", "256 MiB, long way, HTTP", overHTTP(rowFarLarge)},
		{"F2", "2,000 x 16 KiB, long way, HTTP", overHTTP(rowFarSmall)},
		{"F2-tls", "2,000 x 16 KiB, long way, HTTPS", overHTTP(rowFarSecure)},
		{"G1", "2 GiB, SFTP", rowBig},
		{"G2", "256 MiB, long way, SFTP", rowDelay},
		{"H-fresh", "10,000 x 4 KiB fresh, SFTP", rowSmall},
		{"H-noop", "10,000 x 4 KiB no-op, SFTP", rowNoop},
		{"I-http", "200 x 20 MiB grown by 1 %, HTTP", overHTTP(rowGrownHTTP)},
		{"I-sftp", "200 x 20 MiB grown by 1 %, SFTP", rowGrownSFTP},
		{"J", "4 GiB, killed three times, HTTP", overHTTP(rowKilled)},
	}
}

// overHTTP leaves a row out where there is no nginx.
func overHTTP(run func(context.Context, *bed) error) func(context.Context, *bed) error {
	return func(ctx context.Context, b *bed) error {
		if _, err := nginxProgram(); err != nil {
			return b.skip(err)
		}
		return run(ctx, b)
	}
}

func rowHelp() string {
	var lines []string
	for _, r := range allRows() {
		lines = append(lines, fmt.Sprintf("%-8s %s", r.id, r.what))
	}
	return strings.Join(lines, "\n")
}

// selectRows returns the rows of a list of names, each once, in the list's order. A name is a
// row's, or what a row's begins with.
func selectRows(names string) ([]row, error) {
	var chosen []row
	seen := make(map[string]bool)
	for name := range strings.SplitSeq(names, ",") {
		all := allRows()
		found := slices.DeleteFunc(all, func(r row) bool { return name == "" || !strings.HasPrefix(r.id, name) })
		if i := slices.IndexFunc(found, func(r row) bool { return r.id == name }); i >= 0 {
			found = found[i : i+1]
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("no such row: %q", name)
		}
		for _, r := range found {
			if !seen[r.id] {
				seen[r.id], chosen = true, append(chosen, r)
			}
		}
	}
	return chosen, nil
}
