//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
)

// rowFresh is many small files: what a file costs.
func rowFresh(mem bool) func(context.Context, *bed) error {
	return func(ctx context.Context, b *bed) error {
		n := b.files(20_000)
		b.inMemory(int64(n)*3*4096+gib/2, mem)
		if err := b.makeTree(n, sized(4096)); err != nil {
			return err
		}
		l, err := b.serveLists()
		if err != nil {
			return err
		}
		jobs := strconv.Itoa(b.jobs)
		synced := b.fsyncHTTP("fsync, durable")
		synced.class = durable
		wget2, curl := b.wget2(l, "wget2"), b.curl(l, "curl --parallel", b.jobs)
		rclone := b.rcloneHTTP("rclone copy, no HEAD", b.jobs, "--http-no-head")
		return b.measure(ctx, plan{
			title: fmt.Sprintf("%d x 4 KiB fresh, HTTP, %s", n, b.where()), need: b.need, tools: []tool{
				b.rawMany("write", 16),
				b.fsyncHTTP("fsync", "--sync", "none"), wget2, curl, rclone, b.lftpMirror(b.jobs), b.aria2(l, "aria2c", "-j", jobs),
				synced, withSync(wget2), withSync(curl), withSync(rclone),
			},
		})
	}
}

// rowLarge is one large file, of which a share may be there: what a byte costs.
func rowLarge(mem bool, percent int64) func(context.Context, *bed) error {
	return func(ctx context.Context, b *bed) error {
		size := b.bytes(4 * gib)
		b.inMemory(2*size+gib/2, mem)
		if err := b.makeBig(size); err != nil {
			return err
		}
		l, err := b.serveLists()
		if err != nil {
			return err
		}
		there := size * percent / 100
		synced := b.fsyncHTTP("fsync, durable")
		synced.class = durable
		tools := append([]tool{
			b.rawStream("splice", there), b.rawStream("copy", there),
			b.fsyncHTTP("fsync", "--sync", "none"),
		}, b.largeTools(l)...)
		p := plan{title: fmt.Sprintf("%d MiB in one file, fresh, HTTP, %s", size/mib, b.where()), need: size - there, drop: true}
		if there > 0 {
			p.title = fmt.Sprintf("%d MiB in one file, %d %% there, HTTP, %s", size/mib, percent, b.where())
			p.seed = func(dest string) error {
				return copyHead(filepath.Join(b.src, bigName), filepath.Join(dest, bigName), there, false)
			}
		} else {
			lftp := b.lftpHTTP("lftp get -c", "get -c "+bigName+" -o DEST/"+bigName)
			tools = append(tools, synced, withSync(lftp), withSync(b.rcloneStreams(1)))
		}
		p.tools = tools
		return b.measure(ctx, p)
	}
}

// way is a server at the end of a long way, and how it is called.
func (b *bed) way(serve func() error) (string, error) {
	if err := serve(); err != nil {
		return "", err
	}
	if err := b.far(b.rtt, b.rate); err != nil {
		return "", err
	}
	if b.rate == 0 {
		return fmt.Sprintf("round trip %s", b.rtt), nil
	}
	return fmt.Sprintf("round trip %s, %g Mbit/s a connection", b.rtt, float64(b.rate)*8/1e6), nil
}

// rowFarLarge is one file over a long way with a thin connection: what more of them bring.
func rowFarLarge(ctx context.Context, b *bed) error {
	size := b.bytes(256 * mib)
	b.inMemory(2*size+gib/2, true)
	if err := b.makeBig(size); err != nil {
		return err
	}
	way, err := b.way(b.serveHTTP)
	if err != nil {
		return err
	}
	l, err := b.writeLists()
	if err != nil {
		return err
	}
	tools := []tool{b.rawRanges(16), b.fsyncHTTP("fsync", "--sync", "none")}
	if b.streams {
		tools = append(tools, b.fsyncHTTP("fsync --streams 16", "--streams", "16", "--sync", "none"))
	}
	return b.measure(ctx, plan{title: fmt.Sprintf("%d MiB in one file, HTTP, %s", size/mib, way), need: size, drop: true, tools: append(
		tools,
		b.aria2(l, "aria2c -x16 -s16", "-x16", "-s16", "-k1M"),
		b.lftpHTTP("lftp pget -n16", "pget -n16 "+bigName+" -o DEST/"+bigName),
		b.rcloneStreams(16), b.axel(16),
		b.curl(l, "curl", 1),
	)})
}

// farSmall makes small files, and a server of them at the end of a long way.
func (b *bed) farSmall(serve func() error) (n int, way string, l lists, err error) {
	n = b.files(2000)
	b.inMemory(int64(n)*3*(16<<10)+gib/2, true)
	if err := b.makeTree(n, sized(16<<10)); err != nil {
		return 0, "", l, err
	}
	if way, err = b.way(serve); err == nil {
		l, err = b.writeLists()
	}
	return n, way, l, err
}

// rowFarSmall is many small files over a long way: what a round trip costs.
func rowFarSmall(ctx context.Context, b *bed) error {
	n, way, l, err := b.farSmall(b.serveHTTP)
	if err != nil {
		return err
	}
	return b.measure(ctx, plan{title: fmt.Sprintf("%d x 16 KiB fresh, HTTP, %s", n, way), need: b.need, tools: []tool{
		b.rawMany("write", 64),
		b.fsyncHTTP("fsync -j 64", "--sync", "none", "-j", "64"),
		b.fsyncHTTP("fsync -j 16", "--sync", "none", "-j", "16"),
		b.rcloneHTTP("rclone --transfers 64, no HEAD", 64, "--http-no-head"),
		b.curl(l, "curl --parallel-max 64", 64),
		b.aria2(l, "aria2c -j64", "-j", "64"),
		b.wget2(l, "wget2, 64 threads", "--max-threads", "64"),
	}})
}

// rowFarSecure is the same over HTTPS, from a server that offers HTTP/2: what connections cost.
func rowFarSecure(ctx context.Context, b *bed) error {
	n, way, l, err := b.farSmall(b.serveHTTPS)
	if err != nil {
		return err
	}
	fsync := func(jobs string) tool {
		return b.fsyncHTTP("fsync -j "+jobs, "--cacert", b.ca, "--sync", "none", "-j", jobs)
	}
	return b.measure(ctx, plan{title: fmt.Sprintf("%d x 16 KiB fresh, HTTPS, HTTP/2 offered, %s", n, way), need: b.need, tools: []tool{
		b.rawMany("write", 64),
		fsync("64"), fsync("16"), fsync("256"), withoutHTTP2(fsync("64")),
		b.rcloneHTTP("rclone --transfers 64, no HEAD", 64, "--http-no-head", "--ca-cert", b.ca),
		b.rcloneHTTP("rclone --transfers 64, no HEAD, HTTP/1.1", 64, "--http-no-head", "--ca-cert", b.ca, "--disable-http2"),
		b.curl(l, "curl --parallel-max 64, HTTP/2, 64 connections", 64, "--cacert", b.ca, "--http2"),
		b.curl(l, "curl --parallel-max 64, HTTP/2, shared", 64, "--cacert", b.ca, "--http2", "--no-parallel-immediate"),
		b.curl(l, "curl --parallel-max 64, HTTP/1.1", 64, "--cacert", b.ca, "--http1.1"),
		b.wget2(l, "wget2, 64 threads", "--max-threads", "64", "--ca-certificate", b.ca),
		b.aria2(l, "aria2c -j64", "-j", "64", "--ca-certificate", b.ca),
	}})
}

// withoutHTTP2 is a program in Go that is not to use it.
func withoutHTTP2(t tool) tool {
	inner := t.argv
	t.name += ", HTTP/1.1"
	t.argv = func(dest string) []string {
		argv := inner(dest)
		if len(argv) == 0 {
			return nil
		}
		return append([]string{"env", "GODEBUG=http2client=0"}, argv...)
	}
	return t
}
