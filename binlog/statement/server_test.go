package statement_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/binlog/statement"
	"lastwrite/integration/lab"
)

// What a real server writes into its binlog for destructive statements is
// understood, in whatever way they were written and whatever the server made of them.
func TestServerTexts(t *testing.T) {
	l, ctx := lab.New(t), t.Context()
	server, err := l.MySQL(ctx, lab.Options{})
	require.NoError(t, err)
	require.NoError(t, server.Exec(ctx,
		"CREATE DATABASE shop", "CREATE DATABASE other", "CREATE DATABASE gone", "USE shop",
		"CREATE TABLE a (i INT, j INT)", "CREATE TABLE b LIKE a", "CREATE TABLE other.c LIKE a",
		"CREATE TABLE p (i INT) PARTITION BY HASH (i) PARTITIONS 2",
		"CREATE TABLE r (i INT) PARTITION BY RANGE (i) (PARTITION p0 VALUES LESS THAN (3), PARTITION p1 VALUES LESS THAN (6))",
		"CREATE TABLE x (i INT)", "CREATE VIEW v AS SELECT 1", "CREATE TRIGGER tr BEFORE INSERT ON a FOR EACH ROW SET @x = 1",
		"CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1", "CREATE USER u@h", "CREATE TABLE s SELECT 1 AS i",
		"CREATE PROCEDURE clear() BEGIN TRUNCATE a; DROP DATABASE IF EXISTS gone; END",
		"SET NAMES latin1", "CREATE TABLE `caf\xe9` (i INT)",
	))
	for _, tc := range []struct{ run, want string }{
		{"CALL clear()", "truncate shop.a; drop-database gone"},
		{"DROP TABLE /* now */ a, other.c /*!99999 , b */", "drop-table shop.a, other.c"},
		{"/*!080000 drop table b */", "drop-table shop.b"},
		{"DROP TABLE `caf\xe9`", "drop-table shop.café"},
		{"truncate s", "truncate shop.s"},
		{"alter table p truncate partition p0", "alter-table shop.p: truncate partition p0"},
		{"alter table r drop partition p1", "alter-table shop.r: drop partition p1"},
		{"alter table r exchange partition p0 with table x", "alter-table shop.r, shop.x: exchange partition p0"},
		{"alter table x add k int, drop i", "alter-table shop.x: drop column i"},
		{"alter table x discard tablespace", "alter-table shop.x: discard tablespace"},
		{"rename table p to other.q", "rename-table shop.p, other.q"},
		{"drop view v", "drop-view shop.v"},
		{"DROP FUNCTION f", "drop-routine shop.f"},
		{"drop user u@h", "drop-user u@h"},
		{"PREPARE d FROM 'drop table if exists s'; EXECUTE d", "drop-table shop.s"},
		{`SET sql_mode = ANSI_QUOTES; DROP TABLE "r"`, "drop-table shop.r"},
		{"/*!50001 DROP SCHEMA IF EXISTS`shop`*/", "drop-database shop"},
	} {
		require.NoError(t, server.Exec(ctx, "FLUSH BINARY LOGS", "USE shop", "SET NAMES latin1", tc.run), tc.run)
		require.Equal(t, tc.want, logged(t, server.DataDir), tc.run)
	}
}

// logged returns what the statements of the server's last binlog file do.
func logged(t *testing.T, dir string) string {
	files, err := filepath.Glob(filepath.Join(dir, "*.[0-9]*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	log, err := os.ReadFile(files[len(files)-1])
	require.NoError(t, err)
	require.Equal(t, "\xfebin", string(log[:4]))
	c := statement.New()
	var effects []string
	for log = log[4:]; len(log) > 0; {
		const header, crc, typeQuery = 19, 4, 2
		size := binary.LittleEndian.Uint32(log[9:])
		if event := log[:size]; event[4] == typeQuery {
			q, err := binlog.DecodeQuery(event[header : size-crc])
			require.NoError(t, err)
			st := c.Classify(q.Text, statement.Context{DefaultSchema: string(q.Schema), SQLMode: q.SQLMode, Charset: 8})
			effects = append(effects, st.String())
		}
		log = log[size:]
	}
	return strings.Join(effects, "; ")
}
