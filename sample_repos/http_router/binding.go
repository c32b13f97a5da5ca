package waypoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// MaxBodyBytes is how much DecodeBody reads before it refuses.
const MaxBodyBytes = 1 << 20

// A Validator checks itself after it was decoded. The map goes from field to complaint.
type Validator interface {
	Validate() map[string]string
}

// DecodeBody fills target from the JSON in the request. It is strict: misspelt fields, a
// second document after the first, and bodies of another type are refused with a Problem that
// tells the caller what to change.
func DecodeBody(w http.ResponseWriter, req *http.Request, target any) error {
	mediaType, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || (mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json")) {
		return &Problem{Status: http.StatusUnsupportedMediaType, Detail: "send application/json"}
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, req.Body, MaxBodyBytes))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return explainDecodeError(err)
	}
	if err := decoder.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return &Problem{Status: http.StatusBadRequest, Detail: "there is something after the JSON document"}
	}
	if validator, ok := target.(Validator); ok {
		if complaints := validator.Validate(); len(complaints) > 0 {
			return &Problem{
				Status: http.StatusUnprocessableEntity,
				Detail: "some fields cannot be accepted",
				Fields: complaints,
			}
		}
	}
	return nil
}

// explainDecodeError puts what encoding/json reports into words for the person who sent it.
func explainDecodeError(err error) error {
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &Problem{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("the body may have %d bytes", tooLarge.Limit),
		}
	case errors.As(err, &syntax):
		return &Problem{
			Status: http.StatusBadRequest,
			Detail: fmt.Sprintf("not JSON: %v at byte %d", syntax, syntax.Offset),
		}
	case errors.As(err, &wrongType):
		return &Problem{
			Status: http.StatusUnprocessableEntity,
			Detail: "a field has the wrong type",
			Fields: map[string]string{wrongType.Field: "should be " + wrongType.Type.String()},
		}
	case errors.Is(err, io.EOF):
		return &Problem{Status: http.StatusBadRequest, Detail: "the body is empty"}
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		field := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		return &Problem{
			Status: http.StatusUnprocessableEntity,
			Detail: "there is a field nobody asked for",
			Fields: map[string]string{field: "unknown"},
		}
	default:
		return &Problem{Status: http.StatusBadRequest, Detail: err.Error()}
	}
}
