//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// machine says where the programs were compared, and which.
type machine struct {
	CPUs       int
	Kernel, Go string
	Versions   []string // the first line of what each program says of itself
}

func describe(ctx context.Context) machine {
	var kernel unix.Utsname
	_ = unix.Uname(&kernel)
	m := machine{CPUs: runtime.NumCPU(), Kernel: unix.ByteSliceToString(kernel.Release[:]), Go: runtime.Version()}
	server := "nginx"
	if path, err := nginxProgram(); err == nil {
		server = path
	}
	for _, argv := range [][]string{
		{server, "-v"},
		{"ssh", "-V"},
		{"curl", "--version"},
		{"wget2", "--version"},
		{"aria2c", "--version"},
		{"lftp", "--version"},
		{"rclone", "version"},
		{"rsync", "--version"},
		{"axel", "--version"},
	} {
		out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
		line, _, _ := strings.Cut(string(out), "\n")
		if err == nil {
			m.Versions = append(m.Versions, strings.TrimSpace(line))
		}
	}
	return m
}

func (m machine) markdown() string {
	return fmt.Sprintf("%d CPUs, Linux %s, %s\n\n- %s\n", m.CPUs, m.Kernel, m.Go, strings.Join(m.Versions, "\n- "))
}

// notify asks for the signals that end this program.
func notify(c chan<- os.Signal) { signal.Notify(c, syscall.SIGINT, syscall.SIGTERM) }

// fsName names the file system of a directory.
func fsName(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "?"
	}
	switch int64(st.Type) {
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "XFS"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	}
	return fmt.Sprintf("file system %#x", st.Type)
}
