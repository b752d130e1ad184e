package integration

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/integration/lab"
	"lastwrite/integration/sidecar"
)

// setting reads a number from the environment.
func setting(t *testing.T, name string, def int) int {
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// TestStreamSurvivesCuts cuts the stream at random moments under load: its connection is killed, the server is restarted or killed, the
// sidecar is killed with -9. Afterwards the export must equal the server's files, with every transaction there once.
//
// By default a short slice runs; SEED, ROUNDS and TRANSACTIONS make it a campaign (make chaos-stream).
func TestStreamSurvivesCuts(t *testing.T) {
	seed, rounds, transactions := setting(t, "SEED", 1), setting(t, "ROUNDS", 6), setting(t, "TRANSACTIONS", 4000)
	c := newCampaign(t, uint64(seed))
	load := c.startLoad(int64(transactions))
	for round := range rounds {
		target := int64(transactions) * int64(round+1) / int64(rounds+1)
		require.Eventually(t, func() bool { return load.committed.Load() >= target || load.ended() }, 10*time.Minute, 5*time.Millisecond)
		c.cut()
	}
	load.wait()
	c.finish(load)
}

type campaign struct {
	t       *testing.T
	rnd     *rand.Rand
	primary *lab.Server
	side    *sidecar.Sidecar
	daemon  *sidecar.Daemon
	tally   map[string]int
}

func newCampaign(t *testing.T, seed uint64) *campaign {
	ctx := t.Context()
	l := lab.New(t)
	tools, err := l.Tools(ctx)
	require.NoError(t, err)
	program, err := l.Lastwrite(ctx)
	require.NoError(t, err)
	primary, err := l.MySQL(ctx, lab.Options{Name: "primary", Extra: []string{"--max-binlog-size=4M", "--binlog-row-event-max-size=8192"}})
	require.NoError(t, err)
	require.NoError(t, primary.Exec(ctx, "CREATE DATABASE shop",
		"CREATE TABLE shop.orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, customer INT, note VARCHAR(4000), KEY(customer))",
		"CREATE TABLE shop.blobs (id BIGINT AUTO_INCREMENT PRIMARY KEY, b LONGBLOB)"))
	side, err := sidecar.New(program, tools.Mysqld, t.TempDir(), primary)
	require.NoError(t, err)
	c := &campaign{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), primary: primary, side: side, tally: map[string]int{}}
	t.Logf("seed %d", seed)
	c.daemon, err = side.Start()
	require.NoError(t, err)
	t.Cleanup(func() { c.daemon.Kill() })
	return c
}

// cut breaks the stream in one of four ways.
func (c *campaign) cut() {
	ctx := c.t.Context()
	kind := []string{"connection killed", "sidecar killed -9", "server restarted", "server killed -9"}[c.rnd.IntN(4)]
	switch kind {
	case "connection killed":
		if !c.killDump(ctx) {
			kind = "no connection to kill"
		}
	case "sidecar killed -9":
		c.daemon.Kill()
		var err error
		c.daemon, err = c.side.Start()
		require.NoError(c.t, err)
	case "server restarted":
		require.NoError(c.t, c.primary.Stop(ctx))
		require.NoError(c.t, c.primary.Start(ctx))
	case "server killed -9":
		require.NoError(c.t, c.primary.Kill())
		require.NoError(c.t, c.primary.Start(ctx))
	}
	c.tally[kind]++
}

// killDump kills the connections that dump the log, and tells whether there was one.
func (c *campaign) killDump(ctx context.Context) (killed bool) {
	// A killed dump thread can write into the socket of a client that connects at that moment (seen on 9.7.4), which then waits for ever.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	rows, err := c.primary.DB().QueryContext(ctx, "SELECT id FROM performance_schema.processlist WHERE command LIKE 'Binlog Dump%'")
	if err != nil {
		c.t.Logf("could not look for the dump: %v", err)
		return false
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		require.NoError(c.t, rows.Scan(&id))
		_, err := c.primary.DB().ExecContext(ctx, fmt.Sprintf("KILL %d", id)) // it may have gone by itself
		killed = killed || err == nil
	}
	return killed
}

// load writes transactions from several clients, through restarts of the server.
type load struct {
	committed atomic.Int64
	wg        sync.WaitGroup
	done      atomic.Bool
}

func (l *load) ended() bool { return l.done.Load() }
func (l *load) wait()       { l.wg.Wait(); l.done.Store(true) }

func (c *campaign) startLoad(transactions int64) *load {
	const clients = 8
	l := &load{}
	for i := range clients {
		rnd := rand.New(rand.NewPCG(c.rnd.Uint64(), uint64(i)))
		l.wg.Go(func() {
			for l.committed.Load() < transactions && c.t.Context().Err() == nil {
				l.committed.Add(c.transaction(rnd))
			}
		})
	}
	return l
}

// transaction runs one of several kinds of statements and returns how many transactions it has surely committed. Errors are those of a
// server that was just taken away.
func (c *campaign) transaction(rnd *rand.Rand) int64 {
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	exec := func(counts bool, query string, args ...any) int64 {
		res, err := c.primary.DB().ExecContext(ctx, query, args...)
		if err != nil || !counts {
			return 0
		}
		n, err := res.RowsAffected()
		if err != nil || n == 0 {
			return 0 // nothing was changed, so nothing is logged
		}
		return 1
	}
	switch n := rnd.IntN(200); {
	case n == 0:
		return exec(true, "INSERT INTO shop.blobs (b) VALUES (REPEAT('x', ?))", rnd.IntN(3<<20))
	case n == 1:
		return exec(false, fmt.Sprintf("CREATE TABLE IF NOT EXISTS shop.t%d (id INT PRIMARY KEY)", rnd.IntN(50)))
	case n == 2 && rnd.IntN(4) == 0:
		return exec(false, "FLUSH BINARY LOGS")
	case n < 40:
		return exec(true, "UPDATE shop.orders SET note = CONCAT('changed ', ?) WHERE customer = ? LIMIT 20", rnd.Uint32(), rnd.IntN(500))
	default:
		return exec(true, "INSERT INTO shop.orders (customer, note) VALUES (?, REPEAT('n', ?)), (?, 'b')", rnd.IntN(500), rnd.IntN(600), rnd.IntN(500))
	}
}

// finish waits for the archive, and compares it with the server.
func (c *campaign) finish(l *load) {
	t := c.t
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	require.NoError(t, c.side.WaitArchived(ctx, c.primary))
	require.NoError(t, c.daemon.Stop(), c.side.Log())
	executed, err := c.primary.GTIDExecuted(ctx)
	require.NoError(t, err)
	want, err := binlog.ParseGTIDSet(executed)
	require.NoError(t, err)

	require.GreaterOrEqual(t, want.Count(), l.committed.Load(), "the server itself has lost a confirmed transaction")
	requireOnce(t, c.side, want)
	dir := filepath.Join(t.TempDir(), "export")
	out, err := c.side.Command(ctx, "archive", "export", "--to", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	files := requireSameFiles(t, c.primary.DataDir, dir)
	t.Logf("%d transactions in %d files, %d of them confirmed to clients; cuts: %v", want.Count(), files, l.committed.Load(), c.tally)
}

// requireOnce proves that the archive holds each transaction of the set once, and no other.
func requireOnce(t *testing.T, side *sidecar.Sidecar, want binlog.GTIDSet) {
	store, closeStore, err := side.OpenStore(t.Context())
	require.NoError(t, err)
	defer func() { _ = closeStore() }()
	a, err := archive.Open(t.Context(), store, sidecar.Cluster)
	require.NoError(t, err)
	require.Len(t, a.Stretches(), 1)
	seen := binlog.NewGTIDSetBuilder(a.Stretches()[0].Before)
	for f, err := range a.Transactions(t.Context(), archive.Query{}) {
		require.NoError(t, err)
		require.True(t, seen.Add(f.GTID), "%s is there twice", f.GTID)
	}
	require.Equal(t, want.String(), seen.Set().String())
}

// requireSameFiles compares the server's log files with the exported ones and returns their number. In the file that is open on the
// server, the in-use flag of the format description event and its checksum may differ.
func requireSameFiles(t *testing.T, datadir, exported string) int {
	paths, err := filepath.Glob(filepath.Join(datadir, "binlog.[0-9]*"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for i, path := range paths {
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(exported, filepath.Base(path)))
		require.NoError(t, err)
		if i == len(paths)-1 {
			closeFile(want)
		}
		require.Equal(t, len(want), len(got), path)
		require.True(t, bytes.Equal(want, got), "%s differs", path)
	}
	return len(paths)
}

// closeFile clears the in-use flag in a log file's first event, as the server does when it closes the file.
func closeFile(data []byte) {
	event := data[binlog.FileHeaderSize:]
	event = event[:binary.LittleEndian.Uint32(event[9:])]
	event[17] &^= byte(binlog.FlagInUse)
	binlog.SealChecksum(event)
}
