//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// allGrowths are what docs/scale.md is made of.
func allGrowths(most float64) []growth {
	return []growth{
		{
			id: "list", what: "a list is read and refused for its last line", axis: "entries",
			points: decades(1e3, max(most, 1e7)), set: growList,
		},
		{
			id: "noop", what: "nothing to do: files that another program put there, sizes and times in the list", axis: "entries",
			points: decades(1e3, most), set: growNoop,
		},
		{
			id: "fresh", what: "files of 4 KiB over HTTP, tmpfs, -j 16", axis: "entries",
			points: decades(1e3, min(most, 1e5)), set: growFresh,
		},
		{
			id: "bytes", what: "one file over HTTP, tmpfs", axis: "MiB",
			points: []float64{1, 16, 256, 1024, 4096}, set: growBytes,
		},
		{
			id: "rtt", what: "1,000 files of 4 KiB over HTTP, -j 16", axis: "ms",
			points: []float64{1, 10, 30, 60, 120, 240}, set: growRTT,
		},
		{
			id: "streams", what: "one file of 64 MiB, 60 ms, 50 Mbit/s a connection", axis: "streams",
			points: []float64{1, 2, 4, 8, 16}, time: inverse, set: growStreams,
		},
	}
}

// growList has a list whose last line is bad: it is checked whole, and nothing else is done.
func growList(ctx context.Context, b *bed, x float64) (func() (sample, error), error) {
	tsv := filepath.Join(b.dir, "list.tsv")
	if err := writeBadList(tsv, int(x)); err != nil {
		return nil, err
	}
	t := tool{name: "fsync", argv: func(dest string) []string { return b.pull(tsv, dest, "--base", "https://example.org/") }}
	return func() (sample, error) {
		s, err := b.sample(ctx, t, b.dir)
		if s.Wrong == "" {
			s.Wrong = "a bad list was taken"
		} else if len(s.Wrong) > 7 && s.Wrong[:7] == "exit 2:" {
			s.Wrong = ""
		}
		return s, err
	}, nil
}

func writeBadList(name string, n int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, mib)
	fmt.Fprintln(w, "path\tsize\tmtime")
	for i := range n {
		w.WriteString(fileName(i))
		w.WriteString("\t4096\t2026-01-02T03:04:05Z\n")
	}
	fmt.Fprintln(w, "../out\t1\t2026-01-02T03:04:05Z")
	return errors.Join(w.Flush(), f.Close())
}

// growNoop looks at a tree that is its own source: nothing is ever asked of that.
func growNoop(ctx context.Context, b *bed, x float64) (func() (sample, error), error) {
	if err := b.makeTree(int(x), sized(1)); err != nil {
		return nil, err
	}
	tsv := filepath.Join(b.dir, "list.tsv")
	list := tool{name: "fsync", argv: func(string) []string {
		return []string{b.fsync, "list", b.src, "--hash", "none", "-q", "-o", tsv}
	}}
	if s, err := b.sample(ctx, list, b.dir); err != nil || s.Wrong != "" {
		return nil, errors.Join(err, errors.New(s.Wrong))
	}
	t := tool{name: "fsync", argv: func(dest string) []string { return b.pull(tsv, dest, "--base", b.src) }}
	if s, err := b.sample(ctx, t, b.src); err != nil || s.Wrong != "" { // directories into the cache
		return nil, errors.Join(err, errors.New(s.Wrong))
	}
	return func() (sample, error) { return b.sample(ctx, t, b.src) }, nil
}

// fresh is a run into a new directory, whose files are compared.
func (b *bed) fresh(ctx context.Context, flags ...string) func() (sample, error) {
	t := b.fsyncHTTP("fsync", append(flags, "--sync", "none")...)
	return func() (sample, error) {
		dest, err := os.MkdirTemp(b.dest, "dest")
		if err != nil {
			return sample{}, err
		}
		s, err := b.sample(ctx, t, dest)
		if err == nil && s.Wrong == "" {
			s.Wrong = b.compare(dest)
		}
		return s, errors.Join(err, os.RemoveAll(dest))
	}
}

func growFresh(ctx context.Context, b *bed, x float64) (func() (sample, error), error) {
	b.inMemory(int64(x)*3*4096+gib/2, true)
	if err := b.makeTree(int(x), sized(4096)); err != nil {
		return nil, err
	}
	return b.fresh(ctx), b.serveHTTP()
}

func growBytes(ctx context.Context, b *bed, x float64) (func() (sample, error), error) {
	b.inMemory(int64(x)*2*mib+gib/2, true)
	if err := b.makeBig(int64(x) * mib); err != nil {
		return nil, err
	}
	return b.fresh(ctx), b.serveHTTP()
}

func growRTT(ctx context.Context, b *bed, x float64) (func() (sample, error), error) {
	b.rtt, b.rate = time.Duration(x)*time.Millisecond, 0
	b.inMemory(gib/2, true)
	if err := b.makeTree(1000, sized(4096)); err != nil {
		return nil, err
	}
	_, err := b.way(b.serveHTTP)
	return b.fresh(ctx), err
}

func growStreams(ctx context.Context, b *bed, x float64) (func() (sample, error), error) {
	b.rtt, b.rate = 60*time.Millisecond, 6_250_000
	b.inMemory(gib, true)
	if err := b.makeBig(64 * mib); err != nil {
		return nil, err
	}
	_, err := b.way(b.serveHTTP)
	return b.fresh(ctx, "--streams", strconv.Itoa(int(x))), err
}
