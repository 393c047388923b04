//go:build linux

package main

import (
	"fmt"
	"math"
)

// A fit is y = a + b·x. It says by how much, at most, a measurement is beside it.
type fit struct {
	A, B  float64
	Worst float64 // of y
}

// fitLine returns the line whose relative errors have the least squares: points lie decades
// apart, and the small ones are to count. Both coefficients are 0 or more: no part of what a
// run costs is negative.
func fitLine(x, y []float64) fit {
	var w, wx, wxx, wy, wxy float64
	for i := range x {
		k := 1 / (y[i] * y[i])
		w, wx, wxx, wy, wxy = w+k, wx+k*x[i], wxx+k*x[i]*x[i], wy+k*y[i], wxy+k*x[i]*y[i]
	}
	var f fit
	if det := w*wxx - wx*wx; det > 0 {
		f.A, f.B = (wxx*wy-wx*wxy)/det, (w*wxy-wx*wy)/det
	}
	switch {
	case f.B <= 0:
		f.A, f.B = wy/w, 0
	case f.A < 0:
		f.A, f.B = 0, wxy/wxx
	}
	for i := range x {
		f.Worst = max(f.Worst, math.Abs(f.at(x[i])/y[i]-1))
	}
	return f
}

func (f fit) at(x float64) float64 { return f.A + f.B*x }

// text writes the line with a unit: "12.1 ms + 4.56 µs · entries".
func (f fit) text(unit func(float64) string, axis string) string {
	return fmt.Sprintf("%s + %s · %s (within %.0f %%)", unit(f.A), unit(f.B), axis, 100*f.Worst)
}

// inSeconds writes a time with three digits.
func inSeconds(s float64) string {
	return scaled(s, []string{"s", "ms", "µs", "ns"}, 1000)
}

// inBytes writes a size with three digits.
func inBytes(n float64) string {
	for _, u := range []string{"GiB", "MiB", "KiB"} {
		size := map[string]float64{"GiB": gib, "MiB": mib, "KiB": 1 << 10}[u]
		if n >= size {
			return fmt.Sprintf("%.3g %s", n/size, u)
		}
	}
	return fmt.Sprintf("%.3g B", n)
}

func scaled(v float64, units []string, step float64) string {
	for v != 0 && v < 1 && len(units) > 1 {
		v, units = v*step, units[1:]
	}
	return fmt.Sprintf("%.3g %s", v, units[0])
}
