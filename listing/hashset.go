package listing

import "math/bits"

// hashSet is a set of 64-bit hashes, each with 64 bits of data, in 20 to 25 bytes each.
//
// It is split into small tables by the hash's upper bits. Those bits need not be stored,
// and a table that grows is copied alone: the set is never there twice, as a map would be.
type hashSet struct {
	shards [1 << shardBits]shard
}

const shardBits = 12

// shard is a hash table with open addressing and linear probing.
type shard struct {
	keys  []uint64 // the hash without its upper bits, then shardBits of the exact hash
	marks []marked // 0: the slot is free
	facts []uint32 // a hash of what else is known of the entry
	used  int
}

// former is what the set holds for a hash already.
type former struct {
	mark  marked
	same  bool // its exact hash is the same, so far as is stored
	facts uint32
}

const exactMask = 1<<shardBits - 1

// add adds a hash, or returns what is there. Exact is the hash of the name as it is
// written; few of its bits are kept, for they only decide on the words of a message and on
// what Paths.File says.
func (s *hashSet) add(hash, exact uint64, m marked, facts uint32) (former, bool) {
	t := s.shard(hash)
	if (t.used+1)*5 > len(t.keys)*4 {
		t.grow()
	}
	key := hash<<shardBits | exact&exactMask
	i, found := t.find(key)
	if found {
		return former{t.marks[i], t.keys[i] == key, t.facts[i]}, true
	}
	t.keys[i], t.marks[i], t.facts[i] = key, m, facts
	t.used++
	return former{}, false
}

// get returns the mark of a hash, nil if the set does not hold it, and whether the exact
// hash is the same.
func (s *hashSet) get(hash, exact uint64) (m *marked, same bool) {
	t := s.shard(hash)
	if len(t.keys) == 0 {
		return nil, false
	}
	key := hash<<shardBits | exact&exactMask
	i, found := t.find(key)
	if !found {
		return nil, false
	}
	return &t.marks[i], t.keys[i] == key
}

func (s *hashSet) shard(hash uint64) *shard { return &s.shards[hash>>(64-shardBits)] }

// find returns the key's slot, or the free one where it belongs.
func (t *shard) find(key uint64) (int, bool) {
	hash := key &^ exactMask
	first, _ := bits.Mul64(hash, uint64(len(t.keys)))
	i := int(first)
	for t.marks[i] != 0 {
		if t.keys[i]&^exactMask == hash {
			return i, true
		}
		if i++; i == len(t.keys) {
			i = 0
		}
	}
	return i, false
}

// grow makes room for a quarter more: by halves the set would be half empty at worst.
func (t *shard) grow() {
	old := *t
	size := len(old.keys)*5/4 + 4
	t.keys, t.marks, t.facts = make([]uint64, size), make([]marked, size), make([]uint32, size)
	for j, m := range old.marks {
		if m != 0 {
			i, _ := t.find(old.keys[j])
			t.keys[i], t.marks[i], t.facts[i] = old.keys[j], m, old.facts[j]
		}
	}
}
