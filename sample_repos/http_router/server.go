package waypoint

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"time"
)

// GracePeriod is how long open requests may take once the server was told to stop.
const GracePeriod = 20 * time.Second

// Serve runs handler on address until ctx ends. It then accepts nothing new, lets requests
// that have begun finish, and returns. A nil error means that everybody got an answer.
func Serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler,
		// A client that sends one byte a minute must not hold a connection for ever.
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.Printf("listening on %s", listener.Addr())

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Printf("stopping, at most %s for what is in flight", GracePeriod)
	deadline, cancel := context.WithTimeout(context.Background(), GracePeriod)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		server.Close()
		return err
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
