package main

import "hash/maphash"

// hashes is a set of strings, of which it keeps a hash of 8 bytes each. It may have one that was
// never added, by a chance of one in 2⁶⁴ for each that was. The zero value is empty.
type hashes struct {
	seed maphash.Seed
	set  map[uint64]struct{}
}

func (h *hashes) add(s string) {
	if h.set == nil {
		h.seed, h.set = maphash.MakeSeed(), make(map[uint64]struct{})
	}
	h.set[maphash.String(h.seed, s)] = struct{}{}
}

func (h *hashes) has(s string) bool {
	if h.set == nil {
		return false
	}
	_, ok := h.set[maphash.String(h.seed, s)]
	return ok
}
