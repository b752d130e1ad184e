package s3_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/retry"
	"lastwrite/internal/objstore/s3"
)

// openURL opens a store as a command does: by its address and the environment.
func openURL(t *testing.T, server *lab.S3, endpoint, query string) *s3.Store {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", server.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", server.SecretKey)
	u, err := url.Parse("s3://archive/by/url?endpoint=" + endpoint + query)
	require.NoError(t, err)
	o, err := s3.ParseURL(u)
	require.NoError(t, err)
	s, err := s3.Open(t.Context(), o)
	require.NoError(t, err)
	return s
}

// TestByURL: address and environment are enough.
func TestByURL(t *testing.T) {
	server := server(t)
	s := openURL(t, server, server.Endpoint, "&part-size=5242880&concurrency=2")
	require.NoError(t, objstore.Probe(t.Context(), s, "cluster"))
	large := objstore.Bytes(bytes.Repeat([]byte("x"), 11<<20))
	v, err := s.PutIf(t.Context(), "large", large, objstore.IfAbsent())
	require.NoError(t, err)
	isThere(t, s, "large", large, v)
}

// silentLink is a TCP connection to the server that at some byte goes silent
// without being closed, as when a firewall forgets it; connections made
// afterwards work.
type silentLink struct {
	net.Listener
	upstream string
	limit    int64 // bytes that the first connections may send in all
	sent     atomic.Int64
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func newSilentLink(t *testing.T, upstream string, limit int64) *silentLink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &silentLink{Listener: listener, upstream: strings.TrimPrefix(upstream, "http://"), limit: limit}
	l.wg.Go(l.serve)
	t.Cleanup(func() {
		_ = l.Close()
		l.mu.Lock()
		for _, conn := range l.conns {
			_ = conn.Close()
		}
		l.mu.Unlock()
		l.wg.Wait()
	})
	return l
}

func (l *silentLink) serve() {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", l.upstream)
		if err != nil {
			_ = client.Close()
			return
		}
		l.mu.Lock()
		l.conns = append(l.conns, client, server)
		l.mu.Unlock()
		old := l.sent.Load() < l.limit
		l.wg.Go(func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		})
		l.wg.Go(func() {
			_ = l.forward(server, client, old)
			_, _ = io.Copy(io.Discard, client) // silent until the client closes
			_ = server.Close()
		})
	}
}

var errSilent = errors.New("the link went silent")

// forward copies until the limit is reached, if the connection is subject to it.
func (l *silentLink) forward(server io.Writer, client io.Reader, old bool) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return err
		}
		if old && l.sent.Add(int64(n)) > l.limit {
			return errSilent
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return err
		}
	}
}

// TestSilence: a connection that goes silent in the middle of a write is given up
// in time, and the write succeeds over another one.
func TestSilence(t *testing.T) {
	server := server(t)
	for name, size := range map[string]int{"one request": 3 << 20, "parts": 12 << 20} {
		t.Run(name, func(t *testing.T) {
			link := newSilentLink(t, server.Endpoint, 1<<20)
			var seen []error
			s, err := retry.New(openURL(t, server, "http://"+link.Addr().String(), "&part-size=5242880"), retry.Options{
				AttemptTimeout: 400 * time.Millisecond, FirstWait: time.Millisecond,
				Observe: func(_, _ string, _ int, err error) { seen = append(seen, err) },
			})
			require.NoError(t, err)
			content := objstore.Bytes(bytes.Repeat([]byte(name), size/len(name)))
			v, err := s.PutIf(t.Context(), name, content, objstore.IfAbsent())
			require.NoError(t, err)
			isThere(t, s, name, content, v)
			require.NotEmpty(t, seen)
			require.ErrorIs(t, seen[0], retry.ErrTimeout)
			requireNoUploads(t, server)
		})
	}
}
