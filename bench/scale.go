//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A growth is what fsync costs as one thing grows: see docs/scale.md.
type growth struct {
	id, what, axis string
	points         []float64
	time           func(x float64) float64 // what its time is a line of; nil: of x
	// set makes what a point needs and returns one run of it.
	set func(ctx context.Context, b *bed, x float64) (func() (sample, error), error)
}

// A curve is a growth that was measured. Times are in seconds, memory in bytes: medians.
type curve struct {
	ID, What, Axis          string
	TimeAxis                string // what the time is a line of
	X, Wall, CPU, RSS       []float64
	FitWall, FitCPU, FitRSS fit
}

// scaleMain measures fsync alone, at sizes that lie decades apart, and fits lines.
func scaleMain(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bench scale", flag.ContinueOnError)
	s := settings{jobs: 16, scale: 1, only: regexp.MustCompile("")}
	only := f.String("only", "", "only what `regexp` names: "+strings.Join(each(allGrowths(0), func(g growth) string { return g.id }), ", "))
	most := f.Float64("most", 1e6, "most entries")
	f.StringVar(&s.fsync, "fsync", "", "the fsync program")
	f.StringVar(&s.dir, "dir", "", "where files on disk go (default the system's temporary directory)")
	f.StringVar(&s.shm, "shm", "/dev/shm", "a tmpfs; \"\" for -dir")
	f.StringVar(&s.json, "json", "", "write the measurements to this `file`, too")
	f.IntVar(&s.runs, "runs", 3, "how often each point is measured")
	f.DurationVar(&s.timeout, "timeout", 10*time.Minute, "longest time of one run")
	if err := f.Parse(args); err != nil {
		return err
	}
	name, err := regexp.Compile(*only)
	if err != nil || s.fsync == "" || s.runs < 1 || f.NArg() > 0 {
		return errors.Join(err, errors.New("scale: -fsync PROGRAM, and flags only (-h shows them)"))
	}
	if s.fsync, err = filepath.Abs(s.fsync); err != nil {
		return err
	}
	h, err := newHarness(ctx, s)
	if err != nil {
		return err
	}
	defer h.close()
	var curves []curve
	for _, g := range allGrowths(*most) {
		if !name.MatchString(g.id) {
			continue
		}
		c, err := h.grow(ctx, g)
		if err != nil {
			return fmt.Errorf("%s: %w", g.id, err)
		}
		fmt.Print(c.markdown())
		curves = append(curves, c)
	}
	if s.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(curves, "", "\t")
	return errors.Join(err, os.WriteFile(s.json, append(text, '\n'), 0o644))
}

// grow measures each point of a growth, from the least.
func (h *harness) grow(ctx context.Context, g growth) (c curve, err error) {
	c = curve{ID: g.id, What: g.what, Axis: g.axis, TimeAxis: g.axis}
	for _, x := range g.points {
		samples, err := h.point(ctx, g, x)
		if err != nil {
			return c, fmt.Errorf("%s = %g: %w", g.axis, x, err)
		}
		c.X = append(c.X, x)
		c.Wall = append(c.Wall, median(each(samples, func(s sample) float64 { return s.Wall })))
		c.CPU = append(c.CPU, median(each(samples, func(s sample) float64 { return s.CPU })))
		c.RSS = append(c.RSS, median(each(samples, func(s sample) float64 { return float64(s.RSS) })))
	}
	times := c.X
	if g.time != nil {
		times, c.TimeAxis = each(c.X, g.time), "1/"+g.axis
	}
	c.FitWall, c.FitCPU, c.FitRSS = fitLine(times, c.Wall), fitLine(c.X, c.CPU), fitLine(c.X, c.RSS)
	return c, nil
}

// point runs fsync with a bed of its own.
func (h *harness) point(ctx context.Context, g growth, x float64) (samples []sample, err error) {
	b, err := h.newBed(row{id: fmt.Sprintf("%s-%g", g.id, x)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close(), os.RemoveAll(b.dir)) }()
	run, err := g.set(ctx, b, x)
	for i := 0; err == nil && i < h.runs; i++ {
		var s sample
		if s, err = run(); err == nil && s.Wrong != "" {
			err = errors.New(s.Wrong)
		}
		fmt.Fprintf(os.Stderr, "%-10s %12g %2d %8.3f s %8.3f s of CPU %7.1f MiB\n", g.id, x, i+1, s.Wall, s.CPU, float64(s.RSS)/mib)
		samples = append(samples, s)
	}
	return samples, err
}

// markdown writes the measurements, and how far the line is from each.
func (c curve) markdown() string {
	var s strings.Builder
	fmt.Fprintf(&s, "\n### %s: %s\n\n| %s | wall s | CPU s | RSS MiB |\n|---:|---:|---:|---:|\n", c.ID, c.What, c.Axis)
	for i, x := range c.X {
		fmt.Fprintf(&s, "| %s | %.3f | %.3f | %.1f |\n", plain(x), c.Wall[i], c.CPU[i], c.RSS[i]/mib)
	}
	fmt.Fprintf(&s, "\n- wall: %s\n- CPU: %s\n- memory: %s\n",
		c.FitWall.text(inSeconds, c.TimeAxis), c.FitCPU.text(inSeconds, c.Axis), c.FitRSS.text(inBytes, c.Axis))
	return s.String()
}

// plain writes a number with commas, without an exponent.
func plain(x float64) string {
	text := fmt.Sprintf("%.0f", x)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// decades are the powers of ten from one number to another.
func decades(from, to float64) (all []float64) {
	for x := from; x <= to*1.001; x *= 10 {
		all = append(all, x)
	}
	return all
}

func inverse(x float64) float64 { return 1 / math.Max(x, 1) }
