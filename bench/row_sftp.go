//go:build linux

package main

import (
	"context"
	"fmt"
)

// rowBig is one large file over loopback: what a byte costs.
func rowBig(ctx context.Context, b *bed) error {
	if err := b.serveSSH(); err != nil {
		return b.skip(err)
	}
	size := b.bytes(2 * gib)
	b.inMemory(2*size+gib, true)
	if err := b.makeBig(size); err != nil {
		return err
	}
	return b.measure(ctx, plan{title: fmt.Sprintf("%d MiB in one file, fresh, SFTP, %s", size/mib, b.where()), need: size, drop: true, tools: []tool{
		b.sshCat(fast), b.sshCat(""), b.window(),
		b.fsyncList(),
		b.sftpFile(""), b.sftpFile(fast),
		b.scp("-c", fast), b.scp("-O", "-c", fast),
		b.rcloneFile(1), b.rcloneFile(4),
		b.lftp("lftp get", "get SRC/"+bigName+" -o DEST/"+bigName),
		b.lftp("lftp pget -n4", "pget -n4 SRC/"+bigName+" -o DEST/"+bigName),
		b.rsync("rsync -W --inplace, "+fast, fast, "-r", "-W", "--inplace"),
	}})
}

// rowDelay is one file from far away: what a round trip costs.
func rowDelay(ctx context.Context, b *bed) error {
	if err := b.serveSSH(); err != nil {
		return b.skip(err)
	}
	if err := b.far(b.rtt, 0); err != nil {
		return err
	}
	size := b.bytes(256 * mib)
	b.inMemory(2*size+gib, true)
	if err := b.makeBig(size); err != nil {
		return err
	}
	return b.measure(ctx, plan{title: fmt.Sprintf("%d MiB in one file, SFTP, round trip %s", size/mib, b.rtt), need: size, drop: true, tools: []tool{
		b.window(), b.sshCat(fast), b.sshParts(8, size),
		b.fsyncList(),
		b.sftpFile(fast),
		b.rcloneFile(1), b.rcloneFile(16),
		b.lftp("lftp get", "get SRC/"+bigName+" -o DEST/"+bigName),
		b.lftp("lftp pget -n16", "pget -n16 SRC/"+bigName+" -o DEST/"+bigName),
		b.rsync("rsync -W --inplace, "+fast, fast, "-r", "-W", "--inplace"),
	}})
}

func (b *bed) treeTools(sftp string) []tool {
	jobs := fmt.Sprint(b.jobs)
	return []tool{
		b.fsyncList(), b.fsyncWalk(),
		b.sftp("sftp "+sftp+" -r", sftp+" -r SRC/* DEST/"),
		b.rclone("rclone copy", "--transfers", jobs, "--checkers", jobs),
		b.rclone("rclone copy --files-from", "--transfers", jobs, "--checkers", jobs, "--files-from", b.list),
		b.lftp("lftp mirror", "mirror --parallel="+jobs+" SRC DEST"),
		b.rsync("rsync -rt", "", "-rt"),
		b.rsync("rsync -t --files-from", "", "-t", "--files-from", b.list),
	}
}

// rowSmall is many small files: what a file costs.
func rowSmall(ctx context.Context, b *bed) error {
	if err := b.serveSSH(); err != nil {
		return b.skip(err)
	}
	if err := b.makeTree(b.files(10_000), sized(4096)); err != nil {
		return err
	}
	tar := tool{name: "ssh tar", limit: true, needs: []string{"ssh", "tar"}, argv: func(dest string) []string {
		return []string{"sh", "-c", fmt.Sprintf("ssh -F '%s' bench \"tar -C '%s' -cf - .\" | tar -C '%s' -xf -", b.sshConfig, b.src, dest)}
	}}
	title := fmt.Sprintf("%d x 4 KiB fresh, SFTP, %s", b.count, b.where())
	return b.measure(ctx, plan{title: title, need: b.need, tools: append([]tool{tar, b.rawSFTP("get")}, b.treeTools("get")...)})
}

// rowNoop is the same once more, when each program has brought all of it before.
func rowNoop(ctx context.Context, b *bed) error {
	if err := b.serveSSH(); err != nil {
		return b.skip(err)
	}
	if err := b.makeTree(b.files(10_000), sized(4096)); err != nil {
		return err
	}
	find := tool{name: "ssh find -printf", limit: true, unseen: true, argv: func(string) []string {
		return b.ssh("bench", "find '"+b.src+"' -printf '%s %T@ %P\\n'")
	}}
	title := fmt.Sprintf("no-op, %d x 4 KiB, SFTP, %s", b.count, b.where())
	return b.measure(ctx, plan{title: title, keep: true, tools: append([]tool{find, b.rawSFTP("stat")}, b.treeTools("reget")...)})
}

// skip notes that a row cannot be measured here.
func (b *bed) skip(err error) error {
	note := fmt.Sprintf("Not measured: %v.", err)
	b.report.Tables = append(b.report.Tables, table{Row: b.row.id, Title: b.row.what, Notes: []string{note}})
	fmt.Printf("\n%s: %s\n", b.row.id, note)
	return nil
}
