// A notebook over HTTP, kept in memory. It shows how the pieces fit together.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.org/waypoint"
	"example.org/waypoint/middleware"
)

type note struct {
	ID      int64     `json:"id"`
	Title   string    `json:"title"`
	Text    string    `json:"text"`
	Written time.Time `json:"written"`
}

type draft struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

func (d draft) Validate() map[string]string {
	complaints := map[string]string{}
	if strings.TrimSpace(d.Title) == "" {
		complaints["title"] = "may not be empty"
	}
	if len(d.Text) > 10_000 {
		complaints["text"] = "may have 10,000 characters"
	}
	return complaints
}

type notebook struct {
	router *waypoint.Router
	mu     sync.RWMutex
	last   int64
	notes  map[int64]note
}

func (b *notebook) list(w http.ResponseWriter, req *http.Request) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := make([]note, 0, len(b.notes))
	for _, n := range b.notes {
		all = append(all, n)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	if err := waypoint.WriteJSON(w, http.StatusOK, all); err != nil {
		waypoint.Fail(w, req, err)
	}
}

func (b *notebook) show(w http.ResponseWriter, req *http.Request) {
	id, err := waypoint.PathInt(req, "id")
	if err != nil {
		waypoint.Fail(w, req, err)
		return
	}
	b.mu.RLock()
	found, ok := b.notes[id]
	b.mu.RUnlock()
	if !ok {
		waypoint.Fail(w, req, &waypoint.Problem{Status: http.StatusNotFound})
		return
	}
	_ = waypoint.WriteJSON(w, http.StatusOK, found)
}

func (b *notebook) create(w http.ResponseWriter, req *http.Request) {
	var input draft
	if err := waypoint.DecodeBody(w, req, &input); err != nil {
		waypoint.Fail(w, req, err)
		return
	}
	b.mu.Lock()
	b.last++
	created := note{b.last, input.Title, input.Text, time.Now().UTC()}
	b.notes[created.ID] = created
	b.mu.Unlock()
	address, err := b.router.AddressOf("note", "id", strconv.FormatInt(created.ID, 10))
	if err != nil {
		waypoint.Fail(w, req, err)
		return
	}
	w.Header().Set("Location", address)
	_ = waypoint.WriteJSON(w, http.StatusCreated, created)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	router := waypoint.New()
	book := &notebook{router: router, notes: map[int64]note{}}
	limiter := middleware.NewLimiter(5, 20)
	router.Use(middleware.RequestID, middleware.Recover(log.Default()), limiter.Wrap, middleware.Compress)
	router.Get("/notes", book.list)
	router.Post("/notes", book.create)
	router.Get("/notes/:id", book.show).Named("note")
	router.Get("/assets/*path", waypoint.Folder(os.DirFS("assets"), time.Hour))

	if err := waypoint.Serve(ctx, ":8080", router); err != nil {
		log.Fatal(err)
	}
}
