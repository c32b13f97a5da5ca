package middleware

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
)

const requestIDHeader = "X-Request-Id"

type requestIDKey struct{}

// RequestID gives every request a number by which its log lines can be found again. A number
// that a proxy in front has chosen is kept, provided that it looks harmless.
func RequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		id := req.Header.Get(requestIDHeader)
		if !harmless(id) {
			id = newID()
		}
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), requestIDKey{}, id)))
	})
}

// RequestNumber returns the number of a request, or "-".
func RequestNumber(req *http.Request) string {
	if id, ok := req.Context().Value(requestIDKey{}).(string); ok {
		return id
	}
	return "-"
}

func newID() string {
	var raw [8]byte
	if _, err := rand.Read(raw[:]); err != nil {
		panic(err) // the system has no randomness left; nothing sensible can follow
	}
	return hex.EncodeToString(raw[:])
}

// harmless refuses what could break a log line or fill a disk.
func harmless(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range id {
		isWord := c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !isWord {
			return false
		}
	}
	return true
}
