package program_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/pitr/program"
	"lastwrite/replica"
	"lastwrite/replica/node"
)

// script makes an executable shell script.
func script(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	return path
}

// The error of a failed program has its last words, but not its warnings.
func TestRunExplainsFailure(t *testing.T) {
	err := program.Run(t.Context(), program.Command{Path: script(t, "tool", `echo "first" >&2; echo "Access denied" >&2; echo "x: [Warning] insecure" >&2; exit 3`)})
	require.EqualError(t, err, "run tool: exit status 3: Access denied")
	_, err = program.Start(t.Context(), program.Command{Path: "/no/such/program"})
	require.ErrorIs(t, err, program.ErrNotFound)
}

// When the context ends, the program and its own children are killed, and the error is the context's cause.
func TestContextKillsTheGroup(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	out := make(lines, 10)
	p, err := program.Start(ctx, program.Command{Path: script(t, "tool", `sleep 1000 & echo $!; wait`), Stdout: out})
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(<-out))
	require.NoError(t, err)
	cancel(context.DeadlineExceeded)
	require.ErrorIs(t, p.Wait(), context.DeadlineExceeded)
	require.Eventually(t, func() bool { return gone(child) }, waitLong, waitStep)
}

// The user's own environment does not reach the program.
func TestEnvironmentIsClean(t *testing.T) {
	t.Setenv("MYSQL_PWD", "secret")
	var out bytes.Buffer
	require.NoError(t, program.Run(t.Context(), program.Command{Path: script(t, "tool", "env"), Stdout: &out}))
	require.NotContains(t, out.String(), "secret")
	require.Contains(t, out.String(), "MYSQL_TEST_LOGIN_FILE=/dev/null")
}

func TestFind(t *testing.T) {
	mysqld := script(t, "mysqld", "exit 0")
	dump := filepath.Join(filepath.Dir(mysqld), "mysqldump")
	require.NoError(t, os.Symlink(mysqld, dump))
	env := func(name string) string { return map[string]string{program.MysqldEnv: mysqld}[name] }
	found, err := program.Find(program.Set{}, env)
	require.NoError(t, err)
	require.Equal(t, mysqld, found.Mysqld)
	require.Equal(t, dump, found.Mysqldump, "beside mysqld")
	_, err = program.Find(program.Set{Mysql: "/no/such/mysql"}, env)
	require.ErrorIs(t, err, program.ErrNotFound)
	_, err = program.Need("mysql", "")
	require.ErrorContains(t, err, "mysql is neither beside mysqld nor in PATH")
}

func TestVersion(t *testing.T) {
	v, err := program.Version(t.Context(), script(t, "mysqld", `echo "/usr/sbin/mysqld  Ver 8.4.6 for Linux on x86_64 (MySQL Community Server - GPL)"`))
	require.NoError(t, err)
	require.Equal(t, replica.Version{Major: 8, Minor: 4, Patch: 6, Text: "8.4.6"}, v)
	_, err = program.Version(t.Context(), script(t, "mysqld", `echo "mysqld  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu"`))
	require.ErrorIs(t, err, replica.ErrMariaDB)
}

// A password with every awkward character gets into the server through the option file, unseen in the arguments, and the file goes.
func TestOptionFileCarriesAnyPassword(t *testing.T) {
	l := lab.New(t)
	server, err := l.MySQL(t.Context(), lab.Options{})
	require.NoError(t, err)
	password := `a"b\n'c\\#d;e f=[g] $h%i/\s` + "\tj"
	require.NoError(t, server.CreateUser(t.Context(), "odd user", password))
	tools, err := lab.FindTools(t.Context(), zerolog.Nop())
	require.NoError(t, err)

	endpoint, err := replica.ParseEndpoint(server.Addr())
	require.NoError(t, err)
	for _, e := range []replica.Endpoint{endpoint, {Network: replica.Unix, Address: server.Socket}} {
		login := node.Config{Endpoint: e, User: "odd user", Password: password, TLS: node.TLS{Mode: node.TLSPreferred}}
		file, remove, err := program.OptionFile(login, t.TempDir())
		require.NoError(t, err)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm())
		var out bytes.Buffer
		err = program.Run(t.Context(), program.Command{Path: tools.Mysql, Args: []string{"--defaults-file=" + file, "-N", "-e", "SELECT USER()"}, Stdout: &out})
		require.NoError(t, err)
		require.Contains(t, out.String(), "odd user@")
		require.NoError(t, remove())
		require.NoFileExists(t, file)
	}
}

const (
	waitLong = 10 * time.Second
	waitStep = 10 * time.Millisecond
)

// lines passes on what is written to it.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// gone tells whether a process no longer runs (a zombie nobody waited for does not either).
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(state), ") Z ")
}
