//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	gosync "sync"
	"sync/atomic"
	"time"
)

// serverOptions are the ways in which a fileServer is not an ordinary one.
type serverOptions struct {
	cut      int64 // bodies end after so many bytes
	noRange  bool
	noETag   bool
	unframed bool  // HTTP/1.0 without a length
	rate     int64 // bytes a second, each connection
}

// fileServer serves a directory by http.ServeContent, with ETags as nginx makes them, and
// keeps a log.
type fileServer struct {
	url string
	dir string
	opt serverOptions
	srv *http.Server

	rate atomic.Int64 // opt's, until slow is called

	mu  gosync.Mutex // guards log
	log []string
}

func startServer(dir string, o serverOptions) (*fileServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &fileServer{url: "http://" + l.Addr().String(), dir: dir, opt: o}
	s.rate.Store(o.rate)
	s.srv = &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0)}
	go s.srv.Serve(l)
	return s, nil
}

// slow sets the rate of answers from now on, 0 for no limit.
func (s *fileServer) slow(rate int64) { s.rate.Store(rate) }

// close ends the server and every connection.
func (s *fileServer) close() { s.srv.Close() }

func (s *fileServer) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

func (s *fileServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

func (s *fileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := r.Header
	s.mu.Lock()
	s.log = append(s.log, fmt.Sprintf("%s %s range=%s none-match=%s key=%s auth=%s agent=%s",
		r.Method, r.RequestURI, h.Get("Range"), h.Get("If-None-Match"), h.Get("X-Key"), h.Get("Authorization"), h.Get("User-Agent")))
	s.mu.Unlock()
	if s.opt.noRange {
		r.Header.Del("Range")
	}
	if s.opt.unframed {
		s.close10(w, r)
		return
	}
	// Not http.FileServer: it serves no names that are not UTF-8.
	f, err := os.Open(filepath.Join(s.dir, filepath.FromSlash(path.Clean("/"+r.URL.Path))))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		http.NotFound(w, r)
		return
	}
	if !s.opt.noETag {
		w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, fi.ModTime().Unix(), fi.Size()))
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	opt := s.opt
	opt.rate = s.rate.Load()
	http.ServeContent(&slowWriter{ResponseWriter: w, opt: opt, ctx: r.Context()}, r, "", fi.ModTime(), f)
}

// close10 answers as the simplest of all servers: the end of the body is that of the
// connection.
func (s *fileServer) close10(w http.ResponseWriter, r *http.Request) {
	p, err := os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(r.URL.Path)))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.0 200 OK\r\n\r\n%s", p)
}

// slowWriter writes a body at its rate and cuts it.
type slowWriter struct {
	http.ResponseWriter
	opt  serverOptions
	ctx  context.Context
	sent int64
}

func (w *slowWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		piece := p[:min(len(p), w.piece())]
		if w.opt.cut > 0 && w.sent+int64(len(piece)) > w.opt.cut {
			w.ResponseWriter.Write(piece[:w.opt.cut-w.sent])
			panic(http.ErrAbortHandler)
		}
		m, err := w.ResponseWriter.Write(piece)
		n += m
		w.sent += int64(m)
		if err != nil {
			return n, err
		}
		p = p[m:]
		if w.opt.rate > 0 {
			http.NewResponseController(w.ResponseWriter).Flush()
			select {
			case <-time.After(time.Duration(m) * time.Second / time.Duration(w.opt.rate)):
			case <-w.ctx.Done():
				return n, w.ctx.Err()
			}
		}
	}
	return n, nil
}

// piece is how much is written before a rest: a hundredth of a second's bytes.
func (w *slowWriter) piece() int {
	if w.opt.rate > 0 {
		return max(1, int(w.opt.rate/100))
	}
	return 32 << 10
}
