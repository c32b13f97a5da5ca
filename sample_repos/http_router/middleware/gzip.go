package middleware

import (
	"compress/gzip"
	"net/http"
	"strings"
	"sync"
)

// Answers below this size get longer, not shorter.
const minCompressBytes = 1024

var writers = sync.Pool{New: func() any {
	writer, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return writer
}}

// Compress shrinks textual answers for clients that understand gzip.
func Compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !acceptsGzip(req.Header.Get("Accept-Encoding")) || req.Header.Get("Range") != "" {
			next.ServeHTTP(w, req)
			return
		}
		squeezed := &squeezingWriter{ResponseWriter: w, status: http.StatusOK}
		defer squeezed.close()
		next.ServeHTTP(squeezed, req)
	})
}

// squeezingWriter holds the beginning of an answer back until it is known whether compression
// pays: the first kilobyte, or the whole answer if it is shorter.
type squeezingWriter struct {
	http.ResponseWriter
	status  int
	held    []byte
	gzip    *gzip.Writer
	decided bool
}

func (s *squeezingWriter) WriteHeader(status int) { s.status = status }

func (s *squeezingWriter) Write(data []byte) (int, error) {
	if !s.decided {
		s.held = append(s.held, data...)
		if len(s.held) < minCompressBytes {
			return len(data), nil
		}
		s.decide(true)
		return len(data), s.flushHeld()
	}
	if s.gzip != nil {
		return s.gzip.Write(data)
	}
	return s.ResponseWriter.Write(data)
}

func (s *squeezingWriter) decide(longEnough bool) {
	s.decided = true
	header := s.Header()
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", http.DetectContentType(s.held))
	}
	if longEnough && header.Get("Content-Encoding") == "" && textual(header.Get("Content-Type")) {
		header.Set("Content-Encoding", "gzip")
		header.Del("Content-Length")
		s.gzip = writers.Get().(*gzip.Writer)
		s.gzip.Reset(s.ResponseWriter)
	}
	s.ResponseWriter.WriteHeader(s.status)
}

func (s *squeezingWriter) flushHeld() (err error) {
	if s.gzip != nil {
		_, err = s.gzip.Write(s.held)
	} else {
		_, err = s.ResponseWriter.Write(s.held)
	}
	s.held = nil
	return err
}

func (s *squeezingWriter) close() {
	if !s.decided {
		s.decide(false)
		if len(s.held) > 0 {
			_ = s.flushHeld()
		}
	}
	if s.gzip != nil {
		_ = s.gzip.Close()
		writers.Put(s.gzip)
	}
}

func acceptsGzip(header string) bool {
	for _, offer := range strings.Split(header, ",") {
		coding, quality, _ := strings.Cut(strings.TrimSpace(offer), ";")
		if coding == "gzip" || coding == "*" {
			return strings.ReplaceAll(quality, " ", "") != "q=0"
		}
	}
	return false
}

func textual(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json") ||
		strings.HasSuffix(kind, "javascript") || strings.HasSuffix(kind, "xml")
}
