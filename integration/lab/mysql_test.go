package lab_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
)

// value asks a server for one value.
func value(t *testing.T, server *lab.Server, query string) string {
	t.Helper()
	text, err := server.Value(t.Context(), query)
	require.NoError(t, err)
	return text
}

// A row written on the primary travels to the replica, which takes no writes of its own.
func TestPrimaryAndReplica(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	primary, err := l.MySQL(ctx, lab.Options{})
	require.NoError(t, err)
	set, err := primary.GTIDExecuted(ctx)
	require.NoError(t, err)
	require.Empty(t, set, "a new server has executed nothing, so that any server can follow it")

	replica, err := l.Replica(ctx, primary, lab.Options{})
	require.NoError(t, err)
	require.NoError(t, primary.Exec(ctx, "CREATE DATABASE shop", "USE shop",
		"CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (7)"))
	set, err = primary.GTIDExecuted(ctx)
	require.NoError(t, err)
	require.NoError(t, replica.WaitGTID(ctx, set))
	require.Equal(t, "7", value(t, replica, "SELECT id FROM shop.t"))
	require.ErrorContains(t, replica.Exec(ctx, "DELETE FROM shop.t"), "read-only")

	ours, err := primary.UUID(ctx)
	require.NoError(t, err)
	theirs, err := replica.UUID(ctx)
	require.NoError(t, err)
	require.NotEqual(t, ours, theirs, "copies of the template are servers of their own")
	require.Equal(t, "ON ON FULL ROW", value(t, primary,
		"SELECT CONCAT_WS(' ', @@gtid_mode, @@enforce_gtid_consistency, @@binlog_row_metadata, @@binlog_format)"))
}

// With TLS the server's certificate verifies by name against the lab's authority, and a replica follows over it; the plugins
// asked for are active and semi-synchronous replication is in force.
func TestTLSAndPlugins(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	primary, err := l.MySQL(ctx, lab.Options{TLS: true, Clone: true, SemiSync: true})
	require.NoError(t, err)
	config, err := primary.TLS.ClientConfig()
	require.NoError(t, err)
	require.NoError(t, query(ctx, primary, config))
	config.ServerName = "another.example"
	require.Error(t, query(ctx, primary, config), "the certificate is not for any name")

	_, err = l.Replica(ctx, primary, lab.Options{TLS: true, SemiSync: true})
	require.NoError(t, err)
	require.Equal(t, "3", value(t, primary, "SELECT COUNT(*) FROM information_schema.plugins WHERE plugin_status = 'ACTIVE' "+
		"AND plugin_name IN ('clone', 'rpl_semi_sync_source', 'rpl_semi_sync_replica')"))
	require.Eventually(t, func() bool {
		return value(t, primary, "SELECT variable_value FROM performance_schema.global_status WHERE variable_name = 'Rpl_semi_sync_source_clients'") == "1"
	}, 10*time.Second, 20*time.Millisecond)
	require.NoError(t, primary.Exec(ctx, "CREATE DATABASE shop"))
	require.Equal(t, "1", value(t, primary, "SELECT variable_value FROM performance_schema.global_status WHERE variable_name = 'Rpl_semi_sync_source_yes_tx'"))
}

// query connects as lastwrite's account over TLS and asks something.
func query(ctx context.Context, server *lab.Server, config *tls.Config) error {
	dsn, err := mysql.ParseDSN(server.DSN(lab.LastwriteUser, lab.Password))
	if err != nil {
		return err
	}
	dsn.TLS = config
	connector, err := mysql.NewConnector(dsn)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	return db.PingContext(ctx)
}

// A killed server comes back on the same port and socket with what was committed; so does one that was shut down; a frozen
// one answers again when thawed; and one that does not come up says why.
func TestKillStopFreezeAndStartAgain(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	server, err := l.MySQL(ctx, lab.Options{Extra: []string{"--max-binlog-size=4096"}})
	require.NoError(t, err)
	port := server.Port
	require.NoError(t, server.Exec(ctx, "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)"))
	require.Error(t, server.Start(ctx), "it runs already")

	require.NoError(t, server.Kill())
	require.False(t, server.Running())
	require.Error(t, server.Exec(ctx, "SELECT 1"))
	require.ErrorContains(t, server.Start(ctx, "--no-such-option"), "no-such-option", "the reason is shown")
	require.NoError(t, server.Start(ctx))
	require.Equal(t, port, server.Port)
	require.Equal(t, "1", value(t, server, "SELECT COUNT(*) FROM shop.t"))

	require.NoError(t, server.Stop(ctx))
	require.NoError(t, server.Stop(ctx), "stopping twice is no error")
	require.NoError(t, server.Start(ctx, "--max-binlog-size=8192"))
	require.Equal(t, "8192", value(t, server, "SELECT @@max_binlog_size"), "options of one run come after those of the server")

	require.NoError(t, server.Freeze())
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	_, err = server.Value(short, "SELECT 1")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, server.Thaw())
	require.Equal(t, "1", value(t, server, "SELECT 1"))
}

// What the CLONE plugin copied, as lastwrite's account, is served from where it lies and outlives the lab; accounts are
// made outside the binary log, with just the privileges named.
func TestDataDirAndAccounts(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	first, err := l.MySQL(ctx, lab.Options{Clone: true})
	require.NoError(t, err)
	require.NoError(t, first.CreateUser(ctx, "o'brien", `p'w\`, "SELECT ON *.*"))
	set, err := first.GTIDExecuted(ctx)
	require.NoError(t, err)
	require.Empty(t, set)
	require.NoError(t, first.Exec(ctx, "CREATE DATABASE shop"))
	set, err = first.GTIDExecuted(ctx)
	require.NoError(t, err)

	data := filepath.Join(t.TempDir(), "data")
	require.NoError(t, tcp(ctx, first, lab.LastwriteUser, lab.Password, "CLONE LOCAL DATA DIRECTORY = '"+data+"'"))
	other := lab.New(t)
	second, err := other.MySQL(ctx, lab.Options{DataDir: data})
	require.NoError(t, err)
	cloned, err := second.GTIDExecuted(ctx)
	require.NoError(t, err)
	require.Equal(t, set, cloned)
	require.NoError(t, tcp(ctx, second, "o'brien", `p'w\`, "SHOW TABLES FROM shop"))
	require.ErrorContains(t, tcp(ctx, second, "o'brien", `p'w\`, "CREATE DATABASE other"), "denied")
	require.NoError(t, other.Close())
	require.DirExists(t, data)
}

// tcp runs a statement as a user over TCP.
func tcp(ctx context.Context, server *lab.Server, user, password, statement string) error {
	db, err := sql.Open("mysql", server.DSN(user, password))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// lastwrite's account can do what backups need with the real client programs, each an ordinary path.
func TestClientPrograms(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	server, err := l.MySQL(ctx, lab.Options{})
	require.NoError(t, err)
	require.NoError(t, server.Exec(ctx, "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (4711)"))
	tools, err := l.Tools(ctx)
	require.NoError(t, err)
	run := func(program string, args ...string) string {
		cmd := exec.CommandContext(ctx, program, append([]string{"--no-defaults"}, args...)...)
		cmd.Env = append(os.Environ(), "MYSQL_PWD="+lab.Password)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	login := []string{"--user=" + lab.LastwriteUser, "--socket=" + server.Socket}
	require.Contains(t, run(tools.Mysqldump, append(login, "--single-transaction", "--source-data=2", "--routines", "--events", "--all-databases")...), "4711")
	require.Contains(t, run(tools.Mysql, append(login, "--execute=SELECT id FROM shop.t")...), "4711")
	require.Contains(t, run(tools.Mysqlbinlog, filepath.Join(server.DataDir, "binlog.000001")), "CREATE DATABASE shop")
	require.Contains(t, run(tools.Mysqladmin, append(login, "ping")...), "alive")
}

// Two labs run side by side without seeing each other, and a closed one starts nothing more.
func TestTwoLabsAtOnce(t *testing.T) {
	ctx := t.Context()
	t.Parallel()
	one, two := lab.New(t), lab.New(t)
	a, err := one.MySQL(ctx, lab.Options{})
	require.NoError(t, err)
	b, err := two.MySQL(ctx, lab.Options{})
	require.NoError(t, err)
	require.NotEqual(t, a.Port, b.Port)
	require.NotEqual(t, a.Socket, b.Socket)
	require.NoError(t, a.Exec(ctx, "CREATE DATABASE only_here"))
	require.Equal(t, "0", value(t, b, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'only_here'"))

	require.NoError(t, one.Close())
	require.NoError(t, one.Close(), "closing twice is no error")
	require.False(t, a.Running())
	require.NoDirExists(t, one.Dir())
	require.True(t, b.Running())
	_, err = one.MySQL(ctx, lab.Options{})
	require.ErrorIs(t, err, lab.ErrClosed)
	_, err = one.S3(ctx)
	require.ErrorIs(t, err, lab.ErrClosed)
}
