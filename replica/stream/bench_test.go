package stream

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/integration/lab"
	"lastwrite/replica/node"
)

// gauge is a sink that keeps nothing, and closes done when it was handed as much as it waits for.
type gauge struct {
	bytes, want int
	done        chan struct{}
}

func (g *gauge) Resume(context.Context) (binlog.Cursor, error) { return binlog.Cursor{}, nil }

func (g *gauge) Write(_ context.Context, b *binlog.Batch) error {
	defer b.Release()
	if g.bytes += b.Bytes(); g.bytes >= g.want {
		close(g.done)
		g.want = 1 << 62
	}
	return nil
}

// fill writes a log of small transactions on four connections: two events with rows of about 300 bytes each.
func fill(b *testing.B, s *lab.Server, transactions int) {
	require.NoError(b, s.Exec(b.Context(), "CREATE DATABASE bench", "USE bench",
		"CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(300))",
		"CREATE PROCEDURE fill(n INT) BEGIN WHILE n > 0 DO START TRANSACTION; "+
			"INSERT INTO t (v) VALUES (REPEAT('x', 250)); INSERT INTO t (v) VALUES (REPEAT('y', 250)); COMMIT; SET n = n - 1; END WHILE; END"))
	var g sync.WaitGroup
	for range 4 {
		g.Go(func() {
			if err := s.Exec(b.Context(), "CALL bench.fill("+strconv.Itoa(transactions/4)+")"); err != nil {
				b.Error(err)
			}
		})
	}
	g.Wait()
	require.NoError(b, s.Exec(b.Context(), "FLUSH BINARY LOGS"))
}

// BenchmarkDump reads the same log by the stream, every checksum checked and all of it thrown away, and by mysqlbinlog, which
// checks nothing and writes files, in turn; it reports the speeds and the median ratio of both.
func BenchmarkDump(b *testing.B) {
	l := lab.New(b)
	s, err := l.MySQL(b.Context(), lab.Options{Extra: []string{"--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0"}})
	require.NoError(b, err)
	fill(b, s, 200_000)
	tools, err := l.Tools(b.Context())
	require.NoError(b, err)
	paths, err := filepath.Glob(filepath.Join(s.DataDir, "binlog.[0-9]*"))
	require.NoError(b, err)
	size := 0
	for _, path := range paths[:len(paths)-1] { // the last is being written
		info, err := os.Stat(path)
		require.NoError(b, err)
		size += int(info.Size()) - binlog.FileHeaderSize
	}
	for name, mode := range map[string]node.TLSMode{"plain": node.TLSDisabled, "TLS": node.TLSRequired} {
		b.Run(name, func(b *testing.B) {
			var ours, theirs, ratio []float64
			for b.Loop() {
				o, t := readByStream(b, s, mode, size), readByMysqlbinlog(b, s, mode, tools, paths)
				ours, theirs, ratio = append(ours, float64(size)/1e6/o.Seconds()), append(theirs, float64(size)/1e6/t.Seconds()), append(ratio, t.Seconds()/o.Seconds())
			}
			b.ReportMetric(median(ours), "MB/s")
			b.ReportMetric(median(theirs), "mysqlbinlog-MB/s")
			b.ReportMetric(median(ratio), "ratio")
			b.ReportMetric(float64(size)/1e6, "MB")
		})
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func readByStream(b *testing.B, s *lab.Server, mode node.TLSMode, size int) time.Duration {
	cfg := testConfig(b, s, lab.LastwriteUser)
	cfg.BatchSize, cfg.BatchCount, cfg.Source.TLS.Mode = 0, 0, mode
	str, err := New(cfg, zerolog.Nop(), nil)
	require.NoError(b, err)
	g := &gauge{want: size, done: make(chan struct{})}
	began := time.Now()
	st := runStream(b, str, g)
	<-g.done
	took := time.Since(began)
	st.stop(b)
	return took
}

func readByMysqlbinlog(b *testing.B, s *lab.Server, mode node.TLSMode, tools lab.Tools, paths []string) time.Duration {
	args := []string{"--no-defaults", "--read-from-remote-server", "--raw", "--result-file=" + b.TempDir() + "/",
		"--host=" + s.Host, "--port=" + strconv.Itoa(s.Port), "--user=" + lab.LastwriteUser, "--ssl-mode=" + string(mode)}
	for _, path := range paths[:len(paths)-1] {
		args = append(args, filepath.Base(path))
	}
	cmd := exec.Command(tools.Mysqlbinlog, args...)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+lab.Password)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, string(out))
	return time.Since(began)
}
