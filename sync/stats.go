package sync

import (
	"slices"
	gosync "sync"
	"sync/atomic"
)

// Stats are a run's live counters, to be read while it goes on.
type Stats struct {
	Done    atomic.Int64 // entries with a Result
	Bad     atomic.Int64 // of those, conflicts and failures
	Fetched atomic.Int64 // bytes read from remotes
	Have    atomic.Int64 // bytes of complete files and of the prefixes under way

	mu     gosync.Mutex
	active []*Active // guarded by mu
}

// Active is an entry under way.
type Active struct {
	Path string
	Have atomic.Int64 // its size by now
	Size atomic.Int64 // its size at the end, 0 while unknown
}

// Active returns the entries whose bytes are coming in, the oldest first.
func (s *Stats) Active() []*Active {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.active)
}

func (s *Stats) enter(a *Active) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = append(s.active, a)
}

func (s *Stats) leave(a *Active) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = slices.DeleteFunc(s.active, func(b *Active) bool { return a == b })
}

// Stats returns the live counters of the Puller's runs.
func (p *Puller) Stats() *Stats { return &p.stats }
