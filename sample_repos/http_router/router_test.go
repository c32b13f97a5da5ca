package waypoint

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func ask(handler http.Handler, method, target string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(method, target, nil))
	return recorder
}

func TestTheMostSpecificPatternWins(t *testing.T) {
	router := New()
	router.Get("/notes/*rest", say("rest"))
	router.Get("/notes/:id", say("variable"))
	router.Get("/notes/new", say("literal"))
	router.Get("/notes/:id/tags", say("tags"))
	for target, want := range map[string]string{
		"/notes/new":      "literal",
		"/notes/7":        "variable",
		"/notes/new/tags": "tags",
		"/notes/7/x/y":    "rest",
	} {
		if got := ask(router, "GET", target).Body.String(); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}

func TestAWrongMethodIsToldTheRightOnes(t *testing.T) {
	router := New()
	router.Get("/notes", say("list"))
	router.Post("/notes", say("create"))
	answer := ask(router, "DELETE", "/notes")
	if answer.Code != 405 || answer.Header().Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("got %d, Allow: %s", answer.Code, answer.Header().Get("Allow"))
	}
}

func TestTwoRoutesForOnePathAreRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	router := New()
	router.Get("/notes/:id", say("one"))
	router.Get("/notes/:id", say("two"))
}

func TestAddressesAreEscaped(t *testing.T) {
	router := New()
	router.Get("/tags/:tag", say("")).Named("tag")
	address, err := router.AddressOf("tag", "tag", "a/b c", "page", "2")
	if err != nil || address != "/tags/a%2Fb%20c?page=2" {
		t.Errorf("got %q, %v", address, err)
	}
}

func TestAGroupKeepsItsMiddlewareToItself(t *testing.T) {
	locked := func(http.Handler) http.Handler {
		return problemHandler(http.StatusForbidden)
	}
	router := New()
	router.Group("/admin", func(admin *Router) {
		admin.Use(locked)
		admin.Get("/users", say("users"))
	})
	router.Get("/about", say("about"))
	if code := ask(router, "GET", "/admin/users").Code; code != http.StatusForbidden {
		t.Errorf("the group is open: %d", code)
	}
	if code := ask(router, "GET", "/about").Code; code != http.StatusOK {
		t.Errorf("the middleware leaked: %d", code)
	}
}

func TestBodiesAreReadStrictly(t *testing.T) {
	for body, status := range map[string]int{
		`{"title": "x"}`:           200,
		`{"titel": "x"}`:           422,
		`{"title": 3}`:             422,
		`{"title": "x"} {}`:        400,
		`{"title": `:               400,
		``:                         400,
		strings.Repeat("[", 2<<20): 400,
	} {
		var target struct {
			Title string `json:"title"`
		}
		req := httptest.NewRequest("POST", "/", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
		got := 200
		if err := DecodeBody(httptest.NewRecorder(), req, &target); err != nil {
			got = err.(*Problem).Status
		}
		if got != status {
			t.Errorf("%.20q: got %d, want %d", body, got, status)
		}
	}
}

func TestFoldersHideDotFiles(t *testing.T) {
	router := New()
	root := fstest.MapFS{
		"site.css":    {Data: []byte("body {}")},
		".git/config": {Data: []byte("secret")},
	}
	router.Get("/assets/*path", Folder(root, 0))
	if code := ask(router, "GET", "/assets/site.css").Code; code != 200 {
		t.Errorf("css: %d", code)
	}
	for _, target := range []string{"/assets/.git/config", "/assets/../go.mod", "/assets/none"} {
		if code := ask(router, "GET", target).Code; code != 404 {
			t.Errorf("%s: %d", target, code)
		}
	}
}
