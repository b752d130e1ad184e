package scratch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/go-sql-driver/mysql"

	"lastwrite/pitr/program"
	"lastwrite/replica"
	"lastwrite/replica/node"
)

const (
	// maxSocketPath is how long a socket's path may be, in bytes: the system allows 107, some clients 103.
	maxSocketPath = 100
	readyPoll     = 50 * time.Millisecond
	dialTimeout   = 5 * time.Second
	killTimeout   = time.Minute
)

// ErrEnded says that the server ended when it should not have.
var ErrEnded = errors.New("the scratch server ended")

// Config describes a scratch server.
type Config struct {
	Mysqld  string // path of the program; see CheckVersion
	DataDir string // absolute; exists
	// WorkDir is a directory of ours for temporary files and relay logs; made if absent, and left to the caller to remove. It is best on the
	// file system of DataDir: it may take gigabytes.
	WorkDir    string
	LogFile    string            // mysqld's error log is appended here
	Settings   map[string]string // recorded with the base: SharedSettings
	Mode       Mode
	BufferPool int64 // bytes of InnoDB's cache; default DefaultBufferPool
	Appliers   int   // of Replay; default DefaultAppliers
	// Upgrade has mysqld bring its system tables up to date, after a dump of an older release was loaded.
	Upgrade bool
	// Log is told each line of the error log, if not nil. It must return at once.
	Log func(line string)
}

func (c Config) withDefaults() Config {
	if c.BufferPool == 0 {
		c.BufferPool = DefaultBufferPool
	}
	if c.Appliers == 0 {
		c.Appliers = DefaultAppliers
	}
	return c
}

// Server is a running scratch server.
type Server struct {
	cfg     Config
	dir     string // of socket, pid file and init file
	socket  string
	account account
	errors  *errorLog
	proc    *program.Process
	db      *sql.DB
}

// Initialise makes a new data directory in c.DataDir, which must be empty but for names with a leading dot.
func Initialise(ctx context.Context, c Config) error {
	errlog, err := openErrorLog(c.LogFile, c.Log)
	if err != nil {
		return err
	}
	defer func() { _ = errlog.file.Close() }()
	err = program.Run(ctx, program.Command{Path: c.Mysqld, Args: initFlags(c), Stdout: errlog, Stderr: errlog})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("initialise a data directory: %w; %s", err, errlog.hint())
	}
	return err
}

// Start starts a server on c.DataDir and returns when it answers, which may take as long as InnoDB needs to recover. The server is
// killed when ctx ends; before that, the caller calls Stop or Kill.
func Start(ctx context.Context, c Config) (*Server, error) {
	s := &Server{cfg: c.withDefaults(), account: newAccount()}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.clear())
	}
	if err := s.launch(ctx); err != nil {
		s.Kill()
		return nil, fmt.Errorf("start a scratch server on %s: %w", c.DataDir, err)
	}
	return s, nil
}

// prepare makes the directories and files, and a pool of connections.
func (s *Server) prepare() error {
	var err error
	if s.dir, err = socketDir(); err != nil {
		return err
	}
	s.socket = filepath.Join(s.dir, "mysqld.sock")
	if err := os.MkdirAll(filepath.Join(s.cfg.WorkDir, "tmp"), 0o700); err != nil {
		return fmt.Errorf("make the working directory of a scratch server: %w", err)
	}
	if err := s.writeInitFile(); err != nil {
		return err
	}
	if s.errors, err = openErrorLog(s.cfg.LogFile, s.cfg.Log); err != nil {
		return err
	}
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr = s.account.name, s.account.password, replica.Unix, s.socket
	config.Timeout, config.ParseTime, config.InterpolateParams = dialTimeout, true, true
	config.Params = map[string]string{"sql_log_bin": "0"}
	config.Logger = log.New(io.Discard, "", 0) // what goes wrong is returned
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return fmt.Errorf("prepare connections to a scratch server: %w", err)
	}
	s.db = sql.OpenDB(connector)
	return nil
}

// socketDir makes a directory of ours whose path is short enough for a socket.
func socketDir() (string, error) {
	parent := os.TempDir()
	if len(parent)+len("/lastwrite-0123456789/mysqld.sock") > maxSocketPath {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "lastwrite-") // mode 0700
	if err != nil {
		return "", fmt.Errorf("make a directory for a scratch server's socket: %w", err)
	}
	return dir, nil
}

// launch starts the process and waits until it answers.
func (s *Server) launch(ctx context.Context) error {
	var err error
	s.proc, err = program.Start(ctx, program.Command{Path: s.cfg.Mysqld, Args: s.flags(), Stdout: s.errors, Stderr: s.errors})
	if err != nil {
		return err
	}
	if err := s.waitReady(ctx); err != nil {
		return err // the init file goes with its directory
	}
	return os.Remove(s.initFile())
}

func (s *Server) waitReady(ctx context.Context) error {
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		select {
		case <-s.proc.Done():
			return s.ended(ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		err := s.db.PingContext(ctx)
		var refusal *mysql.MySQLError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refusal): // it is up, and the init file did not do its work
			return fmt.Errorf("log in: %w; %s", err, s.errors.hint())
		}
	}
}

// ended says why the process is gone.
func (s *Server) ended(ctx context.Context) error {
	err := s.proc.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("%w: %w; %s", ErrEnded, err, s.errors.hint())
	}
	return fmt.Errorf("%w; %s", ErrEnded, s.errors.hint())
}

// DB is a pool of connections with all privileges.
func (s *Server) DB() *sql.DB { return s.db }

// Socket is the path of the server's Unix socket.
func (s *Server) Socket() string { return s.socket }

// Login is how to get in as our account, as long as the server runs.
func (s *Server) Login() node.Config {
	return node.Config{
		Endpoint: replica.Endpoint{Network: replica.Unix, Address: s.socket},
		User:     s.account.name,
		Password: s.account.password,
	}
}

// PID is the server's process id.
func (s *Server) PID() int { return s.proc.PID() }

// Done is closed when the server has ended, however that came about.
func (s *Server) Done() <-chan struct{} { return s.proc.Done() }

// Err says why the server ended; it is to be asked once Done is closed. It is never nil: a server that was not stopped should run.
func (s *Server) Err() error { return s.ended(context.Background()) }

// Stop removes our account, shuts the server down cleanly and waits for it. Everything is on disk when it returns nil. When
// ctx ends first, or the account cannot be removed, the server is killed and the data must not be used.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.dropAccount(ctx); err != nil {
		s.Kill()
		return fmt.Errorf("stop the scratch server: %w", err)
	}
	return s.Shutdown(ctx)
}

// Shutdown is Stop without a look at the accounts: for a server into which a dump of all accounts was loaded in place of its own.
func (s *Server) Shutdown(ctx context.Context) error {
	_ = s.db.Close()
	s.proc.Terminate()
	select {
	case <-s.proc.Done():
	case <-ctx.Done():
		s.Kill()
		return fmt.Errorf("stop the scratch server: %w", context.Cause(ctx))
	}
	if err := s.proc.Wait(); err != nil {
		return errors.Join(fmt.Errorf("stop the scratch server: %w; %s", err, s.errors.hint()), s.clear())
	}
	return s.clear()
}

// Kill ends the server at once and waits until it is gone. It may be called after Stop.
func (s *Server) Kill() {
	if s.proc != nil {
		s.proc.Kill()
		timer := time.NewTimer(killTimeout)
		defer timer.Stop()
		select {
		case <-s.proc.Done():
		case <-timer.C: // in the kernel, waiting for a disk that does not answer
		}
	}
	_ = s.clear()
}

// clear removes what lies outside the caller's directories.
func (s *Server) clear() error {
	if s.db != nil {
		_ = s.db.Close()
	}
	if s.errors != nil {
		_ = s.errors.file.Close()
	}
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}
