//go:build linux

package main

import (
	"context"
	"fmt"
)

// rowBig is one large file over loopback: what a byte costs.
func rowBig(ctx context.Context, b *bed) error {
	if err := b.inMemory(2*b.big + 1<<30); err != nil {
		return err
	}
	if err := b.makeFile(b.big); err != nil {
		return err
	}
	return b.measure(ctx, fmt.Sprintf("big: one file of %d MiB, loopback, %s", b.big/mib, b.data), b.installed([]tool{
		b.sshCat(fast), b.sshCat(""), b.window(),
		b.fsyncList(),
		b.sftpFile(""), b.sftpFile(fast),
		b.rcloneFile(1), b.rcloneFile(4),
		b.lftp("lftp get", "get SRC/"+bigName+" -o DEST/"+bigName),
		b.lftp("lftp pget -n4", "pget -n4 SRC/"+bigName+" -o DEST/"+bigName),
		b.rsync("rsync -W --inplace, "+fast, fast, "-r", "-W", "--inplace"),
	}))
}

// rowDelay is one file from far away: what a round trip costs.
func rowDelay(ctx context.Context, b *bed) error {
	if err := b.far(); err != nil {
		return err
	}
	if err := b.inMemory(2*b.settings.delay + 1<<30); err != nil {
		return err
	}
	if err := b.makeFile(b.settings.delay); err != nil {
		return err
	}
	title := fmt.Sprintf("delay: one file of %d MiB, round trip %s", b.settings.delay/mib, b.rtt)
	if b.rate > 0 {
		title += fmt.Sprintf(", %.1f MB/s a connection", float64(b.rate)/1e6)
	}
	return b.measure(ctx, title, b.installed([]tool{
		b.window(), b.sshCat(fast), b.sshParts(8, b.settings.delay),
		b.fsyncList(),
		b.sftpFile(fast),
		b.rcloneFile(1), b.rcloneFile(16),
		b.lftp("lftp get", "get SRC/"+bigName+" -o DEST/"+bigName),
		b.lftp("lftp pget -n16", "pget -n16 SRC/"+bigName+" -o DEST/"+bigName),
		b.rsync("rsync -W --inplace, "+fast, fast, "-r", "-W", "--inplace"),
	}))
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
	if err := b.makeTree(); err != nil {
		return err
	}
	tar := tool{name: "ssh tar", limit: true, argv: func(dest string) []string {
		return []string{"sh", "-c", fmt.Sprintf("ssh -F '%s' bench \"tar -C '%s' -cf - .\" | tar -C '%s' -xf -", b.sshConfig, b.src, dest)}
	}}
	title := fmt.Sprintf("small: %d files of 4 KiB, loopback, %s", b.files, b.data)
	return b.measure(ctx, title, b.installed(append([]tool{tar}, b.treeTools("get")...)))
}

// rowNoop is the same once more, when each program has brought all of it before.
func rowNoop(ctx context.Context, b *bed) error {
	if err := b.makeTree(); err != nil {
		return err
	}
	find := tool{name: "ssh find -printf", limit: true, unseen: true, argv: func(string) []string {
		return b.ssh("bench", "find '"+b.src+"' -printf '%s %T@ %P\\n'")
	}}
	title := fmt.Sprintf("noop: the same %d files, all there", b.files)
	return b.again(ctx, title, b.installed(append([]tool{find}, b.treeTools("reget")...)))
}
