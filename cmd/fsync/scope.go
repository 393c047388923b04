package main

import (
	"cmp"
	"slices"

	"github.com/alecthomas/kong"

	"fsync/listing"
)

// rule is one --include or --exclude.
type rule struct {
	order   int // on the command line, over both flags
	include bool
	glob    string
}

type (
	includeFlag []rule
	excludeFlag []rule
)

// Decode takes one --include GLOB. Kong keeps the order within a flag only; what is left of
// the command line tells that over both.
func (f *includeFlag) Decode(ctx *kong.DecodeContext) error {
	return decodeRule(ctx, true, (*[]rule)(f))
}

// Decode takes one --exclude GLOB.
func (f *excludeFlag) Decode(ctx *kong.DecodeContext) error {
	return decodeRule(ctx, false, (*[]rule)(f))
}

func decodeRule(ctx *kong.DecodeContext, include bool, rules *[]rule) error {
	var glob string
	if err := ctx.Scan.PopValueInto("glob", &glob); err != nil {
		return err
	}
	*rules = append(*rules, rule{-ctx.Scan.Len(), include, glob})
	return nil
}

// filter returns what the rules say, nil if there are none.
func (f listFlags) filter() (*listing.Filter, error) {
	rules := slices.Concat([]rule(f.Include), []rule(f.Exclude))
	if len(rules) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(rules, func(a, b rule) int { return cmp.Compare(a.order, b.order) })
	filter := new(listing.Filter)
	for _, r := range rules {
		if err := filter.Add(r.include, r.glob); err != nil {
			flag := "--exclude"
			if r.include {
				flag = "--include"
			}
			return nil, usagef("%s: %w", flag, err)
		}
	}
	return filter, nil
}

// globs returns the patterns of a flag.
func globs(flag string, patterns []string) (*listing.Globs, error) {
	g := new(listing.Globs)
	for _, p := range patterns {
		if err := g.Add(p); err != nil {
			return nil, usagef("%s: %w", flag, err)
		}
	}
	return g, nil
}
