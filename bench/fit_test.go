//go:build linux

package main

import (
	"math"
	"testing"
)

func TestFitLine(t *testing.T) {
	t.Parallel()
	x := []float64{1e3, 1e4, 1e5, 1e6}
	on := func(a, b float64) (y []float64) {
		for _, x := range x {
			y = append(y, a+b*x)
		}
		return y
	}
	for _, want := range []fit{{A: 0.02, B: 5e-6}, {A: 3}, {B: 2}} {
		got := fitLine(x, on(want.A, want.B))
		if math.Abs(got.A-want.A) > 1e-6 || math.Abs(got.B-want.B) > 1e-9 || got.Worst > 1e-6 {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	y := on(0.02, 5e-6)
	y[2] *= 1.2 // a run that was disturbed
	if got := fitLine(x, y); got.Worst < 0.05 || got.Worst > 0.2 || math.Abs(got.B/5e-6-1) > 0.2 {
		t.Errorf("%+v", got)
	}
	// What falls has no negative cost, nor has what begins below zero.
	if got := fitLine(x, []float64{4, 3, 2, 1}); got.B != 0 || got.A <= 0 {
		t.Errorf("falling: %+v", got)
	}
	if got := fitLine([]float64{10, 20, 30}, []float64{1, 11, 21}); got.A != 0 || got.B <= 0 {
		t.Errorf("begins below zero: %+v", got)
	}
}

func TestFitText(t *testing.T) {
	t.Parallel()
	got := fit{A: 0.0123, B: 4.56e-6, Worst: 0.071}.text(inSeconds, "entries")
	if want := "12.3 ms + 4.56 µs · entries (within 7 %)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	got = fit{A: 14 * mib, B: 27}.text(inBytes, "entries")
	if want := "14 MiB + 27 B · entries (within 0 %)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
