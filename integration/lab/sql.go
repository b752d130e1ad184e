package lab

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

const (
	waitTimeout    = 60 * time.Second // for a context without a deadline
	replicaPoll    = 20 * time.Millisecond
	connectTimeout = 5 * time.Second
)

// openRoot prepares a pool of connections as root over the Unix socket.
func (s *Server) openRoot() (*sql.DB, error) {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr = "root", "unix", s.Socket
	config.Timeout = connectTimeout
	config.MultiStatements, config.ParseTime, config.InterpolateParams = true, true, true
	config.Logger = log.New(io.Discard, "", 0) // a killed server's broken connections are no news
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("prepare connections to %s: %w", s.Name, err)
	}
	return sql.OpenDB(connector), nil
}

// DB is a pool of connections as root over the Unix socket; several statements may be given in one text. It goes on
// working after a restart and is closed with the lab.
func (s *Server) DB() *sql.DB { return s.db }

// DSN is a data source name for go-sql-driver/mysql over TCP, such as DSN(lab.LastwriteUser, lab.Password).
func (s *Server) DSN(user, password string) string {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr = user, password, "tcp", s.Addr()
	config.ParseTime = true
	return config.FormatDSN()
}

// Addr is host:port.
func (s *Server) Addr() string { return fmt.Sprintf("%s:%d", s.Host, s.Port) }

// Exec runs statements in order as root on one connection, so that USE and SET hold for those that follow.
func (s *Server) Exec(ctx context.Context, statements ...string) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.Name, err)
	}
	// The connection is thrown away: what was set in it must not reach the next user of the pool.
	defer conn.Raw(func(any) error { return errDiscard })
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("run %q on %s: %w", shorten(statement), s.Name, err)
		}
	}
	return nil
}

// Value runs a query as root and returns the first column of its first row as text; NULL is "".
func (s *Server) Value(ctx context.Context, query string, args ...any) (string, error) {
	var value sql.NullString
	if err := s.db.QueryRowContext(ctx, query, args...).Scan(&value); err != nil {
		return "", fmt.Errorf("run %q on %s: %w", shorten(query), s.Name, err)
	}
	return value.String, nil
}

// GTIDExecuted is the server's gtid_executed, without line breaks.
func (s *Server) GTIDExecuted(ctx context.Context) (string, error) {
	set, err := s.Value(ctx, "SELECT @@GLOBAL.gtid_executed")
	return strings.ReplaceAll(set, "\n", ""), err
}

// UUID is the server's server_uuid.
func (s *Server) UUID(ctx context.Context) (string, error) {
	return s.Value(ctx, "SELECT @@GLOBAL.server_uuid")
}

// WaitGTID returns when the server has executed the GTID set; it waits 60 s if ctx has no deadline.
func (s *Server) WaitGTID(ctx context.Context, set string) error {
	ctx, cancel := withDefaultDeadline(ctx, waitTimeout)
	defer cancel()
	if _, err := s.Value(ctx, "SELECT WAIT_FOR_EXECUTED_GTID_SET(?)", set); err != nil {
		return fmt.Errorf("wait for GTID set %s: %w", shorten(set), errors.Join(err, s.replicationError()))
	}
	return nil
}

// CreateUser makes an account for connections from any address, outside the binary log. The grants are what stands between
// GRANT and TO, for example "SELECT ON shop.*".
func (s *Server) CreateUser(ctx context.Context, user, password string, grants ...string) error {
	statements := []string{
		"SET sql_log_bin = 0",
		fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY %s", quote(user), quote(password)),
	}
	for _, grant := range grants {
		statements = append(statements, fmt.Sprintf("GRANT %s TO %s@'%%'", grant, quote(user)))
	}
	return s.Exec(ctx, statements...)
}

// quote makes a SQL string literal.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}

// shorten keeps a statement readable in a message.
func shorten(statement string) string {
	if len(statement) > 120 {
		return statement[:120] + "..."
	}
	return statement
}
