package httptail

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"fsync/sync/remote"
	"fsync/sync/remote/remotetest"
)

var fileTime = time.Date(2022, 2, 2, 2, 2, 2, 0, time.UTC)

func sample() remotetest.File {
	return remotetest.File{Content: remotetest.Content(42, 100_003), ModTime: fileTime, ETag: `"v1"`}
}

// fetch opens and reads a file, and says in a word how that went: "ok", "short" (a clean
// end before the file's), "wrong" (other bytes), or the kind of the error.
func fetch(t *testing.T, c remotetest.Source, req remote.Request, content []byte) (string, *remote.Tail, error) {
	t.Helper()
	tail, err := c.Open(t.Context(), req)
	if err != nil {
		return kindName(err), nil, err
	}
	defer tail.Body.Close()
	remotetest.CheckTail(t, req, tail)
	got, err := io.ReadAll(tail.Body)
	want := content[tail.Start:]
	if tail.End >= 0 && tail.End <= int64(len(content)) {
		want = content[tail.Start:tail.End]
	}
	switch {
	case !bytes.HasPrefix(want, got):
		return "wrong", tail, err
	case err != nil:
		return kindName(err), tail, err
	case len(got) < len(want):
		if tail.Framed {
			t.Errorf("framed, and ended cleanly after %d of %d bytes", len(got), len(want))
		}
		return "short", tail, nil
	}
	return "ok", tail, nil
}

func kindName(err error) string {
	return map[remote.Kind]string{remote.Final: "final", remote.Temporary: "temporary", remote.BadRange: "bad range"}[remote.KindOf(err)]
}

// faultRows says for each fault what a request for the whole file comes to, and one for
// a range.
var faultRows = map[string]struct{ whole, ranged string }{
	"200 to a range":                {"ok", "ok"},
	"206 starts low":                {"ok", "ok"},
	"206 starts high":               {"ok", "bad range"},
	"206 wrong total":               {"ok", "ok"},
	"206 total not above last":      {"ok", "bad range"},
	"206 unknown total":             {"ok", "ok"},
	"206 unit items":                {"ok", "bad range"},
	"206 multipart":                 {"ok", "bad range"},
	"206 length is not the range's": {"ok", "bad range"},
	"206 shorter than asked":        {"ok", "ok"},
	"206 ends before the range":     {"ok", "bad range"},
	"206 two Content-Ranges":        {"ok", "bad range"},
	"206 without Content-Range":     {"ok", "bad range"},
	"206 shifted bytes":             {"ok", "wrong"},
	"416 with the size":             {"ok", "bad range"},
	"416 without the size":          {"ok", "bad range"},
	"206 unasked":                   {"final", "ok"},

	"cut by FIN":                 {"temporary", "temporary"},
	"cut by RST":                 {"temporary", "temporary"},
	"longer than Content-Length": {"ok", "ok"},
	"chunked":                    {"ok", "ok"},
	"chunked and cut":            {"temporary", "temporary"},
	"206 chunked and longer":     {"ok", "temporary"},
	"ended by close":             {"ok", "ok"},
	"ended by close and cut":     {"short", "temporary"},
	"no answer":                  {"temporary", "temporary"},
	"keep-alive broken":          {"ok", "ok"},
	"HTTP/1.0":                   {"ok", "ok"},

	"ETag changes":               {"ok", "ok"},
	"weak ETag":                  {"ok", "ok"},
	"same ETag, other bytes":     {"ok", "ok"}, // the second answer is the wrong one
	"no validators":              {"ok", "ok"},
	"modified now":               {"ok", "ok"},
	"no Date":                    {"ok", "ok"},
	"unquoted ETag":              {"ok", "ok"},
	"grows under way":            {"ok", "ok"},
	"shrinks under way":          {"temporary", "temporary"},
	"replaced under way":         {"ok", "ok"},
	"overwritten under way":      {"wrong", "wrong"},
	"gzip":                       {"final", "bad range"},
	"206 gzip":                   {"ok", "bad range"},
	"transcoded":                 {"ok", "ok"},
	"Repr-Digest":                {"ok", "ok"},
	"Repr-Digest wrong":          {"ok", "ok"},
	"Repr-Digest trailer":        {"ok", "ok"},
	"Digest":                     {"ok", "ok"},
	"late":                       {"ok", "ok"},
	"no header":                  {"temporary", "temporary"},
	"stalls":                     {"temporary", "temporary"},
	"trickles":                   {"temporary", "temporary"},
	"status 500":                 {"temporary", "temporary"},
	"status 404":                 {"final", "final"},
	"status 403":                 {"final", "final"},
	"status 204":                 {"final", "final"},
	"status 304":                 {"final", "final"},
	"login page":                 {"wrong", "wrong"},
	"huge header":                {"temporary", "temporary"},
	"garbage status line":        {"temporary", "temporary"},
	"redirect loop":              {"final", "final"},
	"signed URL":                 {"ok", "ok"},
	"expired signed URL":         {"final", "final"},
	"redirect to file:":          {"final", "final"},
	"redirect without Location":  {"final", "final"},
	"redirect to another origin": {"ok", "ok"},

	"status 503, Retry-After 2":                    {"temporary", "temporary"},
	"status 503, Retry-After date":                 {"temporary", "temporary"},
	"status 503, Retry-After 99999999999999999999": {"temporary", "temporary"},
	"status 429, Retry-After 1":                    {"temporary", "temporary"},
}

func TestFaults(t *testing.T) { testFaults(t, func(c *Client) remotetest.Source { return c }) }

// testFaults runs the rows with what read makes of a client.
func testFaults(t *testing.T, read func(*Client) remotetest.Source) {
	for _, fault := range remotetest.Faults() {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			row, ok := faultRows[fault.Name]
			if !ok {
				t.Fatal("no row for this fault")
			}
			stall := 30 * time.Second
			if fault.Name == "no header" || fault.Name == "stalls" || fault.Name == "trickles" {
				stall = 400 * time.Millisecond // whenever it strikes, the row is the same
			}
			for off, want := range map[int64]string{0: row.whole, 30_000: row.ranged} {
				s := remotetest.NewServer(t)
				f := sample()
				f.Faults = []remotetest.Fault{fault}
				req := remote.Request{URL: s.Put("file", f), Offset: off}
				got, _, err := fetch(t, read(newClient(t, Options{Stall: stall})), req, f.Content)
				if got != want {
					t.Errorf("from byte %d: %s, want %s (%v)", off, got, want, err)
				}
				if err != nil {
					checkText(t, err)
				}
				if n := len(s.Requests("file")); n != 1 && !strings.Contains(fault.Name, "redirect") && !strings.Contains(fault.Name, "signed") {
					t.Errorf("%d requests", n)
				}
			}
		})
	}
}

// checkText checks that an error's text is fit for a terminal and names no secret.
func checkText(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("control characters in %q", text)
	}
	for _, s := range []string{"secret", "signature", "token", "hunter2", "Referer"} {
		if strings.Contains(text, s) {
			t.Errorf("%q in %q", s, text)
		}
	}
	if len(text) > 600 {
		t.Errorf("%d bytes of text", len(text))
	}
}

// TestCutAtEveryByte cuts a small file everywhere: never a clean end, never a wrong byte.
func TestCutAtEveryByte(t *testing.T) { testCuts(t, newClient(t, Options{})) }

func testCuts(t *testing.T, c remotetest.Source) {
	s := remotetest.NewServer(t)
	content := remotetest.Content(3, 120)
	for _, cut := range []func(int64) remotetest.Fault{remotetest.CutFIN, remotetest.CutRST, remotetest.ChunkedCut} {
		for off := range int64(3) {
			for n := range int64(120) - off {
				f := remotetest.File{Content: content, Faults: []remotetest.Fault{cut(n)}}
				got, _, err := fetch(t, c, remote.Request{URL: s.Put("file", f), Offset: off}, content)
				if got != "temporary" {
					t.Fatalf("%s, from byte %d, %d bytes: %s, %v", f.Faults[0].Name, off, n, got, err)
				}
			}
		}
	}
}
