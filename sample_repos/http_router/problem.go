package waypoint

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
)

// A Problem is an error that may be shown to the caller (RFC 7807). Any other error is logged
// and answered with a bare 500, so that table names and file paths stay inside.
type Problem struct {
	Type   string            `json:"type,omitempty"`
	Title  string            `json:"title"`
	Status int               `json:"status"`
	Detail string            `json:"detail,omitempty"`
	Fields map[string]string `json:"fields,omitempty"`
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return http.StatusText(p.Status)
	}
	return http.StatusText(p.Status) + ": " + p.Detail
}

// Fail answers a request with an error.
func Fail(w http.ResponseWriter, req *http.Request, err error) {
	var problem *Problem
	if !errors.As(err, &problem) {
		log.Printf("%s %s: %v", req.Method, req.URL.Path, err)
		problem = &Problem{Status: http.StatusInternalServerError}
	}
	answer := *problem
	if answer.Title == "" {
		answer.Title = http.StatusText(answer.Status)
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	header.Del("Content-Length")
	w.WriteHeader(answer.Status)
	if req.Method == http.MethodHead {
		return
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		log.Printf("cannot write a problem to %s: %v", req.RemoteAddr, err)
	}
}

// WriteJSON answers a request with a value.
func WriteJSON(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err // nothing was written yet, so the caller can still Fail
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	return err
}

func problemHandler(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		Fail(w, req, &Problem{Status: status})
	})
}
