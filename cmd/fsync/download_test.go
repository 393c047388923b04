package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An HTML page that is no directory without its slash is told as what it is: that there is
// nothing with a slash is of no use to anybody.
func TestDownloadPage(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/list.html" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<html><body>Please log in</body></html>"))
	}))
	t.Cleanup(server.Close)
	var out bytes.Buffer
	code := run(t.Context(), []string{"pull", server.URL + "/list.html?key=secret", "-d", t.TempDir()}, &streams{in: strings.NewReader(""), out: &out, err: &out})
	if text := out.String(); code != exitUsage || !strings.Contains(text, "/list.html: an HTML page, not a list") || strings.Contains(text, "secret") {
		t.Errorf("exit code %d: %s", code, text)
	}
}
