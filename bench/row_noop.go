//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
)

// rowKnown is a run with nothing to do, and a list that says so: what an entry costs.
func rowKnown(n int) func(context.Context, *bed) error {
	return func(ctx context.Context, b *bed) error {
		// Of a few bytes each: none is read.
		if err := b.makeTree(b.files(n), func(i int) int64 { return int64(1 + i*7919%97) }); err != nil {
			return err
		}
		sshErr := b.serveSSH()
		tsv := filepath.Join(b.dir, "list.tsv")
		if b.fsync != "" {
			cmd := exec.CommandContext(ctx, b.fsync, "list", b.src, "--hash", "none", "-q", "-o", tsv)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("fsync list: %w: %s", err, out)
			}
		}
		there, err := b.makeThere(ctx, tsv)
		if err != nil {
			return err
		}
		// All look at the same tree: nobody changes it, and a million files are made once.
		p := plan{
			title: fmt.Sprintf("no-op, %d files, sizes and times known, %s", b.count, b.where()),
			same:  func(dest string) string { return b.compareSizes(dest) },
			there: there, keep: true, tools: b.knownTools(tsv, sshErr),
		}
		if sshErr != nil {
			p.notes = append(p.notes, fmt.Sprintf("Nothing over SSH: %v.", sshErr))
		}
		return b.measure(ctx, p)
	}
}

// makeThere makes the tree in which nothing is to be done: by fsync, so that it has what fsync
// leaves behind, which means nothing to the others.
func (b *bed) makeThere(ctx context.Context, tsv string) (string, error) {
	there := filepath.Join(b.dir, "there")
	if b.fsync == "" {
		return there, copyTree(b.src, there, true)
	}
	argv := b.pull(tsv, there, "--base", b.src, "--sync", "none", "-q")
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("fsync pull: %w: %s", err, out)
	}
	return there, nil
}

func (b *bed) knownTools(tsv string, sshErr error) []tool {
	jobs := strconv.Itoa(b.jobs)
	statx := func(name, what string) tool {
		return tool{name: name, limit: true, argv: func(dest string) []string {
			return []string{b.self, "raw", "statx", dest, b.list, "2", what}
		}}
	}
	tools := []tool{
		statx("statx, 2 threads", "size"), statx("statx and the stamp, 2 threads", "stamp"),
		{name: "fsync", argv: func(dest string) []string { return b.pull(tsv, dest, "--base", b.src, "--sync", "none") }},
		command("rsync -rt, disk to disk", "rsync", "-rt", b.src+"/", "DEST/"),
	}
	if sshErr != nil {
		return tools
	}
	remote := []tool{
		{name: "fsync, sftp", argv: func(dest string) []string {
			return b.pull(tsv, dest, "--base", b.url(), "--sync", "none")
		}},
		b.rsync("rsync -rt, ssh", "", "-rt"),
	}
	if b.count <= 100_000 {
		remote = append(remote, b.rclone("rclone copy, sftp", "--transfers", jobs, "--checkers", jobs),
			b.lftp("lftp mirror, sftp", "mirror --parallel="+jobs+" SRC DEST"))
	}
	for _, t := range remote {
		t.class = overSSH
		tools = append(tools, t)
	}
	return tools
}

// rowUnknown is a run with nothing to do, which only the server can tell.
func rowUnknown(ctx context.Context, b *bed) error {
	if err := b.makeTree(b.files(20_000), sized(4096)); err != nil {
		return err
	}
	l, err := b.serveLists()
	if err != nil {
		return err
	}
	elsewhere := b.fsyncHTTP("fsync, files from elsewhere", "--sync", "none")
	elsewhere.prepare = func(dest string) error { return copyTree(b.src, dest, false) }
	seed := func(dest string) error { return copyTree(b.src, dest, true) }
	own := b.fsyncHTTP("fsync", "--sync", "none")
	own.own = true // its files are from its own first run
	return b.measure(ctx, plan{
		title: fmt.Sprintf("no-op, %d x 4 KiB, sizes unknown, HTTP, %s", b.count, b.where()),
		keep:  true, seed: seed, tools: []tool{
			b.rawMany("past", 16),
			own, elsewhere,
			b.wget2(l, "wget2 -c", "-c"),
			b.wget2(l, "wget2 -N (trusts times)", "-N"),
			b.curl(l, "curl -C - --parallel", b.jobs, "-C", "-"),
			b.aria2(l, "aria2c -c", "-c", "-j", strconv.Itoa(b.jobs)),
			b.aria2(l, "aria2c --conditional-get (trusts times)", "--conditional-get=true", "--remote-time=true", "-j", strconv.Itoa(b.jobs)),
			b.lftpMirror(b.jobs),
			b.rcloneHTTP("rclone copy", b.jobs),
		},
	})
}
