//go:build unix

package remotetest

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Descendants returns the processes below a process that live, by what /proc says of
// their parents. Parents come before their children.
func Descendants(pid int) []int {
	children := make(map[int][]int)
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		// "PID (NAME) STATE PPID …", and NAME may hold anything (proc_pid_stat(5)).
		stat, err := os.ReadFile(name)
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if err != nil || len(fields) < 2 || fields[0][0] == 'Z' {
			continue
		}
		parent, _ := strconv.Atoi(string(fields[1]))
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		children[parent] = append(children[parent], child)
	}
	all := slices.Clone(children[pid])
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// KillDescendants kills all processes below a process. They are stopped first, so that
// none of them leaves another one behind.
func KillDescendants(pid int) {
	var stopped []int
	for {
		all := Descendants(pid)
		fresh := slices.DeleteFunc(slices.Clone(all), func(p int) bool { return slices.Contains(stopped, p) })
		if len(fresh) == 0 {
			break
		}
		for _, p := range fresh {
			syscall.Kill(p, syscall.SIGSTOP)
		}
		stopped = append(stopped, fresh...)
	}
	for _, p := range stopped {
		syscall.Kill(p, syscall.SIGKILL)
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if !slices.ContainsFunc(Descendants(pid), func(p int) bool { return slices.Contains(stopped, p) }) {
			return
		}
	}
}
