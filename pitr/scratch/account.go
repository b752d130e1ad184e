package scratch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// AccountPrefix begins the name of the account that a scratch server has while it runs.
const AccountPrefix = "lastwrite_restore_"

// account is a name and password of ours. The password passes every policy of the validate_password component.
type account struct{ name, password string }

func newAccount() account {
	return account{name: AccountPrefix + rand.Text()[:8], password: rand.Text() + "-aA1"}
}

// initFile is where the statements that make the account are while the server starts.
func (s *Server) initFile() string { return filepath.Join(s.dir, "init.sql") }

// writeInitFile makes the account when the server starts. Each statement is one line, as mysqld wants it.
func (s *Server) writeInitFile() error {
	user := fmt.Sprintf("'%s'@'localhost'", s.account.name)
	text := "SET sql_log_bin = 0;\n" +
		"CREATE USER " + user + " IDENTIFIED BY '" + s.account.password + "';\n" +
		"GRANT ALL ON *.* TO " + user + " WITH GRANT OPTION;\n"
	if err := os.WriteFile(s.initFile(), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the init file of a scratch server: %w", err)
	}
	return nil
}

// ErrAccount says that the account of ours could not be removed from the data.
var ErrAccount = errors.New("the temporary account is still there")

// dropAccount removes our account and proves that no grant table knows it. The connection outlives it.
func (s *Server) dropAccount(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the scratch server: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("DROP USER IF EXISTS '%s'@'localhost'", s.account.name)); err != nil {
		return fmt.Errorf("drop the temporary account: %w", err)
	}
	for _, table := range []string{"user", "global_grants", "db", "tables_priv"} {
		var left int
		query := "SELECT COUNT(*) FROM mysql." + table + " WHERE user = ?"
		if err := conn.QueryRowContext(ctx, query, s.account.name).Scan(&left); err != nil {
			return fmt.Errorf("look for the temporary account: %w", err)
		}
		if left > 0 {
			return fmt.Errorf("%w: %s in mysql.%s", ErrAccount, s.account.name, table)
		}
	}
	return nil
}
