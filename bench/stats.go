//go:build linux

package main

import (
	"cmp"
	"slices"
)

// median returns the middle one; of an even number, the upper of the two.
func median[T cmp.Ordered](values []T) T {
	var none T
	if len(values) == 0 {
		return none
	}
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

func each[S, T any](all []S, of func(S) T) []T {
	out := make([]T, 0, len(all))
	for _, v := range all {
		out = append(out, of(v))
	}
	return out
}

// wall returns the median time in seconds.
func (e entry) wall() float64 {
	return median(each(e.Samples, func(s sample) float64 { return s.Wall }))
}

// right says that every run was.
func (e entry) right() bool {
	return len(e.Samples) > 0 && !slices.ContainsFunc(e.Samples, func(s sample) bool { return s.Wrong != "" })
}

// best returns the shortest median time of those that are right every time, 0 if none is.
func (t table) best(which func(entry) bool) float64 {
	var shortest float64
	for _, e := range t.Entries {
		if w := e.wall(); which(e) && e.right() && (shortest == 0 || w < shortest) {
			shortest = w
		}
	}
	return shortest
}

// bestPeer is what an entry is compared with: the best one of its class.
func (t table) bestPeer(of entry) float64 {
	return t.best(func(e entry) bool { return !e.Limit && !e.Fsync && e.Class == of.Class })
}

// limit is the fastest way that the machine allows.
func (t table) limit() float64 { return t.best(func(e entry) bool { return e.Limit }) }
