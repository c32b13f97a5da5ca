package waypoint

import (
	"fmt"
	"sort"
	"strings"
)

// A node is one segment of a path. The tree has one level per segment; children are kept
// apart by what they can match, so that looking a path up never has to compare patterns.
type node struct {
	literals map[string]*node
	variable *node // ":name", any one non-empty segment
	rest     *node // "*name", everything up to the end
	name     string
	routes   map[string]*Route // by HTTP method; nil on inner nodes
}

// A patternError says why two routes cannot live together.
type patternError struct {
	pattern, reason string
}

func (e *patternError) Error() string {
	return fmt.Sprintf("waypoint: pattern %q: %s", e.pattern, e.reason)
}

// insert adds a route. It is called while the program starts, so mistakes are reported by the
// caller with a panic rather than carried around as errors.
func (n *node) insert(pattern string, route *Route) error {
	if !strings.HasPrefix(pattern, "/") {
		return &patternError{pattern, "must begin with a slash"}
	}
	seen := map[string]bool{}
	segments := strings.Split(pattern[1:], "/")
	for i, segment := range segments {
		kind, name := classify(segment)
		if name != "" && seen[name] {
			return &patternError{pattern, "uses the name " + name + " twice"}
		}
		seen[name] = true
		switch kind {
		case literalSegment:
			if n.literals == nil {
				n.literals = map[string]*node{}
			}
			child := n.literals[segment]
			if child == nil {
				child = &node{}
				n.literals[segment] = child
			}
			n = child
		case variableSegment:
			if n.variable == nil {
				n.variable = &node{name: name}
			} else if n.variable.name != name {
				return &patternError{pattern, fmt.Sprintf(
					"calls a segment %q that another pattern calls %q", name, n.variable.name)}
			}
			n = n.variable
		case restSegment:
			if i != len(segments)-1 {
				return &patternError{pattern, "has something after *" + name}
			}
			if n.rest == nil {
				n.rest = &node{name: name}
			}
			n = n.rest
		}
	}
	if n.routes == nil {
		n.routes = map[string]*Route{}
	}
	if old := n.routes[route.method]; old != nil {
		return &patternError{pattern, fmt.Sprintf("%s is already served by %q", route.method, old.pattern)}
	}
	n.routes[route.method] = route
	return nil
}

// lookup walks the tree with backtracking: "/notes/new" must find the literal "new" before the
// variable ":id", yet "/notes/new/tags" may only exist below ":id". Values are appended to
// params in the order of the pattern, and taken away again when a branch turns out dead.
func (n *node) lookup(path string, params *Params) *node {
	segment, remainder, more := strings.Cut(path, "/")
	if child := n.literals[segment]; child != nil {
		if !more {
			if child.routes != nil {
				return child
			}
		} else if found := child.lookup(remainder, params); found != nil {
			return found
		}
	}
	if n.variable != nil && segment != "" {
		mark := len(*params)
		*params = append(*params, Param{n.variable.name, segment})
		if !more {
			if n.variable.routes != nil {
				return n.variable
			}
		} else if found := n.variable.lookup(remainder, params); found != nil {
			return found
		}
		*params = (*params)[:mark]
	}
	if n.rest != nil && path != "" {
		*params = append(*params, Param{n.rest.name, path})
		return n.rest
	}
	return nil
}

// methods lists what a node can do, sorted, for the Allow header.
func (n *node) methods() []string {
	names := make([]string, 0, len(n.routes)+2)
	for name := range n.routes {
		names = append(names, name)
	}
	if n.routes["GET"] != nil && n.routes["HEAD"] == nil {
		names = append(names, "HEAD")
	}
	if n.routes["OPTIONS"] == nil {
		names = append(names, "OPTIONS")
	}
	sort.Strings(names)
	return names
}

type segmentKind int

const (
	literalSegment segmentKind = iota
	variableSegment
	restSegment
)

func classify(segment string) (segmentKind, string) {
	switch {
	case strings.HasPrefix(segment, ":") && len(segment) > 1:
		return variableSegment, segment[1:]
	case strings.HasPrefix(segment, "*") && len(segment) > 1:
		return restSegment, segment[1:]
	default:
		return literalSegment, ""
	}
}
