package server

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"lastwrite/binlog"
	"lastwrite/integration/lab"
)

// history is a real primary's log with one of everything in it.
type history struct {
	lab     *lab.Lab
	primary *lab.Server
	uuid    string
	all     binlog.GTIDSet
	some    binlog.GTIDSet // what was executed at one moment, in the middle of a file
	files   []string
	bad     binlog.GTID // a transaction to be left out: it drops a database
}

// makeHistory has a primary write several log files: rows by several clients at once, DDL, XA, CREATE TABLE … SELECT, compressed
// and tagged transactions, a row of 40 MiB, and a crash.
func makeHistory(t testing.TB) *history {
	l, ctx := lab.New(t), t.Context()
	p, err := l.MySQL(ctx, lab.Options{TLS: true, Extra: []string{"--max-binlog-size=1M", "--binlog-group-commit-sync-delay=500",
		"--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2"}})
	require.NoError(t, err)
	h := &history{lab: l, primary: p}
	exec := func(statements ...string) { t.Helper(); require.NoError(t, p.Exec(ctx, statements...)) }
	exec("CREATE DATABASE shop", "CREATE DATABASE doomed", "CREATE TABLE doomed.t (id INT PRIMARY KEY)",
		"CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, client INT, n INT, pad VARCHAR(900))")
	h.rows(t, 0, 60)
	exec("USE shop", "CREATE TABLE copied AS SELECT * FROM t", "FLUSH BINARY LOGS",
		"SET SESSION binlog_transaction_compression = ON", "INSERT INTO t (client, n, pad) SELECT 9, n, pad FROM copied LIMIT 500",
		"SET SESSION binlog_transaction_compression = OFF",
		"XA START 'one'", "INSERT INTO t (client, n) VALUES (99, 1)", "XA END 'one'", "XA PREPARE 'one'", "XA COMMIT 'one'",
		"SET gtid_next = 'AUTOMATIC:blue'", "INSERT INTO t (client, n) VALUES (98, 1)", "SET gtid_next = 'AUTOMATIC'")
	before := h.executed(t)
	exec("DROP DATABASE doomed")
	h.bad = onlyOne(t, h.executed(t).Subtract(before))
	h.rows(t, 1, 60)
	exec("USE shop", "CREATE TABLE big (id INT PRIMARY KEY, b LONGBLOB)", "INSERT INTO big VALUES (1, REPEAT('lastwrite', (40 << 20) / 9))")
	h.rows(t, 2, 10)
	h.some = h.executed(t)
	h.rows(t, 2, 10)
	require.NoError(t, p.Kill())
	require.NoError(t, p.Start(ctx))
	h.rows(t, 3, 60)
	exec("FLUSH BINARY LOGS")
	h.uuid, err = p.UUID(ctx)
	require.NoError(t, err)
	h.all = h.executed(t)
	h.files = logFiles(t, p.DataDir)
	return h
}

func onlyOne(t testing.TB, set binlog.GTIDSet) binlog.GTID {
	g, err := binlog.ParseGTID(set.String())
	require.NoError(t, err)
	return g
}

// rows has four clients insert, change and delete rows side by side, so that the log has transactions to apply in parallel.
func (h *history) rows(t testing.TB, round, each int) {
	t.Helper()
	g, ctx := errgroup.WithContext(t.Context())
	for client := range 4 {
		g.Go(func() error {
			for n := range each {
				if err := h.primary.Exec(ctx, "USE shop", "BEGIN",
					fmt.Sprintf("INSERT INTO t (client, n, pad) VALUES (%d, %d, REPEAT('p', 900))", client, 1000*round+n),
					"UPDATE t SET n = -n WHERE id = LAST_INSERT_ID()", "COMMIT"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
}

func (h *history) executed(t testing.TB) binlog.GTIDSet {
	t.Helper()
	return executed(t, h.primary)
}

func executed(t testing.TB, s *lab.Server) binlog.GTIDSet {
	t.Helper()
	text, err := s.GTIDExecuted(context.Background())
	require.NoError(t, err)
	set, err := binlog.ParseGTIDSet(text)
	require.NoError(t, err)
	return set
}

func (h *history) log(piece int) *fileLog {
	return &fileLog{server: h.uuid, files: h.files, piece: piece}
}

// replica starts an empty server that follows addr with four appliers.
func (h *history) replica(t testing.TB, addr, more string, flags ...string) *lab.Server {
	t.Helper()
	r, err := h.lab.MySQL(t.Context(), lab.Options{Extra: append(flags,
		"--replica-parallel-workers=4", "--replica-preserve-commit-order=ON", "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0")})
	require.NoError(t, err)
	follow(t, r, addr, more)
	return r
}

func follow(t testing.TB, r *lab.Server, addr, more string) {
	t.Helper()
	host, port := splitAddr(t, addr)
	require.NoError(t, r.Exec(t.Context(), "STOP REPLICA", fmt.Sprintf("CHANGE REPLICATION SOURCE TO SOURCE_HOST = '%s', SOURCE_PORT = %s, "+
		"SOURCE_USER = 'repl', SOURCE_PASSWORD = 'sesame', SOURCE_AUTO_POSITION = 1, SOURCE_CONNECT_RETRY = 1, %s", host, port, more), "START REPLICA"))
}

// requireSame compares a replica's GTID set and all its tables but those of doomed with the primary's.
func (h *history) requireSame(t testing.TB, r *lab.Server, want binlog.GTIDSet) {
	t.Helper()
	require.NoError(t, r.WaitGTID(t.Context(), want.String()))
	require.Equal(t, want.String(), executed(t, r).String())
	for _, table := range []string{"shop.t", "shop.copied", "shop.big"} {
		require.Equal(t, checksum(t, h.primary, table), checksum(t, r, table), table)
	}
}

func checksum(t testing.TB, s *lab.Server, table string) string {
	t.Helper()
	var name, sum string
	require.NoError(t, s.DB().QueryRowContext(t.Context(), "CHECKSUM TABLE "+table).Scan(&name, &sum))
	return sum
}

// replicaStatus is what SHOW REPLICA STATUS says.
func replicaStatus(t testing.TB, r *lab.Server) map[string]string {
	t.Helper()
	rows, err := r.DB().QueryContext(context.Background(), "SHOW REPLICA STATUS")
	require.NoError(t, err)
	defer rows.Close()
	names, err := rows.Columns()
	require.NoError(t, err)
	values := make([]any, len(names))
	for i := range values {
		values[i] = new(sql.NullString)
	}
	require.True(t, rows.Next())
	require.NoError(t, rows.Scan(values...))
	status := map[string]string{}
	for i, name := range names {
		status[name] = values[i].(*sql.NullString).String
	}
	return status
}

func heartbeats(t testing.TB, r *lab.Server) int {
	t.Helper()
	text, err := r.Value(context.Background(), "SELECT count_received_heartbeats FROM performance_schema.replication_connection_status")
	require.NoError(t, err)
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}
