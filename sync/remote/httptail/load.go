package httptail

import "sync"

// load counts the requests under way at each host, and remembers the hosts that refused
// several for one file.
type load struct {
	mu      sync.Mutex // guards what follows
	hosts   map[string]int
	singles map[string]bool
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
