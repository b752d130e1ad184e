package lab

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// bindTries is how many ports are tried for a new server.
const bindTries = 5

// Server is one mysqld of a lab. Its fields are set before it is handed out and do not change, over restarts either.
type Server struct {
	Process

	// Name is the server's name in messages and directories.
	Name string
	// Host and Port are where it listens; Host is 127.0.0.1.
	Host string
	Port int
	// Socket is the path of its Unix socket, short enough for every client.
	Socket string
	// DataDir is its data directory, with the binary logs binlog.000001 and so on.
	DataDir string
	// ServerID is its replication id.
	ServerID uint32
	// TLS holds the certificate files if it was started with Options.TLS, else nil.
	TLS *TLSFiles

	lab   *Lab
	opts  Options
	dir   string
	tools Tools
	lease *portLease
	db    *sql.DB
}

// errBind says that the server found its port taken.
var errBind = errors.New("the port is taken")

// MySQL starts a server and returns when it answers. It is ended by Lab.Close at the latest.
func (l *Lab) MySQL(ctx context.Context, opts Options) (*Server, error) {
	if err := l.refuseClosed(); err != nil {
		return nil, err
	}
	server, err := l.newServer(ctx, opts.withDefaults(l))
	if err != nil {
		return nil, fmt.Errorf("prepare a MySQL server: %w", err)
	}
	for try := 1; ; try++ {
		err := server.Start(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, errBind) || try == bindTries {
			return nil, err
		}
		// Somebody took the port between our look and the server's: take another.
		if err := server.renewPort(); err != nil {
			return nil, err
		}
	}
	l.log.Debug().Str("server", server.Name).Int("port", server.Port).Str("socket", server.Socket).Msg("MySQL server started")
	return server, nil
}

// newServer prepares a server's directories, files and port.
func (l *Lab) newServer(ctx context.Context, opts Options) (*Server, error) {
	tools, err := l.Tools(ctx)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(l.dir, opts.Name)
	s := &Server{
		Process: Process{name: opts.Name, log: filepath.Join(dir, "error.log")},
		Name:    opts.Name, Host: loopback, ServerID: opts.ServerID,
		lab: l, opts: opts, tools: tools, dir: dir,
		Socket:  filepath.Join(l.sockets, opts.Name+".sock"),
		DataDir: opts.DataDir,
	}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a server's directory: %w", err)
	}
	if s.DataDir == "" {
		cache, err := CacheDir()
		if err != nil {
			return nil, err
		}
		template, err := templateDir(ctx, cache, tools, l.log)
		if err != nil {
			return nil, err
		}
		s.DataDir = filepath.Join(s.dir, "data")
		if err := copyTemplate(template, s.DataDir); err != nil {
			return nil, err
		}
	}
	if opts.TLS {
		if s.TLS, err = l.tlsFiles(); err != nil {
			return nil, err
		}
	}
	if s.db, err = s.openRoot(); err != nil {
		return nil, err
	}
	if err := s.renewPort(); err != nil {
		return nil, err
	}
	if err := l.keep(s); err != nil {
		s.lease.release()
		return nil, err
	}
	return s, nil
}

// renewPort leases a free port in place of the present one.
func (s *Server) renewPort() error {
	lease, err := leasePort(s.lab.base)
	if err != nil {
		return err
	}
	if s.lease != nil {
		s.lease.release()
	}
	s.lease, s.Port = lease, lease.port
	return nil
}

// Start starts the server again after Stop or Kill, on the same data, port and socket, and returns when it answers. Further
// mysqld options hold for this run only. The context bounds the wait (60 s if it has no deadline), not the server's life.
func (s *Server) Start(ctx context.Context, extra ...string) error {
	ctx, cancel := withDefaultDeadline(ctx, startTimeout)
	defer cancel()
	err := s.launch(nil, s.tools.Mysqld, append(s.flags(), extra...), func(run *child) error {
		return run.await(ctx, func() bool { return s.answers(ctx) })
	})
	var failed *launchError
	if errors.As(err, &failed) && portTaken(failed.log) {
		return errors.Join(errBind, err)
	}
	return err
}

// answers tells whether the server speaks to us. A refusal will do: an existing data directory may have other accounts.
func (s *Server) answers(ctx context.Context) bool {
	err := s.db.PingContext(ctx)
	var refusal *mysql.MySQLError
	return err == nil || errors.As(err, &refusal)
}

// portTaken recognises mysqld's complaint about its port (ER_CANT_START_SERVER / "Bind on TCP/IP port").
func portTaken(log string) bool {
	return strings.Contains(log, "Bind on TCP/IP port") || strings.Contains(log, "already have another mysqld server running on port")
}

// ErrorLog returns what the server has logged over all its runs.
func (s *Server) ErrorLog() string { return s.Log() }

// close kills the server and gives back what it holds.
func (s *Server) close() error {
	err := s.end()
	_ = s.db.Close()
	s.lease.release()
	return err
}
