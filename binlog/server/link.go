package server

import (
	"bufio"
	"net"
	"time"
)

// link is a connection beneath TLS and packets. Its writes have a deadline, and one can
// wait for the peer to say something without taking it.
type link struct {
	net.Conn
	r       *bufio.Reader
	timeout time.Duration // for each write
}

func newLink(c net.Conn, timeout time.Duration) *link {
	return &link{Conn: c, r: bufio.NewReader(c), timeout: timeout}
}

// Read reads what the peer sent.
func (l *link) Read(p []byte) (int, error) { return l.r.Read(p) }

// Write sends p, or fails when the peer does not take it in time.
func (l *link) Write(p []byte) (int, error) {
	if err := l.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
		return 0, err
	}
	return l.Conn.Write(p)
}

// expect gives the peer until d from now to say what is read next.
func (l *link) expect(d time.Duration) error { return l.SetReadDeadline(time.Now().Add(d)) }

// watch calls away once the peer says something or is gone. The returned function ends the watch and waits for it.
func (l *link) watch(away func()) (stop func()) {
	_ = l.SetReadDeadline(time.Time{})
	ended := make(chan struct{})
	quit := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = l.r.Peek(1)
		select {
		case <-quit:
		default:
			away()
		}
	}()
	return func() {
		close(quit)
		_ = l.SetReadDeadline(time.Unix(1, 0)) // wakes the reader; nothing is taken from the stream
		<-ended
	}
}
