//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// printHead says which programs are compared, and where.
func printHead(ctx context.Context) {
	var kernel unix.Utsname
	_ = unix.Uname(&kernel)
	fmt.Printf("%d CPUs, Linux %s, %s\n", runtime.NumCPU(), unix.ByteSliceToString(kernel.Release[:]), runtime.Version())
	for _, argv := range [][]string{{"ssh", "-V"}, {"rclone", "version"}, {"lftp", "--version"}, {"rsync", "--version"}} {
		out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
		line, _, _ := bytes.Cut(out, []byte("\n"))
		if err == nil {
			fmt.Printf("%s\n", line)
		}
	}
}

// notify asks for the signals that end this program.
func notify(c chan<- os.Signal) { signal.Notify(c, syscall.SIGINT, syscall.SIGTERM) }

func median[T cmp.Ordered](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

func each[T any](samples []sample, of func(sample) T) []T {
	var all []T
	for _, s := range samples {
		all = append(all, of(s))
	}
	return all
}

func wall(samples []sample) time.Duration {
	return median(each(samples, func(s sample) time.Duration { return s.Wall }))
}

// right says that every run was.
func right(samples []sample) bool {
	return !slices.ContainsFunc(samples, func(s sample) bool { return s.wrong != "" })
}

// best returns the shortest time of the programs that are right every time.
func best(tools []tool, samples [][]sample, which func(tool) bool) time.Duration {
	var shortest time.Duration
	for i, t := range tools {
		if w := wall(samples[i]); which(t) && right(samples[i]) && (shortest == 0 || w < shortest) {
			shortest = w
		}
	}
	return shortest
}

func isFsync(t tool) bool { return strings.HasPrefix(t.name, "fsync") }

// printTable prints medians, and the least and most of the time. The ratios are to the
// best peer and to the best way of fsync.
func printTable(title string, tools []tool, samples [][]sample, far bool) {
	if len(tools) == 0 {
		return
	}
	peer := best(tools, samples, func(t tool) bool { return !t.limit && !isFsync(t) })
	own := best(tools, samples, isFsync)
	ratio := func(w, to time.Duration) string {
		if to == 0 {
			return "–"
		}
		return fmt.Sprintf("%.2f", w.Seconds()/to.Seconds())
	}
	head := []string{"program", "wall s (min–max)", "CPU s", "RSS MiB", "× best peer", "× fsync"}
	if far {
		head = append(head, "received MB", "connections")
	}
	head = append(head, "result")
	fmt.Printf("\n### %s, n=%d\n\n| %s |\n|%s\n", title, len(samples[0]), strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for i, t := range tools {
		all := samples[i]
		walls := each(all, func(s sample) float64 { return s.Wall.Seconds() })
		name := t.name
		if t.limit {
			name = "*limit: " + name + "*"
		}
		cells := []string{
			name,
			fmt.Sprintf("%.3f (%.3f–%.3f)", wall(all).Seconds(), slices.Min(walls), slices.Max(walls)),
			fmt.Sprintf("%.3f", median(each(all, func(s sample) float64 { return s.CPU.Seconds() }))),
			fmt.Sprintf("%.1f", float64(median(each(all, func(s sample) int64 { return s.RSS })))/mib),
			ratio(wall(all), peer), ratio(wall(all), own),
		}
		if far {
			cells = append(cells,
				fmt.Sprintf("%.1f", float64(median(each(all, func(s sample) int64 { return s.received })))/1e6),
				fmt.Sprint(median(each(all, func(s sample) int { return s.connections }))))
		}
		fmt.Printf("| %s | %s |\n", strings.Join(cells, " | "), result(t, all))
	}
}

func result(t tool, samples []sample) string {
	for i, s := range samples {
		if s.wrong != "" {
			return fmt.Sprintf("run %d: %s", i+1, s.wrong)
		}
	}
	if t.unseen {
		return "not compared"
	}
	return "ok"
}
