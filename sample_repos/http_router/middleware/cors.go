package middleware

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.org/waypoint"
)

// CrossOrigin says who may call from a page of another site.
type CrossOrigin struct {
	Origins     []string // exact origins, or "https://*.example.org"
	Methods     []string
	Headers     []string
	Credentials bool
	MaxAge      time.Duration
}

// Allow answers the browser's preflight question itself and marks real answers as readable.
//
// A request without an Origin header does not come from a page and passes unchanged. A refused
// origin passes as well, just without the headers: it is the browser's job to withhold the
// answer, and curl never asks.
//
// Wrap the whole router in it. As middleware of single routes it would never see a preflight,
// because no route is registered for OPTIONS.
func (c CrossOrigin) Allow() waypoint.Middleware {
	methods := strings.Join(c.Methods, ", ")
	headers := strings.Join(c.Headers, ", ")
	maxAge := strconv.Itoa(int(c.MaxAge.Seconds()))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			origin := req.Header.Get("Origin")
			w.Header().Add("Vary", "Origin")
			if origin == "" || !c.trusts(origin) {
				next.ServeHTTP(w, req)
				return
			}
			w.Header().Set("Access-Control-Allow-Origin", origin)
			if c.Credentials {
				w.Header().Set("Access-Control-Allow-Credentials", "true")
			}
			preflight := req.Method == http.MethodOptions &&
				req.Header.Get("Access-Control-Request-Method") != ""
			if !preflight {
				next.ServeHTTP(w, req)
				return
			}
			w.Header().Set("Access-Control-Allow-Methods", methods)
			w.Header().Set("Access-Control-Allow-Headers", headers)
			w.Header().Set("Access-Control-Max-Age", maxAge)
			w.WriteHeader(http.StatusNoContent)
		})
	}
}

// trusts compares whole origins. A star stands for one or more labels of the host name, and
// never for the dot-free part of a longer name: "https://*.example.org" does not admit
// "https://evilexample.org".
func (c CrossOrigin) trusts(origin string) bool {
	for _, allowed := range c.Origins {
		if allowed == origin {
			return true
		}
		before, after, wild := strings.Cut(allowed, "*")
		if wild && strings.HasPrefix(after, ".") &&
			len(origin) > len(before)+len(after) &&
			strings.HasPrefix(origin, before) && strings.HasSuffix(origin, after) {
			return true
		}
	}
	return false
}
