package node

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"

	"github.com/go-sql-driver/mysql"

	"lastwrite/replica"
)

// maxConns is how many connections one Node holds at most.
const maxConns = 2

// Node is one server. Its methods may be called from several goroutines.
type Node struct {
	db       *sql.DB
	cfg      Config
	identity Identity
	dialect  Dialect
}

// Identity is what tells a server from others.
type Identity struct {
	UUID     string // server_uuid
	ServerID uint32
	Version  replica.Version
	Hostname string // what the server calls its host
}

// Open connects to a server and learns who it is. Errors: replica.ErrMariaDB, replica.ErrVersion, and
// those that Classify knows.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	connector, err := cfg.connector()
	if err != nil {
		return nil, err
	}
	n := &Node{db: sql.OpenDB(connector), cfg: cfg}
	n.db.SetMaxOpenConns(maxConns)
	if err := n.identify(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", cfg.Endpoint, Classify(err)), n.db.Close())
	}
	return n, nil
}

func (c Config) connector() (driver.Connector, error) {
	tlsConfig, err := c.TLS.Load(c.Endpoint)
	if err != nil {
		return nil, err
	}
	d := mysql.NewConfig()
	d.User, d.Passwd = c.User, c.Password
	d.Net, d.Addr = c.Endpoint.Network, c.Endpoint.Address
	d.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return c.Dial(ctx) }
	d.TLS, d.AllowFallbackToPlaintext = tlsConfig, tlsConfig != nil && c.TLS.fallback()
	d.Logger = &mysql.NopLogger{}
	d.ConnectionAttributes = "program_name:lastwrite"
	// With this mode string literals and identifiers read the same on every server.
	d.Params = map[string]string{"sql_mode": "''"}
	connector, err := mysql.NewConnector(d)
	if err != nil {
		return nil, fmt.Errorf("prepare connections to %s: %w", c.Endpoint, err)
	}
	return connector, nil
}

func (n *Node) identify(ctx context.Context) error {
	var version string
	if err := n.db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return err
	}
	v, err := replica.ParseVersion(version)
	if err != nil {
		return err
	}
	if err := v.Supported(); err != nil {
		return err
	}
	n.identity.Version, n.dialect = v, DialectOf(v)
	return n.db.QueryRowContext(ctx, "SELECT @@GLOBAL.server_uuid, @@GLOBAL.server_id, @@GLOBAL.hostname").
		Scan(&n.identity.UUID, &n.identity.ServerID, &n.identity.Hostname)
}

// Close closes the connections.
func (n *Node) Close() error { return n.db.Close() }

// DB returns the pool of connections, for statements that are nobody else's business. sql_mode is empty on them.
func (n *Node) DB() *sql.DB { return n.db }

// Identity returns who the server was when Open connected to it.
func (n *Node) Identity() Identity { return n.identity }

// Dialect returns how things are said to this server.
func (n *Node) Dialect() Dialect { return n.dialect }

// Exec runs a statement. The error does not repeat the statement, which may hold a password.
func (n *Node) Exec(ctx context.Context, statement string) error {
	if _, err := n.db.ExecContext(ctx, statement); err != nil {
		return Classify(err)
	}
	return nil
}

// row is one row of a result, by column name in lower case. NULL is absent.
type row map[string]string

// query reads a whole, small result.
func (n *Node) query(ctx context.Context, statement string, args ...any) (out []row, err error) {
	rows, err := n.db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, fmt.Errorf("run %q: %w", statement, Classify(err))
	}
	defer func() {
		if e := rows.Close(); err == nil && e != nil {
			err = Classify(e)
		}
	}()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("run %q: %w", statement, Classify(err))
		}
		r := make(row, len(columns))
		for i, c := range columns {
			if values[i].Valid {
				r[lower(c)] = values[i].String
			}
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("run %q: %w", statement, Classify(err))
	}
	return out, nil
}

// value reads one value.
func (n *Node) value(ctx context.Context, query string) (string, error) {
	var v sql.NullString
	if err := n.db.QueryRowContext(ctx, query).Scan(&v); err != nil {
		return "", fmt.Errorf("run %q: %w", query, Classify(err))
	}
	return v.String, nil
}
