package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/integration/lab"
)

// Real servers, one history: what a real primary wrote is served to real replicas and to mysqlbinlog.
func TestRealServers(t *testing.T) {
	h := makeHistory(t)
	t.Run("the stream is that of a real source", func(t *testing.T) { sameStream(t, h) })
	t.Run("a replica gets everything over TLS", func(t *testing.T) { overTLS(t, h) })
	t.Run("a replica gets exactly the rest after each cut", func(t *testing.T) { throughCuts(t, h) })
	t.Run("a replica waits for a slow log", func(t *testing.T) { slowLog(t, h) })
	t.Run("a replica shows why it cannot be served", func(t *testing.T) { refused(t, h) })
	t.Run("mysqlbinlog copies the files", func(t *testing.T) { copyFiles(t, h) })
}

// What we send is what the real source sends, byte for byte, to a replica that has nothing and to one that has some.
func sameStream(t *testing.T, h *history) {
	for name, have := range map[string]binlog.GTIDSet{"nothing": {}, "some": h.some} {
		real := connect(t, h.primary.Addr(), lab.ReplicationUser, lab.Password, nil)
		_, err := real.Execute("SET @source_binlog_checksum = 'CRC32'")
		require.NoError(t, err)
		command(t, real, mysql.COM_BINLOG_DUMP_GTID, dumpCommand(t, dumpNonBlock|dumpNewBeats, have))
		want := events(t, real)
		require.Greater(t, len(want), 500)
		first, err := binlog.DecodeRotate(want[0][binlog.HeaderSize : len(want[0])-binlog.ChecksumSize])
		require.NoError(t, err)

		cfg, lg := testConfig(), h.log(1<<20-77)
		cfg.ServerID = h.primary.ServerID
		lg.files = lg.files[slices.Index(lg.files, filepath.Join(h.primary.DataDir, first.File)):] // a source begins with the file it needs
		_, addr := start(t, cfg, lg)
		ours := aware(t, addr)
		command(t, ours, mysql.COM_BINLOG_DUMP_GTID, dumpCommand(t, dumpNonBlock|dumpNewBeats, have))
		got := events(t, ours)
		for i := range min(len(got), len(want)) {
			if !bytes.Equal(want[i], got[i]) {
				require.Equal(t, want[i][:min(len(want[i]), 500)], got[i][:min(len(got[i]), 500)], "replica has %s: event %d", name, i)
			}
		}
		require.Len(t, got, len(want))
	}
}

// Everything there is, in small pieces, over TLS. Then it gets heartbeats for as long as it stays.
func overTLS(t *testing.T, h *history) {
	files := h.primary.TLS
	cert, err := tls.LoadX509KeyPair(files.ServerCert, files.ServerKey)
	require.NoError(t, err)
	cfg := testConfig()
	cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s, addr := start(t, cfg, h.log(100_003))
	r := h.replica(t, addr, fmt.Sprintf("SOURCE_HEARTBEAT_PERIOD = 0.1, SOURCE_SSL = 1, SOURCE_SSL_VERIFY_SERVER_CERT = 1, SOURCE_SSL_CA = '%s'", files.CA))
	h.requireSame(t, r, h.all)

	require.Eventually(t, func() bool { return len(s.Replicas()) == 1 && s.Replicas()[0].CaughtUp }, 10*time.Second, 10*time.Millisecond)
	uuid, err := r.UUID(t.Context())
	require.NoError(t, err)
	is := s.Replicas()[0]
	require.Equal(t, uuid, is.UUID)
	require.Equal(t, r.ServerID, is.ServerID)
	require.Equal(t, uint16(r.Port), is.Port)
	status := replicaStatus(t, r)
	require.Equal(t, is.File, status["Source_Log_File"])
	require.Equal(t, strconv.FormatUint(is.Pos, 10), status["Read_Source_Log_Pos"], "the replica's coordinates are the file's")

	before := heartbeats(t, r)
	require.Eventually(t, func() bool { return heartbeats(t, r) > before+5 }, 10*time.Second, 20*time.Millisecond)
	require.NoError(t, r.Exec(t.Context(), "STOP REPLICA"))
	require.Eventually(t, func() bool { return len(s.Replicas()) == 0 }, 10*time.Second, 10*time.Millisecond, "its leaving is noticed")
}

// The connection is cut again and again, within the large transaction too; one transaction is left out; each dump begins in the
// middle of a file; no file ends in a ROTATE event. The replica has four appliers.
func throughCuts(t *testing.T, h *history) {
	lg := h.log(65_537)
	lg.bare, lg.noRots, lg.skip = true, true, binlog.NewGTIDSet(h.bad)
	s, err := New(testConfig(), testLogger(t))
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cuts := &cutListener{Listener: l, limits: []int64{120_000, 300_000, 1_500_000, 12_000_000, 25_000_000}}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, cuts, lg) }()
	defer func() { cancel(); require.NoError(t, <-served) }()

	r := h.replica(t, l.Addr().String(), "SOURCE_HEARTBEAT_PERIOD = 5, SOURCE_SSL = 0, GET_SOURCE_PUBLIC_KEY = 1")
	h.requireSame(t, r, h.all.Subtract(binlog.NewGTIDSet(h.bad)))
	require.Equal(t, int64(len(cuts.limits)), cuts.made.Load(), "all cuts were made")
	kept, err := r.Value(t.Context(), "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'doomed'")
	require.NoError(t, err)
	require.Equal(t, "1", kept, "the transaction left out was the one that dropped it")
	status := replicaStatus(t, r)
	require.Equal(t, "Yes", status["Replica_SQL_Running"], status["Last_SQL_Error"])
	require.Equal(t, "0", status["Last_SQL_Errno"])
}

// A log that takes its time, before the first event and in the middle, costs neither the connection nor anything else. This replica
// would like to be semi-synchronous, and goes on without it.
func slowLog(t *testing.T, h *history) {
	lg := h.log(50_000)
	var r atomic.Pointer[lab.Server]
	slow := map[bool]bool{}
	lg.gate = func(ctx context.Context, sent int) error {
		if late := sent > 600_000; (sent == 0 || late) && !slow[late] {
			slow[late] = true
			return waitHeartbeats(ctx, &r, 3)
		}
		return nil
	}
	s, addr := start(t, testConfig(), lg)
	r.Store(h.replica(t, addr, "SOURCE_HEARTBEAT_PERIOD = 0.05, SOURCE_SSL = 0, GET_SOURCE_PUBLIC_KEY = 1",
		"--plugin-load-add=semisync_replica.so", "--rpl-semi-sync-replica-enabled=ON"))
	h.requireSame(t, r.Load(), h.all)
	require.GreaterOrEqual(t, s.Stats().Heartbeats, uint64(6))
	require.Equal(t, uint64(1), s.Stats().Connections, "one connection has lasted through it all")
	require.Equal(t, "0", replicaStatus(t, r.Load())["Last_IO_Errno"])
}

// waitHeartbeats returns when the replica, once there is one, has got n heartbeats more.
func waitHeartbeats(ctx context.Context, r *atomic.Pointer[lab.Server], n int) error {
	first := -1
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if r.Load() == nil {
			continue
		}
		text, err := r.Load().Value(ctx, "SELECT count_received_heartbeats FROM performance_schema.replication_connection_status")
		if err != nil {
			return err
		}
		now, err := strconv.Atoi(text)
		switch {
		case err != nil:
			return err
		case first < 0:
			first = now
		case now >= first+n:
			return nil
		}
	}
}

// Each reason ends up in the replica's status, with error 1236.
func refused(t *testing.T, h *history) {
	lg := h.log(1 << 20)
	var reason atomic.Pointer[error]
	lg.gate = func(context.Context, int) error { return *reason.Load() }
	_, addr := start(t, testConfig(), lg)
	fail := func(err error) { reason.Store(&err) }
	fail(fmt.Errorf("the archive begins at %s:12: %w", h.uuid, ErrPurged))
	r := h.replica(t, addr, "SOURCE_SSL = 0, GET_SOURCE_PUBLIC_KEY = 1")
	requireIOError(t, r, ErrPurged.Error())
	fail(errors.New("segment 17: hash mismatch"))
	require.NoError(t, r.Exec(t.Context(), "STOP REPLICA", "START REPLICA"))
	requireIOError(t, r, "segment 17: hash mismatch")
	follow(t, r, addr, "SOURCE_AUTO_POSITION = 0")
	requireIOError(t, r, "use SOURCE_AUTO_POSITION = 1")
}

func requireIOError(t *testing.T, r *lab.Server, text string) {
	t.Helper()
	var status map[string]string
	require.Eventually(t, func() bool {
		status = replicaStatus(t, r)
		return status["Last_IO_Errno"] != "0"
	}, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, "13114", status["Last_IO_Errno"], "ER_SERVER_SOURCE_FATAL_ERROR_READING_BINLOG")
	require.Contains(t, status["Last_IO_Error"], "1236")
	require.Contains(t, status["Last_IO_Error"], text)
}

// mysqlbinlog, the stock tool, makes copies that equal the server's own closed files, from position dumps and from GTID dumps.
func copyFiles(t *testing.T, h *history) {
	_, addr := start(t, testConfig(), h.log(1<<20-13))
	host, port := splitAddr(t, addr)
	tools, err := h.lab.Tools(t.Context())
	require.NoError(t, err)
	for _, way := range []string{"BINLOG-DUMP-NON-GTIDS", "BINLOG-DUMP-GTIDS"} {
		dir := t.TempDir() + "/"
		out, err := exec.CommandContext(t.Context(), tools.Mysqlbinlog, "--no-defaults", "--read-from-remote-source="+way, "--raw", "--result-file="+dir,
			"--host="+host, "--port="+port, "--user=repl", "--password=sesame", "--get-server-public-key", "--to-last-log", filepath.Base(h.files[0])).CombinedOutput()
		require.NoError(t, err, string(out))
		for _, file := range h.files[:len(h.files)-1] { // the last one is open
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			if h, err := binlog.DecodeHeader(want[binlog.FileHeaderSize:]); err == nil && h.Flags&binlog.FlagInUse != 0 {
				h.Flags &^= binlog.FlagInUse
				h.Put(want[binlog.FileHeaderSize:])
			}
			got, err := os.ReadFile(dir + filepath.Base(file))
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "%s by %s", file, way)
		}
	}
}

// cutListener's connections break after each has sent so many bytes; those after the last limit do not.
type cutListener struct {
	net.Listener
	limits []int64
	next   atomic.Int64
	made   atomic.Int64
}

func (l *cutListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if n := l.next.Add(1) - 1; int(n) < len(l.limits) {
		return &cutConn{Conn: c, left: l.limits[n], made: &l.made}, nil
	}
	return c, nil
}

type cutConn struct {
	net.Conn
	left int64
	made *atomic.Int64
}

func (c *cutConn) Write(p []byte) (int, error) {
	if c.left -= int64(len(p)); c.left < 0 {
		_, _ = c.Conn.Write(p[:int64(len(p))+c.left])
		_ = c.Close()
		c.made.Add(1)
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}
