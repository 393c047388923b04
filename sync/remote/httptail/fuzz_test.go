package httptail

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// quoteWord writes a netrc word that is read back as it is.
func quoteWord(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}

// FuzzNetrc reads any file, and one made of any three words behind any file that ends
// well: the words come back, for that host alone.
func FuzzNetrc(f *testing.F) {
	for _, text := range []string{
		"", "machine h login u password p", "machine h\n\tlogin u\n\tpassword p\nmachine g login v",
		"default login u password p\nmachine h login u", "macdef x\ncd /\nput\n\nmachine h login u password p",
		"# machine x\nmachine \"a b\" login \"q\\\"\\\\\" password \"\\n\\t\"", "machine h login \"u", "machine", "machine h machine", "account a",
		"machine h login u password p machine h login v password q", "macdef", "machine h password p login",
	} {
		f.Add(text, "Host.example", "u ser", "pa\"ss\\\n")
	}
	f.Fuzz(func(t *testing.T, text, host, user, password string) {
		const secret = "hunter2"
		found, err := parseNetrc(text)
		if err != nil && (found != nil || !strings.HasPrefix(err.Error(), "line ") || !strings.Contains(text, secret) && strings.Contains(err.Error(), secret)) {
			t.Fatalf("%q: %v, %v", text, found, err)
		}
		for host, login := range found {
			if host == "" || host != strings.ToLower(host) || login.user == "" {
				t.Fatalf("%q has %q: %+v", text, host, login)
			}
		}
		if host == "" || user == "" {
			return
		}
		line := "machine " + quoteWord(host) + " login " + quoteWord(user) + " password " + quoteWord(password)
		if strings.ContainsAny(line, "\v\f\u0085\u00a0") || strings.HasPrefix(strings.TrimSpace(line), "#") {
			return
		}
		again, err := parseNetrc(line + "\n")
		if err != nil || len(again) != 1 || again[strings.ToLower(host)] != (login{user, password}) {
			t.Fatalf("%q is read as %q, %v", line, again, err)
		}
	})
}

// FuzzFields reads what an answer says of its file and of when to come again.
func FuzzFields(f *testing.F) {
	const date = "Wed, 02 Feb 2022 02:02:02 GMT"
	for _, s := range []string{"", date, "Wed, 02 Feb 2022 02:02:00 GMT", "Wednesday, 02-Feb-22 02:02:02 GMT", "Wed Feb  2 02:02:02 2022", "Thu, 01 Jan 1970 00:00:01 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "120", "99999999999999999999", "-1"} {
		f.Add(s, date, s, `"tag"`, "text/html; charset=utf-8")
		f.Add(date, s, s, `W/""`, "text")
		f.Add(s, s, s, "\"\x1b\"", "a/b;c")
	}
	f.Fuzz(func(t *testing.T, modified, date, after, tag, media string) {
		h := http.Header{"Last-Modified": {modified}, "Date": {date}, "Retry-After": {after}, "Etag": {tag}, "Content-Type": {media}}
		v := versionOf(h, &url.URL{Scheme: "https", Host: "h", Path: "/"})
		if !v.ModTime.IsZero() && v.ModTime.Unix() < 0 {
			t.Fatalf("%q is %v", modified, v.ModTime)
		}
		if !v.ModTime.IsZero() && !v.WeakTime {
			at, err := http.ParseTime(date)
			if err != nil || at.Sub(v.ModTime) < 2*time.Second {
				t.Fatalf("%q settles something at %q", modified, date)
			}
		}
		if v.ETag != "" && (v.ETag != tag || len(tag) > maxETag || strings.ContainsFunc(v.ETag, func(r rune) bool { return r <= ' ' || r == 0x7f })) {
			t.Fatalf("the entity tag of %q is %q", tag, v.ETag)
		}
		if d := retryAfter(h, time.Unix(1_700_000_000, 0)); d < 0 || d > maxAfter {
			t.Fatalf("%q is a wait of %v", after, d)
		}
		kind, sub, ok := strings.Cut(mediaTypeOf(h), "/")
		if ok && (!isToken(kind) || !isToken(sub)) {
			t.Fatalf("the media type of %q is %q", media, mediaTypeOf(h))
		}
	})
}
