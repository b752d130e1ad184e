package integration

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/integration/sidecar"
)

// cliPatience bounds every wait for the program.
const cliPatience = 90 * time.Second

func newCLI(t *testing.T) (*lab.Lab, *lab.Server, *sidecar.Sidecar) {
	t.Helper()
	l := lab.New(t)
	program, err := l.Lastwrite(t.Context())
	require.NoError(t, err)
	tools, err := l.Tools(t.Context())
	require.NoError(t, err)
	server, err := l.MySQL(t.Context(), lab.Options{})
	require.NoError(t, err)
	side, err := sidecar.New(program, tools.Mysqld, l.Dir(), server)
	require.NoError(t, err)
	return l, server, side
}

// Killed in the middle of its work, the daemon goes on where the store says that it ended; stopped, it ends with 0.
func TestTheDaemonOutlivesSignals(t *testing.T) {
	_, server, side := newCLI(t)
	daemon, err := side.Start("--flush", "20ms")
	require.NoError(t, err)
	require.NoError(t, server.Exec(t.Context(), "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARBINARY(1024))"))
	insert := "INSERT INTO shop.t (v) VALUES (RANDOM_BYTES(1024))"
	for round := range 4 {
		for range 50 {
			require.NoError(t, server.Exec(t.Context(), insert))
		}
		// A process that was only just started would not know signals yet.
		require.Eventually(t, func() bool { return strings.Count(side.Log(), "archive opened") == round+1 }, cliPatience, 20*time.Millisecond, side.Log())
		if round%2 == 0 {
			daemon.Kill()
		} else {
			require.NoError(t, daemon.Stop(), side.Log())
		}
		require.NoError(t, server.Exec(t.Context(), insert))
		daemon, err = side.Start("--flush", "20ms")
		require.NoError(t, err)
	}
	require.NoError(t, side.WaitArchived(t.Context(), server))
	require.NoError(t, daemon.Stop(), side.Log())
	out, err := side.Command(t.Context(), "archive", "verify").CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = side.Command(t.Context(), "log", "--kind", "insert", "--json").Output()
	require.NoError(t, err)
	require.Equal(t, 4*51, strings.Count(string(out), "\n"), "every transaction once")
}

// A stop waits for a store that is away; a second signal does not.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	l, server, side := newCLI(t)
	store, err := l.S3(t.Context())
	require.NoError(t, err)
	require.NoError(t, store.Bucket(t.Context(), "backups"))
	side.Env = append(side.Env, "LASTWRITE_STORE=s3://backups/db?endpoint="+store.Endpoint, "LASTWRITE_LOG_FORMAT=json",
		"AWS_REGION="+store.Region, "AWS_ACCESS_KEY_ID="+store.AccessKey, "AWS_SECRET_ACCESS_KEY="+store.SecretKey)
	log, err := os.CreateTemp(t.TempDir(), "log")
	require.NoError(t, err)
	cmd := side.Command(t.Context(), "run", "--flush", "20ms")
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	says := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool {
			content, err := os.ReadFile(log.Name())
			return err == nil && strings.Contains(string(content), text)
		}, cliPatience, 20*time.Millisecond, text)
	}
	says("archiving") // what the log held from the server's start is stored
	require.NoError(t, store.Kill())
	require.NoError(t, server.Exec(t.Context(), "CREATE DATABASE shop"))
	says("the store takes nothing")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	says("storing what is whole")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	err = cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 130, exit.ExitCode())
	// What was whole is in the spool, and is stored by the next start.
	require.NoError(t, store.Start(t.Context()))
	next := side.Command(t.Context(), "run", "--flush", "20ms")
	next.Stderr = log
	require.NoError(t, next.Start())
	require.Eventually(t, func() bool {
		out, err := side.Command(t.Context(), "log", "--statement", "CREATE DATABASE shop").Output()
		return err == nil && strings.Count(string(out), "\n") == 1
	}, cliPatience, 100*time.Millisecond)
	require.NoError(t, next.Process.Signal(os.Interrupt))
	require.NoError(t, next.Wait())
}
