package httptail

import "sync"

// load counts the requests under way at each host, and remembers the hosts that refused
// several for one file.
type load struct {
	mu      sync.Mutex // guards what follows
	hosts   map[string]int
	singles map[string]bool
	begun   map[string]bool // hosts of which several streams were wanted
	unpiped map[string]bool // hosts that answered no request that was sent ahead
}

// refuse notes that a host allows one stream a file.
func (l *load) refuse(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.singles == nil {
		l.singles = map[string]bool{}
	}
	l.singles[host] = true
}

// single says whether a host allows no more than one.
func (l *load) single(host string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.singles[host]
}

// first says, once, that a host was not asked for several streams yet.
func (l *load) first(host string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun[host] {
		return false
	}
	if l.begun == nil {
		l.begun = map[string]bool{}
	}
	l.begun[host] = true
	return true
}

// unpipe notes that a host is to be asked for nothing before its last answer was read.
func (l *load) unpipe(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unpiped == nil {
		l.unpiped = map[string]bool{}
	}
	l.unpiped[host] = true
}

// pipes says whether a host may be asked ahead.
func (l *load) pipes(host string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.unpiped[host]
}

func (l *load) add(host string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hosts == nil {
		l.hosts = map[string]int{}
	}
	if l.hosts[host] += n; l.hosts[host] == 0 {
		delete(l.hosts, host)
	}
}

func (l *load) of(host string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hosts[host]
}
