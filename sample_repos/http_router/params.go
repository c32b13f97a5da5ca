package waypoint

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

// A Param is one value that was cut out of the path.
type Param struct {
	Name, Value string
}

// Params are in the order in which the pattern names them. There are rarely more than three,
// so a slice is searched faster than a map is built.
type Params []Param

// Get returns the value, or "" when the pattern has no such name.
func (p Params) Get(name string) string {
	for _, param := range p {
		if param.Name == name {
			return param.Value
		}
	}
	return ""
}

type matchKey struct{}

type match struct {
	route  *Route
	params Params
}

func withMatch(req *http.Request, route *Route, params Params) *http.Request {
	return req.WithContext(context.WithValue(req.Context(), matchKey{}, match{route, params}))
}

// PathValue returns a value from the path of the current request.
func PathValue(req *http.Request, name string) string {
	found, _ := req.Context().Value(matchKey{}).(match)
	return found.params.Get(name)
}

// PathInt is PathValue for numbers. A path like /notes/seven does not exist, so what is not a
// number becomes a 404 and not a 400.
func PathInt(req *http.Request, name string) (int64, error) {
	text := PathValue(req, name)
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, &Problem{
			Status: http.StatusNotFound,
			Detail: fmt.Sprintf("%q is not a number", text),
		}
	}
	return number, nil
}

// MatchedPattern returns the pattern of the current route, for logs and metrics: unlike the
// path it has few different values.
func MatchedPattern(req *http.Request) string {
	found, _ := req.Context().Value(matchKey{}).(match)
	if found.route == nil {
		return ""
	}
	return found.route.pattern
}
