package middleware

import (
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"example.org/waypoint"
)

// A Limiter counts requests per client with a leaky bucket: the level rises by one with every
// request and sinks steadily; a request that would make it run over is refused.
type Limiter struct {
	perSecond float64
	burst     float64
	now       func() time.Time

	mu      sync.Mutex
	clients map[string]*level
	swept   time.Time
}

type level struct {
	height  float64
	touched time.Time
}

// NewLimiter lets every client make perSecond requests on average and burst at once.
func NewLimiter(perSecond float64, burst int) *Limiter {
	return &Limiter{
		perSecond: perSecond,
		burst:     float64(burst),
		now:       time.Now,
		clients:   map[string]*level{},
	}
}

// Wrap refuses what is too much with 429 and tells the client when to come back.
func (l *Limiter) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		wait := l.admit(clientOf(req))
		if wait > 0 {
			seconds := int(math.Ceil(wait.Seconds()))
			w.Header().Set("Retry-After", strconv.Itoa(seconds))
			waypoint.Fail(w, req, &waypoint.Problem{
				Status: http.StatusTooManyRequests,
				Detail: "slow down, please",
			})
			return
		}
		next.ServeHTTP(w, req)
	})
}

// admit returns zero, or how long the client has to wait.
func (l *Limiter) admit(client string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.forgetIdle(now)
	bucket := l.clients[client]
	if bucket == nil {
		bucket = &level{touched: now}
		l.clients[client] = bucket
	}
	drained := now.Sub(bucket.touched).Seconds() * l.perSecond
	bucket.height = math.Max(0, bucket.height-drained)
	bucket.touched = now
	if bucket.height+1 > l.burst {
		excess := bucket.height + 1 - l.burst
		return time.Duration(excess / l.perSecond * float64(time.Second))
	}
	bucket.height++
	return 0
}

// forgetIdle drops clients whose bucket has run empty, so that memory does not grow with every
// address that ever came by. Once a minute is often enough.
func (l *Limiter) forgetIdle(now time.Time) {
	if now.Sub(l.swept) < time.Minute {
		return
	}
	l.swept = now
	empty := time.Duration(l.burst / l.perSecond * float64(time.Second))
	for client, bucket := range l.clients {
		if now.Sub(bucket.touched) > empty {
			delete(l.clients, client)
		}
	}
}

// clientOf tells clients apart by address. IPv6 customers own a /64, so only that half counts.
func clientOf(req *http.Request) string {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		return req.RemoteAddr
	}
	ip := net.ParseIP(host)
	if ip == nil || ip.To4() != nil {
		return host
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}
