package scratch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/pitr/scratch"
	"lastwrite/replica"
)

// stopped returns the configuration for a scratch server on the data of a lab server that was stopped, and that server.
func stopped(t *testing.T, statements ...string) (scratch.Config, *lab.Server) {
	t.Helper()
	l := lab.New(t)
	server, err := l.MySQL(t.Context(), lab.Options{})
	require.NoError(t, err)
	require.NoError(t, server.Exec(t.Context(), statements...))
	require.NoError(t, server.Stop(t.Context()))
	tools, err := l.Tools(t.Context())
	require.NoError(t, err)
	dir := t.TempDir()
	return scratch.Config{
		Mysqld: tools.Mysqld, DataDir: server.DataDir, WorkDir: filepath.Join(dir, "work"), LogFile: filepath.Join(dir, "mysqld.log"),
		Mode: scratch.Replay,
	}, server
}

func value(t *testing.T, s *scratch.Server, query string) string {
	t.Helper()
	var text string
	require.NoError(t, s.DB().QueryRowContext(t.Context(), query).Scan(&text))
	return text
}

// A scratch server serves the data to us alone, changes no GTID, and leaves no trace of its account behind.
func TestStartAndStop(t *testing.T) {
	config, server := stopped(t, "CREATE DATABASE shop", "CREATE USER app IDENTIFIED BY 'x'")
	var lines []string
	config.Log = func(line string) { lines = append(lines, line) }
	config.Settings = map[string]string{"character_set_server": "latin1", "lower_case_table_names": "0", "innodb_data_file_path": "/elsewhere/ibdata1:12M"}
	s, err := scratch.Start(t.Context(), config)
	require.NoError(t, err)
	require.Equal(t, "1", value(t, s, "SELECT @@GLOBAL.skip_networking"))
	require.Equal(t, "0", value(t, s, "SELECT @@GLOBAL.log_bin"))
	require.Equal(t, "OFF", value(t, s, "SELECT @@GLOBAL.event_scheduler"))
	require.Equal(t, "latin1", value(t, s, "SELECT @@GLOBAL.character_set_server"))
	require.Equal(t, "1073741824", value(t, s, "SELECT @@GLOBAL.replica_max_allowed_packet"))
	before := value(t, s, "SELECT @@GLOBAL.gtid_executed")
	_, err = s.DB().ExecContext(t.Context(), "CREATE TABLE shop.t (id INT PRIMARY KEY)")
	require.NoError(t, err)
	require.Equal(t, before, value(t, s, "SELECT @@GLOBAL.gtid_executed"), "what we do ourselves takes no GTID")
	info, err := os.Stat(filepath.Dir(s.Socket()))
	require.NoError(t, err)
	require.EqualValues(t, 0o700, info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Dir(s.Socket()))
	require.NoError(t, err)
	for _, entry := range entries {
		require.NotEqual(t, "init.sql", entry.Name(), "the password is not left lying about")
	}
	require.NoError(t, s.Stop(t.Context()))
	require.NoDirExists(t, filepath.Dir(s.Socket()))
	require.Contains(t, strings.Join(lines, "\n"), "ready for connections")
	for _, option := range []string{"unknown option", "[ERROR]"} {
		require.NotContains(t, strings.Join(lines, "\n"), option)
	}

	require.NoError(t, server.Start(t.Context()))
	left, err := server.Value(t.Context(), "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'lastwrite\\_restore%'")
	require.NoError(t, err)
	require.Equal(t, "0", left)
	set, err := server.GTIDExecuted(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, set)
}

// When the context ends the server is gone, and says why.
func TestContextEndsTheServer(t *testing.T) {
	config, _ := stopped(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	s, err := scratch.Start(ctx, config)
	require.NoError(t, err)
	enough := errors.New("enough")
	cancel(enough)
	<-s.Done()
	require.ErrorIs(t, syscall.Kill(s.PID(), 0), syscall.ESRCH)
	s.Kill()
	require.NoDirExists(t, filepath.Dir(s.Socket()))
	_, err = scratch.Start(ctx, config)
	require.ErrorIs(t, err, enough)
}

// A server killed under us is noticed, with its exit.
func TestServerKilled(t *testing.T) {
	config, _ := stopped(t)
	s, err := scratch.Start(t.Context(), config)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(s.PID(), syscall.SIGKILL))
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("not noticed")
	}
	require.ErrorIs(t, s.Err(), scratch.ErrEnded)
	require.ErrorContains(t, s.Err(), "killed")
	require.Error(t, s.Stop(t.Context()))
}

// A data directory that is none gives one line with mysqld's own words and the place of its log.
func TestUnusableData(t *testing.T) {
	config, _ := stopped(t)
	config.DataDir = t.TempDir()
	_, err := scratch.Start(t.Context(), config)
	require.ErrorIs(t, err, scratch.ErrEnded)
	require.ErrorContains(t, err, "mysqld said: ")
	require.ErrorContains(t, err, config.LogFile)
	require.NotContains(t, err.Error(), "\n")
}

// An initialised directory takes the settings that cannot be changed later.
func TestInitialise(t *testing.T) {
	config, _ := stopped(t)
	config.DataDir = t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(config.DataDir, ".lastwrite"), 0o700))
	config.Settings = map[string]string{"lower_case_table_names": "1", "innodb_page_size": "8192"}
	require.NoError(t, scratch.Initialise(t.Context(), config))
	s, err := scratch.Start(t.Context(), config)
	require.NoError(t, err)
	require.Equal(t, "8192", value(t, s, "SELECT @@innodb_page_size"))
	require.Equal(t, "1", value(t, s, "SELECT @@lower_case_table_names"))
	require.NoError(t, s.Stop(t.Context()))

	err = scratch.Initialise(t.Context(), config)
	require.ErrorContains(t, err, "initialise a data directory")
	require.NotContains(t, err.Error(), "\n")
}

func TestCheckVersion(t *testing.T) {
	dir := t.TempDir()
	mysqld := func(version string) string {
		path := filepath.Join(dir, "mysqld-"+version)
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho 'mysqld  Ver "+version+" for Linux on x86_64'\n"), 0o755))
		return path
	}
	for _, c := range []struct {
		have, base string
		err        error
	}{
		{"9.7.4-2", "9.7.4", nil},
		{"9.7.1", "9.7.4", nil}, // an LTS series goes both ways
		{"8.4.7", "8.4.2", nil},
		{"8.0.40", "8.0.36-28.1", nil},
		{"8.0.36", "8.0.40", scratch.ErrVersion},
		{"8.4.7", "8.0.40", scratch.ErrVersion},
		{"9.7.4", "9.6.0", scratch.ErrVersion},
		{"10.11.6-MariaDB", "8.0.40", replica.ErrMariaDB},
	} {
		_, err := scratch.CheckVersion(t.Context(), mysqld(c.have), c.base)
		require.ErrorIs(t, err, c.err, "%s on %s", c.have, c.base)
	}
	_, err := scratch.CheckVersion(t.Context(), mysqld("8.4.7"), "9.7.4")
	require.ErrorContains(t, err, "the base backup is of 9.7.4: a mysqld of the series 9.7 is needed (name it in LASTWRITE_MYSQLD)")
}
