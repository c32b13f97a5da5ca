// Package middleware has the wrappers that most services want.
package middleware

import (
	"log"
	"net/http"
	"runtime/debug"

	"example.org/waypoint"
)

// Recover keeps one broken handler from taking the whole process down: the panic is logged
// with its stack and the client gets a 500.
//
// http.ErrAbortHandler is passed on, since that is how a handler says "hang up on purpose".
// When part of the answer is on the wire already it is too late for a status code, and the
// connection is cut so that the client does not take half an answer for a whole one.
func Recover(logger *log.Logger) waypoint.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			tracked := &trackingWriter{ResponseWriter: w}
			defer func() {
				cause := recover()
				if cause == nil {
					return
				}
				if cause == http.ErrAbortHandler {
					panic(cause)
				}
				logger.Printf("panic in %s %s (%s): %v\n%s",
					req.Method, req.URL.Path, RequestNumber(req), cause, debug.Stack())
				if tracked.wroteHeader {
					panic(http.ErrAbortHandler)
				}
				waypoint.Fail(w, req, &waypoint.Problem{Status: http.StatusInternalServerError})
			}()
			next.ServeHTTP(tracked, req)
		})
	}
}

// trackingWriter remembers whether anything was sent.
type trackingWriter struct {
	http.ResponseWriter
	wroteHeader bool
}

func (t *trackingWriter) WriteHeader(status int) {
	t.wroteHeader = true
	t.ResponseWriter.WriteHeader(status)
}

func (t *trackingWriter) Write(data []byte) (int, error) {
	t.wroteHeader = true
	return t.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach the real writer.
func (t *trackingWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }
