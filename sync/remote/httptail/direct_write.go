package httptail

import (
	"bufio"
	"net/http"
)

// writeRequest writes a GET as Request.Write does, which goes a long way round for what all
// of ours look like. What does not look so is left to it, and so are its errors.
func writeRequest(w *bufio.Writer, r *http.Request) error {
	host, uri := r.Host, r.URL.RequestURI()
	if host == "" {
		host = r.URL.Host
	}
	if !plainRequest(host, uri, r.Header) {
		return r.Write(w)
	}
	// An error is kept by w, and told by its Flush.
	w.WriteString("GET ")
	w.WriteString(uri)
	w.WriteString(" HTTP/1.1\r\nHost: ")
	w.WriteString(host)
	w.WriteString("\r\n")
	for name, values := range r.Header {
		for _, v := range values {
			if v == "" && name == "User-Agent" {
				continue
			}
			w.WriteString(name)
			w.WriteString(": ")
			w.WriteString(v)
			w.WriteString("\r\n")
		}
	}
	_, err := w.WriteString("\r\n")
	return err
}

// plainRequest says that nothing has to be encoded, trimmed or refused. The names of fields
// were checked where they came from.
func plainRequest(host, uri string, h http.Header) bool {
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c >= 0x7f || c == '%' || c == '/' || c == '@' { // "%": the zone of an address
			return false
		}
	}
	for i := range len(uri) {
		if c := uri[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	for _, values := range h {
		for _, v := range values {
			for i := range len(v) {
				if c := v[i]; c < ' ' || c == 0x7f || c == ' ' && (i == 0 || i == len(v)-1) {
					return false
				}
			}
		}
	}
	return host != "" && len(h["User-Agent"]) == 1 // one that is not set is net/http's own
}
