package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	mysqlserver "github.com/go-mysql-org/go-mysql/server"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"lastwrite/binlog"
)

// ErrPurged says that a log no longer has transactions which a replica lacks. A [Log] wraps it.
var ErrPurged = errors.New("transactions that the replica lacks are no longer in the log")

// acceptPause is how long to wait where the system has no room for one more connection.
const acceptPause = 100 * time.Millisecond

// Log is a history that can be served. Its methods are called by several goroutines at once.
type Log interface {
	// Open yields the transactions that belong to the log and are not in have: whole, and in the order of the log. The events
	// of a file that belong to no transaction may come along. The Source's Next returns io.EOF when the
	// log has ended, and may wait for more to happen when it has not; it returns soon after its context has ended. If the Source is also an io.Closer it is closed after use. An
	// error, and one from Next, is shown to the replica, which then stops; it wraps ErrPurged where that is the reason.
	Open(ctx context.Context, have binlog.GTIDSet) (binlog.Source, error)
	// GTIDs returns every transaction that the log has or takes for granted: what @@GLOBAL.gtid_executed says.
	GTIDs() binlog.GTIDSet
}

// Server serves logs to replicas.
type Server struct {
	cfg      Config
	log      zerolog.Logger
	proto    *mysqlserver.Server
	accounts *accounts
	slots    chan struct{}
	replicas registry
	count    counters
}

// New makes a server. It returns ErrConfig, wrapped, for a configuration that cannot be used.
func New(cfg Config, log zerolog.Logger) (*Server, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	proto, who, err := newAccounts(cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare authentication: %w", err)
	}
	return &Server{
		cfg: cfg, log: log, proto: proto, accounts: who,
		slots:    make(chan struct{}, cfg.MaxConnections),
		replicas: registry{dumps: map[*progress]struct{}{}},
	}, nil
}

// Serve serves lg to whoever connects to l. It returns when ctx ends (nil) or l fails, after l and every connection have been closed
// and everything it started has ended.
func (s *Server) Serve(ctx context.Context, l net.Listener, lg Log) error {
	clients, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	clients.Go(func() error {
		for {
			conn, err := l.Accept()
			switch {
			case ctx.Err() != nil:
				if err == nil {
					_ = conn.Close()
				}
				return nil
			case noRoom(err):
				s.log.Warn().Err(err).Msg("cannot take one more connection at the moment")
				pause(ctx, acceptPause)
			case err != nil:
				return fmt.Errorf("accept connections: %w", err)
			default:
				clients.Go(func() error {
					s.serve(ctx, conn, lg)
					return nil
				})
			}
		}
	})
	return clients.Wait()
}

// noRoom tells whether accepting may succeed later.
func noRoom(err error) bool {
	for _, passing := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// serve talks to one client until either side is done.
func (s *Server) serve(ctx context.Context, conn net.Conn, lg Log) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()

	log := s.log.With().Str("addr", conn.RemoteAddr().String()).Logger()
	s.count.connections.Add(1)
	sess, err := s.welcome(newLink(conn, s.cfg.WriteTimeout), lg)
	if err != nil {
		if ctx.Err() == nil {
			s.count.refused.Add(1)
			log.Warn().Err(err).Msg("connection refused")
		}
		return
	}
	defer func() { <-s.slots }()
	sess.logger, sess.end = log, end
	err = sess.run(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	sess.logger.Debug().AnErr("reason", err).Msg("connection closed")
}
