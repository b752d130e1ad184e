package lab_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
)

// parentEnv turns the test below into the process that is killed.
const parentEnv = "LASTWRITE_LAB_TEST_PARENT"

// A process that is killed takes its servers with it, and the next lab removes what it could not.
func TestServersDieWithTheirParent(t *testing.T) {
	if os.Getenv(parentEnv) != "" {
		beKilled(t)
	}
	t.Parallel()
	l := lab.New(t) // so that MySQL is at hand before the clock runs
	_, err := l.Tools(t.Context())
	require.NoError(t, err)

	parent := exec.Command(os.Args[0], "-test.run=^TestServersDieWithTheirParent$")
	parent.Env = append(os.Environ(), parentEnv+"=1")
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var mysqld, s3 int
	var dir string
	_, err = fmt.Sscan(line, &mysqld, &s3, &dir)
	require.NoError(t, err, line)
	require.NoError(t, syscall.Kill(mysqld, 0), "the server lives")

	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait() // it was killed: that is no news
	for _, pid := range []int{mysqld, s3} {
		require.Eventually(t, func() bool { return gone(pid) }, 10*time.Second, 10*time.Millisecond)
	}
	require.DirExists(t, dir, "a killed process cleans nothing up")
	next, err := lab.Open(t.Context(), "", zerolog.Nop())
	require.NoError(t, err)
	require.NoError(t, next.Close())
	require.NoDirExists(t, dir)
	require.DirExists(t, l.Dir(), "a lab that lives is not swept")
}

// beKilled starts servers, says where, and waits for its end.
func beKilled(t *testing.T) {
	l, err := lab.Open(t.Context(), "", zerolog.Nop())
	require.NoError(t, err)
	server, err := l.MySQL(t.Context(), lab.Options{})
	require.NoError(t, err)
	store, err := l.S3(t.Context())
	require.NoError(t, err)
	fmt.Println(server.PID(), store.PID(), l.Dir())
	select {}
}

// gone tells whether a process has ended; one that nobody has waited for yet has.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// A lab below a directory with a long name still has sockets that every client can use, and leaves nothing.
func TestLongDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 20))
	require.NoError(t, os.Mkdir(dir, 0o755))
	l, err := lab.Open(t.Context(), dir, zerolog.Nop())
	require.NoError(t, err)
	defer l.Close()
	server, err := l.MySQL(t.Context(), lab.Options{})
	require.NoError(t, err)
	require.Less(t, len(server.Socket), 100)
	require.NoError(t, l.Close())
	require.NoDirExists(t, filepath.Dir(server.Socket))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// A user's own mysqld is used, with the programs beside it; what is not a MySQL server is refused in one line.
func TestUsersOwnMysqld(t *testing.T) {
	if testing.Short() {
		t.Skip("needs MySQL")
	}
	fetched, err := lab.FindTools(t.Context(), zerolog.Nop())
	require.NoError(t, err)
	t.Setenv(lab.MysqldEnv, fetched.Mysqld)
	own, err := lab.FindTools(t.Context(), zerolog.Nop())
	require.NoError(t, err)
	require.Equal(t, fetched, own)
	server, err := lab.New(t).MySQL(t.Context(), lab.Options{})
	require.NoError(t, err)
	require.True(t, server.Running())

	for name, script := range map[string]string{"maria": "echo mysqld Ver 10.11.6-MariaDB for x", "other": "echo hello", "old": "echo mysqld Ver 5.7.44 for x", "broken": "exit 3"} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
		t.Setenv(lab.MysqldEnv, path)
		_, err := lab.FindTools(t.Context(), zerolog.Nop())
		require.ErrorContains(t, err, lab.MysqldEnv)
		require.NotContains(t, err.Error(), "\n")
	}
}

// The program under test is built from the working tree, once per lab, and what does not compile is shown.
func TestLastwriteIsBuiltFromTheWorkingTree(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	write("go.mod", "module lastwrite\n\ngo 1.25\n")
	write("cmd/lastwrite/main.go", `package main; func main() { println("first") }`)
	write("deep/below/file", "")
	t.Chdir(filepath.Join(root, "deep/below"))
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOCACHE", goCache(t))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())

	output := func(l *lab.Lab) string {
		path, err := l.Lastwrite(t.Context())
		require.NoError(t, err)
		out, err := exec.Command(path).CombinedOutput()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	before := lab.New(t)
	require.Equal(t, "first", output(before))
	write("cmd/lastwrite/main.go", `package main; func main() { println("second") }`)
	require.Equal(t, "first", output(before), "a lab keeps the program it has")
	require.Equal(t, "second", output(lab.New(t)))
	write("cmd/lastwrite/main.go", `package main; func main() { undefinedName() }`)
	_, err := lab.New(t).Lastwrite(t.Context())
	require.ErrorContains(t, err, "undefinedName")

	t.Chdir(t.TempDir())
	_, err = lab.New(t).Lastwrite(t.Context())
	require.ErrorIs(t, err, lab.ErrNoRepository)
}

// goCache is where the go command keeps compiled packages, so that a changed cache directory does not hide them.
func goCache(t *testing.T) string {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}
