package httptail

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"reflect"
	"testing"
)

// TestWriteRequest: what is written is what net/http writes, and what it refuses is refused.
func TestWriteRequest(t *testing.T) {
	t.Parallel()
	urls := []string{
		"http://h/", "http://h:80/a/b?x=y&z", "http://H.Example/%41%20%2f", "http://[::1]:8080/a", "http://[fe80::1%25eth0]/a",
		"http://bücher.example/ü", "http://h/a b", "http://h/?q=a b", "http://h/?\x01",
	}
	headers := []http.Header{
		{},
		{"User-Agent": {""}},
		{"User-Agent": {"a b"}, "Range": {"bytes=1-"}},
		{"User-Agent": {"one", "two"}},
		{"X": {"", "two", " trimmed\t", "a\tb", "ü"}},
		{"X": {"a\r\nInjected: 1"}},
	}
	for _, raw := range urls {
		for _, host := range []string{"", "other.example:1", "b ad", "a/b", "ü"} {
			for _, h := range headers {
				u, err := url.Parse(raw)
				if err != nil {
					u = &url.URL{Scheme: "http", Host: "h", Path: "/", RawQuery: "\x01"}
				}
				r := &http.Request{Method: http.MethodGet, URL: u, Host: host, Header: h}
				want, wantErr := parsed(func(w *bufio.Writer) error { return r.Write(w) })
				got, err := parsed(func(w *bufio.Writer) error { return writeRequest(w, r) })
				if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got, want) {
					t.Errorf("%q, %q, %q: %v (%v), want %v (%v)", raw, host, h, got, err, want, wantErr)
				}
			}
		}
	}
}

// parsed returns what a server makes of what is written.
func parsed(write func(*bufio.Writer) error) ([]any, error) {
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	err := write(w)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return nil, err
	}
	length := out.Len()
	got, err := http.ReadRequest(bufio.NewReader(&out))
	if err != nil {
		return nil, err
	}
	return []any{length, got.Method, got.Host, got.RequestURI, got.Proto, got.Header}, nil
}
