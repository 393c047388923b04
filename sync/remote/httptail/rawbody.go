package httptail

import (
	"bufio"
	"io"
	"net/http"
)

// rawBody is a body that is framed by a Content-Length alone (RFC 9112 §6.3): left more
// bytes of the connection, as they are. net/http's own body keeps its count to itself,
// so nobody else could take bytes from the connection.
type rawBody struct {
	br   *bufio.Reader
	left int64
}

// unframed returns the body of an answer as a rawBody, or as it is where there is more to
// do than to count.
func unframed(resp *http.Response, br *bufio.Reader) io.ReadCloser {
	if resp.ContentLength <= 0 || len(resp.TransferEncoding) > 0 || len(resp.Trailer) > 0 || resp.Body == http.NoBody {
		return resp.Body
	}
	return &rawBody{br, resp.ContentLength}
}

// Read returns io.EOF together with the last byte, and io.ErrUnexpectedEOF before it.
func (r *rawBody) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.br.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	switch {
	case r.left == 0:
		err = io.EOF
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (r *rawBody) Close() error { return nil }
