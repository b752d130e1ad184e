package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/integration/sidecar"
)

// memoryLimit is what lastwrite may use, whatever the size of a transaction.
const memoryLimit = 256 << 20

// TestOneHugeTransaction sends one transaction through stream, archive, export and a served restore, and looks at lastwrite's memory. By
// default it has 160 MiB, with one row of 40 MiB; BIG_MIB=1536 is the size that is promised (make big-transaction).
func TestOneHugeTransaction(t *testing.T) {
	size := setting(t, "BIG_MIB", 160)
	ctx := t.Context()
	l := lab.New(t)
	tools, err := l.Tools(ctx)
	require.NoError(t, err)
	program, err := l.Lastwrite(ctx)
	require.NoError(t, err)
	primary, err := l.MySQL(ctx, lab.Options{Name: "primary", Clone: true, Extra: []string{
		"--max-allowed-packet=1G", "--innodb-redo-log-capacity=1G", "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF"}})
	require.NoError(t, err)
	require.NoError(t, primary.Exec(ctx, "CREATE DATABASE shop", "CREATE TABLE shop.photos (id INT PRIMARY KEY, picture LONGBLOB)"))
	side, err := sidecar.New(program, tools.Mysqld, t.TempDir(), primary)
	require.NoError(t, err)
	out, err := side.Command(ctx, "backup", "take", "--method", "clone").CombinedOutput()
	require.NoError(t, err, string(out))

	daemon, err := side.Start()
	require.NoError(t, err)
	defer daemon.Kill()
	writeHuge(t, primary, size)
	require.NoError(t, side.WaitArchived(ctx, primary))
	streamed := peakMemory(t, daemon.PID())
	require.NoError(t, daemon.Stop(), side.Log())

	exported := filepath.Join(t.TempDir(), "export")
	export := peakOf(t, side, "archive", "export", "--to", exported)
	requireSameFiles(t, primary.DataDir, exported)
	require.NoError(t, os.RemoveAll(exported))

	target := filepath.Join(t.TempDir(), "restored")
	restore := peakOf(t, side, "restore", "--latest", "--target-dir", target, "--yes")
	want := checksum(t, primary, "shop.photos")
	restored, err := l.MySQL(ctx, lab.Options{DataDir: target})
	require.NoError(t, err)
	require.Equal(t, want, checksum(t, restored, "shop.photos"))

	t.Logf("a transaction of %d MiB: peak memory of the stream %d MiB, of the export %d MiB, of the restore %d MiB",
		size, streamed>>20, export>>20, restore>>20)
	for _, peak := range []int64{streamed, export, restore} {
		require.Less(t, peak, int64(memoryLimit))
	}
}

// writeHuge commits one transaction with rows of 1 MiB, and one of 40.
func writeHuge(t *testing.T, s *lab.Server, mib int) {
	ctx := t.Context()
	tx, err := s.DB().BeginTx(ctx, nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(ctx, "INSERT INTO shop.photos VALUES (0, REPEAT(SHA2('big', 512), 40 * 8192))")
	require.NoError(t, err)
	for i := range mib - 40 {
		_, err = tx.ExecContext(ctx, "INSERT INTO shop.photos VALUES (?, REPEAT(SHA2(?, 512), 8192))", i+1, i)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit())
}

func checksum(t *testing.T, s *lab.Server, table string) (sum int64) {
	var name string
	require.NoError(t, s.DB().QueryRowContext(t.Context(), "CHECKSUM TABLE "+table).Scan(&name, &sum))
	return sum
}

// peakOf runs a lastwrite command and returns its largest resident memory in bytes, without that of its children.
func peakOf(t *testing.T, side *sidecar.Sidecar, args ...string) (peak int64) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := side.Command(ctx, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			require.NoError(t, err, "%v: %s", args, out.String())
			return peak
		case <-tick.C:
			if n, err := residentPeak(cmd.Process.Pid); err == nil {
				peak = max(peak, n)
			}
		}
	}
}

func peakMemory(t *testing.T, pid int) int64 {
	n, err := residentPeak(pid)
	require.NoError(t, err)
	return n
}

// residentPeak reads a process's high-water mark of resident memory (proc(5), VmHWM), in bytes.
func residentPeak(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no VmHWM of process %d", pid)
}
