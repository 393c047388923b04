package listing

import (
	"errors"
	"fmt"
	"strings"
)

// setOption takes one indented line of aria2's input format, NAME=VALUE. A nil draft is
// one that was dropped: its options are still checked. Values never get into messages,
// they may be secret.
func (d *draft) setOption(line string) error {
	name, value, ok := strings.Cut(line, "=")
	if !ok || !isOptionName(name) {
		return errors.New("an indented line must be an option NAME=VALUE: out=, dir= or checksum= (a path that begins with a blank can be written in JSON Lines)")
	}
	if d == nil {
		d = new(draft)
	}
	switch name {
	case "out":
		if value == "" {
			return errors.New("option out= is empty")
		}
		d.path = value
	case "dir":
		if strings.HasPrefix(value, "/") || hasDrive(value) {
			return fmt.Errorf("option dir=%s is absolute: make it relative to the directory that is pulled to", show(value))
		}
		d.dir = value
	case "checksum":
		return d.setDigest(value)
	default:
		return checkOption(name)
	}
	return nil
}

func isOptionName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != ""
}

// checkOption ignores options that only say how aria2 is to work, not what is to be there
// in the end. Any other one cannot be left out silently.
func checkOption(name string) error {
	use := ""
	switch name {
	case "split", "max-connection-per-server", "min-split-size", "piece-length", "stream-piece-selector",
		"uri-selector", "reuse-uri", "max-tries", "retry-wait", "timeout", "connect-timeout",
		"max-file-not-found", "lowest-speed-limit", "max-resume-failure-tries":
		return nil
	case "continue", "always-resume", "allow-overwrite", "allow-piece-length-change", "auto-file-renaming",
		"conditional-get", "remote-time", "check-integrity", "realtime-chunk-checksum", "use-head":
		return nil
	case "gid", "pause", "force-save", "save-not-found", "file-allocation", "no-file-allocation-limit",
		"async-dns", "enable-http-keep-alive", "enable-http-pipelining", "http-accept-gzip", "http-no-cache":
		return nil
	case "header", "load-cookies", "http-auth-challenge":
		use = "use --header"
	case "http-user", "http-passwd", "ftp-user", "ftp-passwd":
		use = "use --netrc-file"
	case "user-agent":
		use = "use --user-agent"
	case "referer":
		use = "fsync sends none; if the server needs one use --header"
	case "all-proxy", "http-proxy", "https-proxy", "no-proxy":
		use = "set HTTP_PROXY, HTTPS_PROXY or NO_PROXY"
	case "max-download-limit":
		use = "use --bwlimit"
	default:
		use = "take it out if the files do not need it"
	}
	return fmt.Errorf("option %s= is not read: %s", name, use)
}
