package waypoint

import (
	"fmt"
	"net/url"
	"strings"
)

// Named gives a route a name by which AddressOf finds it.
func (route *Route) Named(name string) *Route {
	if old := route.router.names[name]; old != nil {
		panic(fmt.Sprintf("waypoint: the name %q is used for %s and %s", name, old.pattern, route.pattern))
	}
	route.name = name
	route.router.names[name] = route
	return route
}

// AddressOf fills the pattern of a named route with values, given as name, value, name, value.
// Values are escaped, so a title with a slash in it stays one segment.
func (r *Router) AddressOf(name string, pairs ...string) (string, error) {
	route := r.names[name]
	if route == nil {
		return "", fmt.Errorf("waypoint: no route is named %q", name)
	}
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("waypoint: %q: a name without a value", name)
	}
	values := make(map[string]string, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	var address strings.Builder
	for _, segment := range strings.Split(route.pattern[1:], "/") {
		address.WriteByte('/')
		kind, key := classify(segment)
		if kind == literalSegment {
			address.WriteString(segment)
			continue
		}
		value, ok := values[key]
		if !ok || value == "" {
			return "", fmt.Errorf("waypoint: %q needs a value for %q", name, key)
		}
		delete(values, key)
		if kind == restSegment {
			address.WriteString((&url.URL{Path: value}).EscapedPath())
		} else {
			address.WriteString(url.PathEscape(value))
		}
	}
	if len(values) > 0 {
		query := url.Values{}
		for key, value := range values {
			query.Set(key, value)
		}
		address.WriteString("?" + query.Encode())
	}
	return address.String(), nil
}
