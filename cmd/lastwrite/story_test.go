package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/pitr"
)

// The main job, by command line alone: stream, back up, lose a database, find it, restore to just before, copy it back.
func TestADroppedDatabaseComesBack(t *testing.T) {
	t.Parallel()
	b := newBed(t, lab.Options{Clone: true})
	daemon := b.start(t)
	b.exec(t, "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, v INT)", "INSERT INTO shop.orders (v) VALUES (1), (2), (3)",
		"CREATE DATABASE crm", "CREATE TABLE crm.notes (id INT PRIMARY KEY)")
	b.archived(t)

	take := b.run(t.Context(), "backup", "take", "--method", "clone", "--json")
	require.Equal(t, exitOK, take.code, take.stderr)
	var base pitr.Base
	readJSON(t, take.stdout, &base)

	b.exec(t, "INSERT INTO shop.orders (v) VALUES (4)", "DROP DATABASE IF EXISTS nosuch", "DROP DATABASE shop", "INSERT INTO crm.notes VALUES (1)")
	s := b.archived(t)
	require.Equal(t, os.Getpid(), s.Daemon.PID)
	require.Equal(t, "streaming", s.Daemon.Stream.Phase)
	require.Positive(t, s.Daemon.Requests.Put.Requests)
	require.Len(t, s.Windows, 1)
	require.Equal(t, []string{base.ID}, s.Windows[0].Bases)
	require.Empty(t, s.Warnings)
	text := b.run(t.Context(), "status")
	require.Equal(t, exitOK, text.code, text.stderr)
	for _, part := range []string{base.ID, "everything it has executed is archived", "warnings\n  none"} {
		require.Contains(t, text.stdout, part)
	}

	found := b.run(t.Context(), "log", "--destructive", "--statement", "drop schema shop", "--json")
	require.Equal(t, exitOK, found.code, found.stderr)
	var drop logEntry
	readJSON(t, found.stdout, &drop)
	require.True(t, drop.Destructive)
	require.Equal(t, "DROP DATABASE shop", drop.Statements[0].Text)
	lines := b.run(t.Context(), "log", "--from", "1h", "--database", "shop", "--kind", "insert", "--reverse", "--limit", "1")
	require.Equal(t, 1, strings.Count(lines.stdout, "\n"), lines.stdout)
	require.Contains(t, lines.stdout, "insert shop.orders")

	plan := b.run(t.Context(), "restore", "--before", "DROP DATABASE shop", "--dry-run")
	require.Equal(t, exitOK, plan.code, plan.stderr)
	require.Contains(t, plan.stdout, "left out  "+pitr.FormatTime(drop.Committed))

	dir := filepath.Join(b.lab.Dir(), "restored")
	copied := b.run(t.Context(), "restore", "--before", "DROP DATABASE shop", "--target-dir", dir, "--copy-back", "shop", "--yes", "--json")
	require.Equal(t, exitOK, copied.code, copied.stderr)
	var r struct {
		Plan json.RawMessage `json:"plan"` // its GTIDs cannot be read back into their type
		restoreReport
	}
	readJSON(t, copied.stdout, &r)
	require.Equal(t, base.ID, r.Result.Base)
	require.Len(t, r.CopyBack.Tables, 1)
	sum, err := b.primary.Value(t.Context(), "SELECT CONCAT(COUNT(*), ':', SUM(v)) FROM shop.orders")
	require.NoError(t, err)
	require.Equal(t, "4:10", sum)
	require.FileExists(t, filepath.Join(dir, "lastwrite-restore.json"))

	// Again: the database is there now, and the directory is not empty.
	b.run(t.Context(), "restore", "--latest", "--target-dir", dir).fails(t, exitLocal, "the directory is not empty", "--target-dir")
	b.run(t.Context(), "restore", "--before", "DROP DATABASE shop", "--target-dir", dir+"2", "--copy-back", "shop", "--yes").
		fails(t, exitNotFound, "the database exists on the live server", "--as", "--overwrite")
	require.NoDirExists(t, dir+"2")
	// Without a terminal nobody can say yes.
	b.run(t.Context(), "restore", "--before", "DROP DATABASE shop", "--target-dir", dir+"2", "--copy-back", "shop", "--as", "shop2").
		fails(t, exitUsage, "not confirmed", "--yes")
	require.NoDirExists(t, dir+"2")

	daemon.stop()
	require.Equal(t, exitOK, daemon.wait(t).code)
	require.Contains(t, daemon.stderr.String(), "everything whole is stored")

	b.exportEquals(t)
	verified := b.run(t.Context(), "archive", "verify")
	require.Equal(t, exitOK, verified.code, verified.stderr)
	require.Contains(t, verified.stdout, "0 problems")
	require.Equal(t, exitOK, b.run(t.Context(), "backup", "verify").code)
}

// exportEquals exports the log and compares a closed file with the server's own.
func (b *bed) exportEquals(t *testing.T) {
	t.Helper()
	daemon := b.start(t)
	b.exec(t, "FLUSH BINARY LOGS", "CREATE DATABASE flushed")
	b.archived(t)
	daemon.stop()
	require.Equal(t, exitOK, daemon.wait(t).code)
	to := filepath.Join(b.lab.Dir(), "exported")
	o := b.run(t.Context(), "archive", "export", "--to", to, "--file", "binlog.000001", "--json")
	require.Equal(t, exitOK, o.code, o.stderr)
	want, err := os.ReadFile(filepath.Join(b.primary.DataDir, "binlog.000001"))
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(to, "binlog.000001"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "the exported file is not the server's")
	b.run(t.Context(), "archive", "export", "--to", to).fails(t, exitLocal, "binlog.000001: file already exists")
}

func TestAnInterruptedRestoreLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t, lab.Options{})
	b.start(t)
	b.exec(t, "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)")
	b.archived(t)
	take := b.run(t.Context(), "backup", "take", "--method", "mysqldump")
	require.Equal(t, exitOK, take.code, take.stderr)
	b.exec(t, "DROP TABLE shop.t", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "DROP TABLE shop.t")
	b.archived(t)

	ambiguous := b.run(t.Context(), "restore", "--before", "DROP TABLE shop.t", "--dry-run")
	ambiguous.fails(t, exitNotFound, `several statements match "DROP TABLE shop.t": 2`, "--match N")
	require.Contains(t, ambiguous.stderr, "   2  ")
	one := b.run(t.Context(), "restore", "--before", "DROP TABLE shop.t", "--match", "1", "--dry-run")
	require.Equal(t, exitOK, one.code, one.stderr)
	require.Contains(t, one.stdout, "replay    nothing")
	b.run(t.Context(), "restore", "--before", "DROP DATABASE other", "--dry-run").fails(t, exitNotFound, "no archived statement does what was asked for")
	b.run(t.Context(), "restore", "--to-time", "2020-01-01 00:00", "--dry-run").fails(t, exitNotFound, "what can be restored")

	// Ctrl-C as soon as there is a directory.
	dir := filepath.Join(b.lab.Dir(), "restored")
	interrupted := b.interruptWhen(t, func() bool {
		entries, err := os.ReadDir(dir)
		return err == nil && len(entries) > 1
	}, "restore", "--latest", "--target-dir", dir)
	require.Equal(t, exitInterrupted, interrupted.code, interrupted.stderr)
	require.Contains(t, interrupted.stderr, "lastwrite: interrupted")
	require.NoDirExists(t, dir)

	// Left running until Ctrl-C: then it is a finished directory.
	kept := b.interruptWhen(t, nil, "restore", "--latest", "--target-dir", dir, "--keep-running")
	require.Equal(t, exitOK, kept.code, kept.stderr)
	require.Contains(t, kept.stderr, "mysql --defaults-file=")
	require.FileExists(t, filepath.Join(dir, "lastwrite-restore.json"))
}

// interruptWhen runs a command and sends it a Ctrl-C when ready says so; without ready, when it says that it waits for one.
func (b *bed) interruptWhen(t *testing.T, ready func() bool, args ...string) outcome {
	t.Helper()
	r := b.startCommand(t, args...)
	if ready == nil {
		ready = func() bool { return strings.Contains(r.stderr.String(), "Ctrl-C") }
	}
	require.Eventually(t, ready, patience, 5*time.Millisecond)
	r.stop()
	return r.wait(t)
}
