//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lists are the forms in which programs take a list.
type lists struct {
	urls  string // a URL a line
	aria2 string // aria2's input file
	curl  string // a configuration of curl's; output is relative
}

// serveLists starts the server and makes the lists of what it has.
func (b *bed) serveLists() (lists, error) {
	if err := b.serveHTTP(); err != nil {
		return lists{}, err
	}
	return b.writeLists()
}

// writeLists writes the row's list for all.
func (b *bed) writeLists() (l lists, err error) {
	l = lists{filepath.Join(b.dir, "urls"), filepath.Join(b.dir, "aria2.txt"), filepath.Join(b.dir, "curl.conf")}
	names, err := readLines(b.list)
	if err != nil {
		return l, err
	}
	var urls, aria2, curl strings.Builder
	for _, name := range names {
		url := b.base() + name
		fmt.Fprintln(&urls, url)
		fmt.Fprintf(&aria2, "%s\n  out=%s\n", url, name)
		fmt.Fprintf(&curl, "url = \"%s\"\noutput = \"%s\"\n", url, name)
	}
	return l, write(map[string]string{l.urls: urls.String(), l.aria2: aria2.String(), l.curl: curl.String()})
}

func (b *bed) base() string {
	if b.ca != "" {
		return "https://" + b.http + "/"
	}
	return "http://" + b.http + "/"
}

// fsyncHTTP is fsync on the row's list. Flags decide what it does for durability.
func (b *bed) fsyncHTTP(name string, flags ...string) tool {
	return tool{name: name, argv: func(dest string) []string {
		return b.pull(b.list, dest, append([]string{"--base", b.base()}, flags...)...)
	}}
}

// rawMany is the least that a client of many files does; see there for the modes.
func (b *bed) rawMany(mode string, conns int) tool {
	return tool{name: fmt.Sprintf("raw client, %d connections", conns), limit: true, unseen: mode == "past", argv: func(dest string) []string {
		return []string{b.self, "raw", "many", b.http, b.list, mode, strconv.Itoa(conns), dest, b.ca}
	}}
}

func (b *bed) rawStream(how string, offset int64) tool {
	name := map[string]string{"splice": "raw socket to file, splice", "copy": "raw socket to file, 1 MiB writes"}[how]
	return tool{name: name, limit: true, argv: func(dest string) []string {
		return []string{b.self, "raw", "stream", b.http, bigName, filepath.Join(dest, bigName), fmt.Sprint(offset), how}
	}}
}

func (b *bed) rawRanges(n int) tool {
	return tool{name: fmt.Sprintf("raw sockets to file, %d ranges", n), limit: true, argv: func(dest string) []string {
		return []string{b.self, "raw", "ranges", b.http, bigName, filepath.Join(dest, bigName), fmt.Sprint(b.need), strconv.Itoa(n)}
	}}
}

// command is a program whose arguments do not depend on more than the destination, DEST.
func command(name string, argv ...string) tool {
	return tool{name: name, argv: func(dest string) []string {
		all := make([]string, len(argv))
		for i, arg := range argv {
			all[i] = strings.ReplaceAll(arg, "DEST", dest)
		}
		return all
	}}
}

func (b *bed) wget2(l lists, name string, flags ...string) tool {
	argv := []string{"wget2", "-q", "--no-config", "--no-robots", "--max-threads", strconv.Itoa(b.jobs), "-x", "-nH", "-P", "DEST", "-i", l.urls}
	return command(name, append(argv, flags...)...)
}

func (b *bed) curl(l lists, name string, parallel int, flags ...string) tool {
	// With -f curl closes a connection that brought 416.
	argv := []string{"curl", "-q", "-s", "-S", "--create-dirs", "--parallel", "--parallel-immediate", "--parallel-max", strconv.Itoa(parallel)}
	return command(name, append(append(argv, flags...), "-K", l.curl)...)
}

func (b *bed) aria2(l lists, name string, flags ...string) tool {
	argv := []string{
		"aria2c", "--no-conf", "-q", "-d", "DEST", "-i", l.aria2, "--file-allocation=none", "--summary-interval=0",
		"--auto-file-renaming=false", "--allow-overwrite=true", "--disable-ipv6",
	}
	return command(name, append(argv, flags...)...)
}

func (b *bed) lftpHTTP(name, script string) tool {
	const set = "set cmd:fail-exit yes; set net:max-retries 3; set net:connection-limit 0; open "
	return command(name, "lftp", "--norc", "-c", set+b.base()+"; "+script)
}

func (b *bed) lftpMirror(jobs int) tool {
	return b.lftpHTTP("lftp mirror -c", fmt.Sprintf("mirror -c --parallel=%d / DEST", jobs))
}

func (b *bed) rcloneHTTP(name string, jobs int, flags ...string) tool {
	argv := []string{
		"rclone", "copy", "--config", os.DevNull, "--http-url", b.base(), ":http:", "DEST", "--files-from", b.list, "--no-traverse",
		"--transfers", strconv.Itoa(jobs), "--checkers", strconv.Itoa(jobs), "--retries", "1",
	}
	return command(name, append(argv, flags...)...)
}

func (b *bed) rcloneStreams(n int) tool {
	return b.rcloneHTTP(fmt.Sprintf("rclone, streams=%d", n), 1, "--multi-thread-streams", strconv.Itoa(n), "--multi-thread-cutoff", "1M")
}

func (b *bed) axel(n int) tool {
	return command(fmt.Sprintf("axel -n%d", n), "axel", "-q", "-n", strconv.Itoa(n), "-o", "DEST/"+bigName, b.base()+bigName)
}

// largeTools are the ways of the peers to get one file, whole or what is missing.
func (b *bed) largeTools(l lists) []tool {
	return []tool{
		b.curl(l, "curl -C -", 1, "-C", "-"),
		b.wget2(l, "wget2 -c", "-c"),
		b.lftpHTTP("lftp get -c", "get -c "+bigName+" -o DEST/"+bigName),
		b.rcloneStreams(1), b.rcloneStreams(16),
		b.aria2(l, "aria2c -c -x1", "-c", "-x1", "-s1"),
		b.aria2(l, "aria2c -c -x16", "-c", "-x16", "-s16", "-k1M"),
		b.axel(1),
	}
}
