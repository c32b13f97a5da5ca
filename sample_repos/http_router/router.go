// Package waypoint routes HTTP requests by method and path.
package waypoint

import (
	"net/http"
	"net/url"
	"strings"
)

// Middleware wraps a handler with something that happens before or after it.
type Middleware func(http.Handler) http.Handler

// A Route is one pattern and the handler behind it.
type Route struct {
	method  string
	pattern string
	name    string
	handler http.Handler
	router  *Router
}

// Router is an http.Handler. Build it while the program starts; it must not be changed once
// it serves requests.
type Router struct {
	tree       *node
	prefix     string
	middleware []Middleware
	names      map[string]*Route

	// NotFound and MethodNotAllowed may be replaced before the first request.
	NotFound         http.Handler
	MethodNotAllowed http.Handler
}

// New returns an empty router.
func New() *Router {
	return &Router{
		tree:             &node{},
		names:            map[string]*Route{},
		NotFound:         problemHandler(http.StatusNotFound),
		MethodNotAllowed: problemHandler(http.StatusMethodNotAllowed),
	}
}

// Handle adds a route. Middleware added with Use before this call surrounds the handler;
// middleware added later does not.
func (r *Router) Handle(method, pattern string, handler http.Handler) *Route {
	route := &Route{
		method:  method,
		pattern: r.prefix + pattern,
		handler: chain(handler, r.middleware),
		router:  r,
	}
	if err := r.tree.insert(route.pattern, route); err != nil {
		panic(err)
	}
	return route
}

// Get, Post, Put, Patch and Delete are short for Handle.
func (r *Router) Get(pattern string, f http.HandlerFunc) *Route { return r.Handle("GET", pattern, f) }

// Post adds a route for creating things.
func (r *Router) Post(pattern string, f http.HandlerFunc) *Route { return r.Handle("POST", pattern, f) }

// Put adds a route for replacing things.
func (r *Router) Put(pattern string, f http.HandlerFunc) *Route { return r.Handle("PUT", pattern, f) }

// Patch adds a route for changing parts of things.
func (r *Router) Patch(pattern string, f http.HandlerFunc) *Route {
	return r.Handle("PATCH", pattern, f)
}

// Delete adds a route for removing things.
func (r *Router) Delete(pattern string, f http.HandlerFunc) *Route {
	return r.Handle("DELETE", pattern, f)
}

// Use adds middleware for the routes that follow.
func (r *Router) Use(middleware ...Middleware) {
	r.middleware = append(r.middleware[:len(r.middleware):len(r.middleware)], middleware...)
}

// Group calls build with a router whose patterns all begin with prefix. The group starts with
// the middleware of its parent and keeps to itself what it adds.
func (r *Router) Group(prefix string, build func(*Router)) {
	child := *r
	child.prefix = r.prefix + strings.TrimSuffix(prefix, "/")
	build(&child)
}

// ServeHTTP finds the route of a request and runs it.
func (r *Router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var params Params
	found := r.tree.lookup(strings.TrimPrefix(req.URL.Path, "/"), &params)
	if found == nil {
		if target, ok := r.trailingSlash(req.URL); ok {
			http.Redirect(w, req, target, http.StatusPermanentRedirect)
			return
		}
		r.NotFound.ServeHTTP(w, req)
		return
	}
	route := found.routes[req.Method]
	if route == nil && req.Method == http.MethodHead {
		route = found.routes[http.MethodGet]
	}
	if route == nil {
		w.Header().Set("Allow", strings.Join(found.methods(), ", "))
		if req.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		r.MethodNotAllowed.ServeHTTP(w, req)
		return
	}
	route.handler.ServeHTTP(w, withMatch(req, route, params))
}

// trailingSlash offers the same address with or without its last slash, if that one exists.
func (r *Router) trailingSlash(address *url.URL) (string, bool) {
	path := address.Path
	if path == "/" || path == "" {
		return "", false
	}
	other := path + "/"
	if strings.HasSuffix(path, "/") {
		other = strings.TrimSuffix(path, "/")
	}
	if strings.HasPrefix(other, "//") {
		return "", false // "//evil.example" would leave this site
	}
	var params Params
	if r.tree.lookup(strings.TrimPrefix(other, "/"), &params) == nil {
		return "", false
	}
	target := *address
	target.Path = other
	return target.RequestURI(), true
}

// chain puts the first middleware outermost.
func chain(handler http.Handler, middleware []Middleware) http.Handler {
	for i := len(middleware) - 1; i >= 0; i-- {
		handler = middleware[i](handler)
	}
	return handler
}
