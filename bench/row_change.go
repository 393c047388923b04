//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// makeGrown makes the files of row I as they are now; grown is the plan in which what is there
// are the same files as they were.
func (b *bed) makeGrown() (p plan, err error) {
	const n = 200
	was := b.bytes(20 * mib)
	now := was + was/100
	b.inMemory(2*n*now+gib/2, true)
	if err := b.makeTree(n, sized(now)); err != nil {
		return p, err
	}
	then := time.Now().Add(-2 * time.Hour).Truncate(time.Second)
	p = plan{need: n * (now - was), drop: true}
	p.title = fmt.Sprintf("%d files of %.2f MiB grown by 1 %%", n, float64(was)/mib)
	p.seed = func(dest string) error {
		for i := range n {
			to := filepath.Join(dest, fileName(i))
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				return err
			}
			if err := copyHead(filepath.Join(b.src, fileName(i)), to, was, false); err != nil {
				return err
			}
			if err := os.Chtimes(to, then, then); err != nil {
				return err
			}
		}
		return nil
	}
	return p, nil
}

const overlapNote = "fsync compares the end of each file with the server's before it appends; the others, but for --append-verify, do not look. That is what it has over need."

// rowGrownHTTP is files that grew at their end: what an append costs.
func rowGrownHTTP(ctx context.Context, b *bed) error {
	p, err := b.makeGrown()
	if err != nil {
		return err
	}
	l, err := b.serveLists()
	if err != nil {
		return err
	}
	p.title += ", HTTP, " + b.where()
	p.notes = []string{overlapNote}
	p.tools = []tool{
		b.rawMany("append", 16),
		b.fsyncHTTP("fsync --append", "--append", "--sync", "none"),
		b.curl(l, "curl -C - --parallel", b.jobs, "-C", "-"),
		b.wget2(l, "wget2 -c", "-c"),
		b.lftpHTTP("lftp mirror -c --ignore-time", fmt.Sprintf("mirror -c --ignore-time --parallel=%d / DEST", b.jobs)),
		b.aria2(l, "aria2c -c", "-c", "-j", strconv.Itoa(b.jobs)),
	}
	return b.measure(ctx, p)
}

// rowGrownSFTP is the same over SSH, through a line that counts bytes and takes no time.
func rowGrownSFTP(ctx context.Context, b *bed) error {
	if err := b.serveSSH(); err != nil {
		return b.skip(err)
	}
	p, err := b.makeGrown()
	if err != nil {
		return err
	}
	if err := b.far(0, 0); err != nil {
		return err
	}
	p.title += ", SFTP, " + b.where()
	p.notes = []string{overlapNote}
	own := b.fsyncList()
	own.name, own.argv = "fsync --append", func(dest string) []string {
		return b.pull(b.list, dest, "--append", "--sync", "none", "--base", b.url())
	}
	p.tools = []tool{
		b.rawSFTP("append"),
		own,
		b.rsync("rsync --append-verify", "", "-r", "--append-verify"),
		b.rsync("rsync --append", "", "-r", "--append"),
		b.sftp("sftp reget -r", "reget -r SRC/* DEST/"),
	}
	return b.measure(ctx, p)
}

// killRate is what the server sends a second in row J, in all: faster than that, the programs do not
// keep up on a busy machine, and what lies in the socket when they are killed counts as served, too.
const killRate = 200_000_000

// rowKilled is one file and three kills: what is lost, and what is wrong then.
func rowKilled(ctx context.Context, b *bed) error {
	size := b.bytes(4 * gib)
	b.inMemory(2*size+gib/2, true)
	if err := b.makeBig(size); err != nil {
		return err
	}
	if err := b.serveHTTP(); err != nil {
		return err
	}
	lines := []struct {
		conns int64
		tools func(l lists) []tool
	}{
		{1, func(l lists) []tool {
			return []tool{
				b.fsyncHTTP("fsync --streams 1", "--streams", "1", "--sync", "none"), b.fsyncHTTP("fsync --streams 1, durable", "--streams", "1"),
				b.curl(l, "curl -C -", 1, "-C", "-"), b.wget2(l, "wget2 -c", "-c"),
				b.lftpHTTP("lftp get -c", "get -c "+bigName+" -o DEST/"+bigName),
				b.aria2(l, "aria2c -c -x1", "-c", "-x1", "-s1"), b.rcloneStreams(1),
			}
		}},
		{4, func(l lists) []tool {
			tools := []tool{
				b.aria2(l, "aria2c -c -x4, saved each second", "-c", "-x4", "-s4", "-k1M", "--auto-save-interval=1"),
				b.lftpHTTP("lftp pget -c -n4, saved each second", "set pget:save-status 1s; pget -c -n4 "+bigName+" -o DEST/"+bigName),
				b.rcloneStreams(4),
			}
			if b.streams {
				tools = append([]tool{b.fsyncHTTP("fsync --streams 4", "--streams", "4", "--sync", "none"), b.fsyncHTTP("fsync", "--sync", "none")}, tools...)
			}
			return tools
		}},
	}
	for _, line := range lines {
		b.http = b.nginx.addr
		if b.delay != nil {
			b.delay.Close()
		}
		if err := b.far(0, killRate/line.conns); err != nil {
			return err
		}
		l, err := b.writeLists()
		if err != nil {
			return err
		}
		title := fmt.Sprintf("%d MiB in one file, killed three times, each after 30 %% more was served, connections=%d, %s", size/mib, line.conns, b.where())
		if err := b.measure(ctx, plan{title: title, need: size, drop: true, tools: line.tools(l), run: b.killed}); err != nil {
			return err
		}
	}
	return nil
}
