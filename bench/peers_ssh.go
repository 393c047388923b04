//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// fast is the cipher that the Go programs choose; OpenSSH's own choice is chacha20.
const fast = "aes128-gcm@openssh.com"

func (b *bed) url() string { return "sftp://" + b.sshd.User + "@" + b.addr + b.src + "/" }

// pull returns fsync's command.
func (b *bed) pull(list, dest string, more ...string) []string {
	if b.fsync == "" {
		return nil
	}
	argv := []string{b.fsync, "pull", list, "-d", dest, "-q", "-j", strconv.Itoa(b.jobs)}
	if b.sshd != nil {
		argv = append(argv, "--identity", b.sshd.Identity, "--known-hosts", b.known)
	}
	return append(argv, more...)
}

func (b *bed) fsyncList() tool {
	return tool{name: "fsync", argv: func(dest string) []string { return b.pull(b.list, dest, "--sync", "none", "--base", b.url()) }}
}

func (b *bed) fsyncWalk() tool {
	return tool{name: "fsync, walk", argv: func(dest string) []string { return b.pull(b.url(), dest, "--sync", "none") }}
}

func (b *bed) ssh(args ...string) []string {
	return append([]string{"ssh", "-F", b.sshConfig}, args...)
}

// sshCat is one channel without SFTP.
func (b *bed) sshCat(cipher string) tool {
	t := tool{name: "ssh cat, default cipher", limit: true, stdout: bigName}
	args := []string{"bench", "cat " + filepath.Join(b.src, bigName)}
	if cipher != "" {
		t.name, args = "ssh cat, "+cipher, append([]string{"-c", cipher}, args...)
	}
	t.argv = func(string) []string { return b.ssh(args...) }
	return t
}

// sshParts is a number of connections, each for its part of the file.
func (b *bed) sshParts(n int, size int64) tool {
	t := tool{name: fmt.Sprintf("%d x ssh dd, %s", n, fast), limit: true, needs: []string{"ssh", "dd"}}
	part := (size/mib + int64(n) - 1) / int64(n)
	t.argv = func(dest string) []string {
		return []string{"sh", "-c", fmt.Sprintf(`i=0; while [ $i -lt %d ]; do
			ssh -F '%s' -c %s bench "dd if='%[6]s' bs=1M skip=$((i*%[4]d)) count=%[4]d status=none" |
			dd of='%[5]s' bs=1M seek=$((i*%[4]d)) iflag=fullblock conv=notrunc status=none & i=$((i+1))
		done; wait`, n, b.sshConfig, fast, part, filepath.Join(dest, bigName), filepath.Join(b.src, bigName))}
	}
	return t
}

// window is SFTP over one channel with as many requests as fit.
func (b *bed) window() tool {
	return tool{name: "one channel, x/crypto/ssh and pkg/sftp", limit: true, argv: func(dest string) []string {
		return []string{b.self, "raw", "window", b.addr, b.sshd.User, b.sshd.Identity, b.known, filepath.Join(b.src, bigName), filepath.Join(dest, bigName)}
	}}
}

// sftp runs OpenSSH's client on one command, in which DEST is the directory.
func (b *bed) sftp(name, command string, flags ...string) tool {
	return tool{name: name, needs: []string{"sftp"}, argv: func(dest string) []string {
		batch := strings.NewReplacer("SRC", b.src, "DEST", dest).Replace(command)
		script := fmt.Sprintf(`printf '%%s\n' '%s' | sftp -q -F '%s' %s -b - bench`, batch, b.sshConfig, strings.Join(flags, " "))
		return []string{"sh", "-c", script}
	}}
}

func (b *bed) sftpFile(cipher string) tool {
	const get = "get SRC/" + bigName + " DEST/" + bigName
	if cipher == "" {
		return b.sftp("sftp get", get)
	}
	return b.sftp("sftp get, "+cipher, get, "-c", cipher)
}

func (b *bed) rclone(name string, flags ...string) tool {
	return tool{name: name, argv: func(dest string) []string {
		return append([]string{"rclone", "copy", "--config", b.rcloneConfig, "bench:" + b.src, dest, "--retries", "1"}, flags...)
	}}
}

func (b *bed) rcloneFile(streams int) tool {
	return b.rclone(fmt.Sprintf("rclone, streams=%d", streams),
		"--multi-thread-streams", strconv.Itoa(streams), "--multi-thread-cutoff", "1M")
}

// lftp runs lftp on one command, in which SRC and DEST are directories.
func (b *bed) lftp(name, command string) tool {
	return tool{name: name, argv: func(dest string) []string {
		script := fmt.Sprintf(`set cmd:fail-exit yes; set net:max-retries 2; set sftp:auto-confirm no
set sftp:connect-program "ssh -a -x -F %s"
open -u %s,none sftp://bench
%s`, b.sshConfig, b.sshd.User, strings.NewReplacer("SRC", b.src, "DEST", dest).Replace(command))
		return []string{"lftp", "--norc", "-c", script}
	}}
}

func (b *bed) rsync(name, cipher string, flags ...string) tool {
	return tool{name: name, needs: []string{"ssh"}, argv: func(dest string) []string {
		shell := "ssh -F " + b.sshConfig
		if cipher != "" {
			shell += " -c " + cipher
		}
		return append(append([]string{"rsync", "-e", shell}, flags...), "bench:"+b.src+"/", dest+"/")
	}}
}

// scp copies one file; with -O by its own old protocol.
func (b *bed) scp(flags ...string) tool {
	return tool{name: strings.Join(append([]string{"scp"}, flags...), " "), argv: func(dest string) []string {
		return append(append([]string{"scp", "-q", "-F", b.sshConfig}, flags...), "bench:"+filepath.Join(b.src, bigName), dest+"/")
	}}
}

// rawSFTP is one connection with many files under way: mode get or stat.
func (b *bed) rawSFTP(mode string) tool {
	return tool{name: "one connection, 64 files at a time, pkg/sftp", limit: true, unseen: mode == "stat", argv: func(dest string) []string {
		return []string{b.self, "raw", "sftp", b.addr, b.sshd.User, b.sshd.Identity, b.known, mode, b.src, b.list, dest, "64"}
	}}
}
