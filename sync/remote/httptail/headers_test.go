package httptail

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

func TestETagOf(t *testing.T) {
	for _, row := range []struct {
		values []string
		want   string
	}{
		{[]string{`"a"`}, `"a"`},
		{[]string{`W/"a"`}, `W/"a"`},
		{[]string{`""`}, `""`},
		{[]string{`"a"`, `"a"`}, `"a"`},
		{[]string{"\"\xff!#~\""}, "\"\xff!#~\""},
		{nil, ""},
		{[]string{``}, ""},
		{[]string{`"`}, ""},
		{[]string{`W/`}, ""},
		{[]string{`W/"`}, ""},
		{[]string{`w/"a"`}, ""},
		{[]string{`a`}, ""},
		{[]string{`'a'`}, ""},
		{[]string{`"a`}, ""},
		{[]string{`a"`}, ""},
		{[]string{`"a"b"`}, ""},
		{[]string{`"a b"`}, ""},
		{[]string{"\"a\x7fb\""}, ""},
		{[]string{"\"a\x00b\""}, ""},
		{[]string{`"a"`, `"b"`}, ""},
		{[]string{`"` + strings.Repeat("a", maxETag) + `"`}, ""},
	} {
		if got := etagOf(http.Header{"Etag": row.values}); got != row.want {
			t.Errorf("%q = %q, want %q", row.values, got, row.want)
		}
	}
}

func TestModTimeOf(t *testing.T) {
	const lm = "Wed, 02 Feb 2022 02:02:02 GMT"
	for _, row := range []struct {
		name, modified, date string
		known, weak          bool
	}{
		{"old", lm, "Wed, 02 Feb 2022 02:02:04 GMT", true, false},
		{"older", lm, "Thu, 03 Feb 2023 02:02:04 GMT", true, false},
		{"young", lm, "Wed, 02 Feb 2022 02:02:03 GMT", true, true},
		{"now", lm, lm, true, true},
		{"from the future", lm, "Wed, 02 Feb 2022 02:02:00 GMT", true, true},
		{"no date", lm, "", true, true},
		{"bad date", lm, "yesterday", true, true},
		{"RFC 850", "Wednesday, 02-Feb-22 02:02:02 GMT", "Wed, 02 Feb 2022 02:02:04 GMT", true, false},
		{"asctime", "Wed Feb  2 02:02:02 2022", "Wed, 02 Feb 2022 02:02:04 GMT", true, false},
		{"none", "", lm, false, false},
		{"bad", "02.02.2022", lm, false, false},
		{"the epoch", "Thu, 01 Jan 1970 00:00:00 GMT", lm, true, true},
		{"before it", "Wed, 31 Dec 1969 23:59:59 GMT", lm, false, false},
	} {
		h := http.Header{}
		h.Set("Last-Modified", row.modified)
		h.Set("Date", row.date)
		got, weak := modTimeOf(h)
		if got.IsZero() == row.known || weak != row.weak {
			t.Errorf("%s: %s, weak %t", row.name, got, weak)
		}
	}
}

func TestMediaTypeOf(t *testing.T) {
	for value, want := range map[string]string{
		"text/html; charset=utf-8": "text/html", "TEXT/HTML": "text/html", "text/html; =": "text/html",
		"": "", "text": "", "text/": "", "/html": "", "a/b/c": "", "te xt/html": "", "text/h\x1btml": "",
	} {
		if got := mediaTypeOf(http.Header{"Content-Type": {value}}); got != want {
			t.Errorf("%q = %q, want %q", value, got, want)
		}
	}
}

func TestEncoded(t *testing.T) {
	for value, want := range map[string]bool{
		"": false, "identity": false, "Identity, ": false, "gzip": true, "identity, gzip": true, "x": true,
	} {
		if got := encoded(http.Header{"Content-Encoding": {value}}); got != want {
			t.Errorf("%q = %t", value, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		after, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"120", "", 2 * time.Minute},
		{" 120 ", "", 2 * time.Minute},
		{"-1", "", 0},
		{"1.5", "", 0},
		{"soon", "", 0},
		{"359999", "", 359_999 * time.Second},
		{"360001", "", maxAfter},
		{"9223372036854775807", "", maxAfter},
		{"99999999999999999999999", "", maxAfter},
		{"Mon, 01 Jan 2024 00:00:30 GMT", "", 30 * time.Second},
		{"Mon, 01 Jan 2024 00:00:30 GMT", "Mon, 01 Jan 2024 00:00:20 GMT", 10 * time.Second},
		{"Mon, 01 Jan 2024 00:00:30 GMT", "bad", 30 * time.Second},
		{"Sun, 31 Dec 2023 00:00:00 GMT", "", 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "", maxAfter},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 0000 00:00:00 GMT", maxAfter},
	} {
		h := http.Header{}
		h.Set("Retry-After", row.after)
		h.Set("Date", row.date)
		if got := retryAfter(h, now); got != row.want {
			t.Errorf("%q at %q = %s, want %s", row.after, row.date, got, row.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü": "plain ü", "a\nb\x1b[31m": `a\nb\x1b[31m`, "\u202e": `\u202e`, "\xff": `�`,
	} {
		if got := printable(in); got != want && in != "\xff" {
			t.Errorf("%q = %q, want %q", in, got, want)
		}
	}
	if got := printable(strings.Repeat("x", 10_000)); len(got) > 310 {
		t.Errorf("%d bytes", len(got))
	}
}

// FuzzHeaders feeds answers to requests. Whatever they are, the Tail keeps its promises
// and the body gives exactly what the Tail says, or an error.
func FuzzHeaders(f *testing.F) {
	body := strings.Repeat("0123456789", 30)
	for _, s := range []string{
		"200 OK\r\nContent-Length: 300\r\nETag: \"a\"\r\n\r\n" + body,
		"200 OK\r\nContent-Length: 400\r\nLast-Modified: Wed, 02 Feb 2022 02:02:02 GMT\r\n\r\n" + body,
		"200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Repr-Digest\r\n\r\n5\r\nabcde\r\n0\r\nRepr-Digest: sha-256=:" + b256 + ":\r\n\r\n",
		"200 OK\r\nContent-Encoding: gzip\r\n\r\n" + body,
		"200 OK\r\nX-Goog-Stored-Content-Encoding: gzip\r\nRepr-Digest: sha-256=:" + b256 + ":\r\n\r\n" + body,
		"206 Partial Content\r\nContent-Range: bytes 100-399/400\r\nContent-Length: 300\r\n\r\n" + body,
		"206 Partial Content\r\nContent-Range: bytes 50-399/*\r\n\r\n" + body,
		"206 Partial Content\r\nContent-Range: bytes 0-299/300\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
		"206 x\r\nContent-Type: multipart/byteranges; boundary=x\r\n\r\n" + body,
		"304 Not Modified\r\nContent-Length: 5\r\nETag: W/\"x\"\r\n\r\n",
		"302 Found\r\nLocation: //user:pw@other/a?b#c\r\n\r\n",
		"302 Found\r\nLocation: http://[::1%25x]:x/\r\n\r\n",
		"416 x\r\nContent-Range: bytes */5\r\n\r\n", "503 x\r\nRetry-After: 9\r\nDate: x\r\n\r\n", "404 \x1b\r\n\r\nx",
		"101 x\r\nUpgrade: x\r\n\r\n", "999 x\r\n\r\n", "204 x\r\n\r\n",
	} {
		for _, off := range []int64{0, 100} {
			f.Add(s, off, int64(0), "")
			f.Add(s, off, int64(10), `"a"`)
			f.Add(s, off, int64(0), `"a"`)
		}
	}
	f.Fuzz(func(t *testing.T, answer string, off, length int64, etag string) {
		req := remote.Request{URL: &url.URL{Scheme: "https", Host: "host", Path: "/p"}, Offset: off, Length: length}
		if etag != "" {
			req.Unless = &remote.Version{ETag: etag, Size: 5}
		}
		if checkRequest(req) != nil {
			return
		}
		checkAnswer(t, "HTTP/1.1 "+answer, req)
	})
}

func checkAnswer(t *testing.T, answer string, req remote.Request) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	hr := (&http.Request{Method: "GET", URL: req.URL, Header: http.Header{}}).WithContext(ctx)
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), hr)
	if err != nil {
		return
	}
	x := &exchange{url: req.URL, resp: resp, ctx: ctx}
	if isRedirect(resp) {
		if next, err := x.location(); err == nil {
			if next.Scheme != "https" || next.Host == "" || next.User != nil || next.Fragment != "" {
				t.Fatalf("redirect to %q", next)
			}
		} else {
			checkText(t, err)
		}
		return
	}
	tail, err := x.answer(req)
	if err != nil {
		checkText(t, err)
		return
	}
	remotetest.CheckTail(t, req, tail)
	got, err := io.ReadAll(tail.Body)
	n := int64(len(got))
	switch {
	case tail.NotModified:
	case tail.End >= 0 && n > tail.End-tail.Start:
		t.Fatalf("%d bytes, want at most %d", n, tail.End-tail.Start)
	case err == nil && tail.End >= 0 && n != tail.End-tail.Start:
		t.Fatalf("%d bytes and no error, want %d", n, tail.End-tail.Start)
	case err != nil && remote.KindOf(err) != remote.Temporary:
		t.Fatalf("the body ends in %v", err)
	case err != nil:
		checkText(t, err)
	}
	if tail.Digests != nil {
		tail.Digests()
	}
	tail.Body.Close()
}
