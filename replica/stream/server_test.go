package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/integration/lab"
	"lastwrite/replica"
	"lastwrite/replica/node"
)

// start1 starts one server. Tests that do run side by side.
func start1(t *testing.T, opts lab.Options) *lab.Server {
	t.Helper()
	t.Parallel()
	s, err := lab.New(t).MySQL(t.Context(), opts)
	require.NoError(t, err)
	return s
}

// everything is a log with all kinds of transactions in it.
func everything(t *testing.T, s *lab.Server) {
	t.Helper()
	require.NoError(t, s.Exec(t.Context(),
		"CREATE DATABASE shop", "USE shop",
		"CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT)",
		"INSERT INTO t (v) VALUES ('a'), ('b')",
		"UPDATE t SET v = 'c'", "DELETE FROM t WHERE id = 1",
		"CREATE TABLE u AS SELECT * FROM t",
		"XA START 'x'", "INSERT INTO t (v) VALUES ('xa')", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'",
		"XA START 'y'", "INSERT INTO t (v) VALUES ('xa')", "XA END 'y'", "XA COMMIT 'y' ONE PHASE",
		"SET SESSION binlog_rows_query_log_events = ON", "INSERT INTO t (v) VALUES ('with its text')",
		"SET SESSION binlog_transaction_compression = ON",
		"INSERT INTO t (v) SELECT REPEAT('z', 100000) FROM t", "BEGIN", "INSERT INTO t (v) VALUES ('1')", "INSERT INTO u VALUES (9, '2')", "COMMIT",
		"SET SESSION binlog_transaction_compression = OFF",
		"FLUSH BINARY LOGS",
		"SET gtid_next = 'aaaaaaaa-0000-0000-0000-000000000001:17'", "DROP TABLE u", "SET gtid_next = AUTOMATIC",
		"ANALYZE TABLE t", "CREATE USER somebody IDENTIFIED BY 'Secret-1'", "TRUNCATE t",
	))
}

// The log of a server at work, with events larger than a packet, a rotation and a restart in it, comes out
// byte for byte. Meanwhile the server shows us among its replicas, once.
func TestServersFilesAreReadByteForByte(t *testing.T) {
	s := start1(t, lab.Options{Extra: []string{"--max-allowed-packet=256M"}})
	sink := newRecorder(t)
	cfg := testConfig(t, s, lab.LastwriteUser)
	cfg.CheckEvery = 10 * time.Second // writing 40 MiB takes its time
	st := run(t, cfg, sink)
	everything(t, s)
	require.NoError(t, s.Exec(t.Context(), "INSERT INTO shop.t (v) VALUES (REPEAT('L', 40 << 20))", "INSERT INTO shop.t (v) VALUES ('after')"))
	caughtUp(t, sink, s)
	require.Greater(t, sink.pieces, 100, "the large row came in pieces")

	n, err := node.Open(t.Context(), cfg.Source)
	require.NoError(t, err)
	defer n.Close()
	seen, err := n.Replicas(t.Context())
	require.NoError(t, err)
	require.Equal(t, []replica.Connected{{ServerID: cfg.ServerID, Host: "lastwrite@test", UUID: cfg.UUID}}, seen)
	state := st.State()
	require.Equal(t, Streaming, state.Phase)
	require.Equal(t, 1, state.Sessions)
	require.Equal(t, n.Identity(), state.Source)
	require.Greater(t, state.Bytes, uint64(40<<20))
	require.Equal(t, sink.at().Position, state.Received)

	require.NoError(t, s.Stop(t.Context()))
	require.NoError(t, s.Start(t.Context()))
	require.NoError(t, s.Exec(t.Context(), "INSERT INTO shop.t (v) VALUES ('restarted')"))
	caughtUp(t, sink, s)
	sameFiles(t, sink, s)
	st.stop(t)
}

var errNoDump = errors.New("there is no dump")

// impatient bounds a statement by 5 s. A dump thread that is killed while it writes seems, in MySQL 9.7.4, to write its last bytes into
// the socket of a client that is just connecting, perhaps given the same descriptor: a TLS record where the login's answer should be,
// which that client waits for ever to read in full (seen once).
func impatient(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return do(ctx)
}

// Under load, with the dump thread killed again and again, nothing is lost and nothing comes twice; the source is left with
// one dump for us.
func TestKilledDumpsAreResumed(t *testing.T) {
	for name, narrow := range map[string]uint64{"32 bit offsets": 1 << 32, "64 bit offsets": 0} {
		t.Run(name, func(t *testing.T) {
			s := start1(t, lab.Options{Extra: []string{"--max-binlog-size=65536", "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0"}})
			ctx := t.Context()
			require.NoError(t, s.Exec(ctx, "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT)"))
			sink := newRecorder(t)
			str, err := New(testConfig(t, s, lab.LastwriteUser), zerolog.Nop(), nil)
			require.NoError(t, err)
			str.narrow = narrow
			st := runStream(t, str, sink)
			var load sync.WaitGroup
			for range 2 {
				load.Go(func() {
					for i := range 150 {
						insert := fmt.Sprintf("INSERT INTO shop.t (v) VALUES (REPEAT('x', %d))", (i*7919)%100000)
						for impatient(ctx, func(ctx context.Context) error { return s.Exec(ctx, insert) }) != nil && ctx.Err() == nil {
						}
					}
				})
			}
			for kills := 0; kills < 15; {
				err := impatient(ctx, func(ctx context.Context) error {
					id, err := s.Value(ctx, "SELECT COALESCE(MAX(id), 0) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'")
					if err != nil || id == "0" {
						return errors.Join(err, errNoDump)
					}
					return s.Exec(ctx, "KILL "+id)
				})
				require.NoError(t, ctx.Err())
				if err == nil {
					kills++
				}
			}
			load.Wait()
			caughtUp(t, sink, s)
			sameFiles(t, sink, s)
			require.GreaterOrEqual(t, st.State().Sessions, 10)
			require.Eventually(t, func() bool {
				n, err := s.Value(ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'")
				return err == nil && n == "1"
			}, limit, 10*time.Millisecond)
			st.stop(t)
		})
	}
}

// A dump whose client vanished without a word is ended by the source when we come back, because we come back with the same UUID.
func TestAbandonedDumpIsEndedByTheSource(t *testing.T) {
	s := start1(t, lab.Options{})
	cfg := testConfig(t, s, lab.LastwriteUser).WithDefaults()
	n, err := node.Open(t.Context(), cfg.Source)
	require.NoError(t, err)
	defer n.Close()
	logs, err := n.BinaryLogs(t.Context())
	require.NoError(t, err)
	from := start{at: binlog.Position{File: logs[0].Name, Offset: 4}}
	for range 3 {
		dump, err := dumpCommand(from, cfg.ServerID, 1<<32)
		require.NoError(t, err)
		l, err := open(t.Context(), cfg, n.Identity(), false, dump)
		require.NoError(t, err)
		t.Cleanup(l.close) // not before the end
	}
	require.Eventually(t, func() bool {
		n, err := s.Value(t.Context(), "SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'")
		return err == nil && n == "1"
	}, limit, 10*time.Millisecond)
}

// A frozen server is noticed by its silence, and followed again when it goes on. Idle, it keeps us content by heartbeats.
func TestSilenceIsNoticed(t *testing.T) {
	s := start1(t, lab.Options{})
	cfg := testConfig(t, s, lab.LastwriteUser)
	cfg.Heartbeat, cfg.ReadTimeout = 50*time.Millisecond, time.Second
	sink := newRecorder(t)
	st := run(t, cfg, sink)
	caughtUp(t, sink, s)
	require.Eventually(t, func() bool { return st.State().HeardAt.Sub(st.State().ReceivedAt) > 2*time.Second }, limit, 10*time.Millisecond)
	require.Equal(t, 1, st.State().Sessions, "an idle source is not given up")
	require.NoError(t, s.Freeze())
	require.Eventually(t, func() bool { return st.State().LastFault != nil }, limit, 10*time.Millisecond)
	require.ErrorIs(t, st.State().LastFault, replica.ErrUnreachable)
	require.NoError(t, s.Thaw())
	require.NoError(t, s.Exec(t.Context(), "CREATE DATABASE shop"))
	caughtUp(t, sink, s)
	st.stop(t)
}

// The end of the context interrupts a read that waits for nothing at once, and the source is rid of us.
func TestStopIsImmediate(t *testing.T) {
	s := start1(t, lab.Options{})
	cfg := testConfig(t, s, lab.LastwriteUser)
	cfg.Heartbeat, cfg.ReadTimeout = time.Hour, 3*time.Hour
	sink := newRecorder(t)
	st := run(t, cfg, sink)
	require.Eventually(t, func() bool { return sink.at().Offset > 4 }, limit, time.Millisecond)
	began := time.Now()
	st.stop(t)
	require.Less(t, time.Since(began), time.Second)
	require.Equal(t, Stopped, st.State().Phase)
}

// The log is read over every kind of connection. Each account logs in for the first time, so that the password itself is asked for.
func TestKindsOfConnection(t *testing.T) {
	s := start1(t, lab.Options{TLS: true})
	users := 0
	for name, c := range map[string]struct {
		address string
		tls     node.TLS
	}{
		"plain TCP, RSA":   {s.Addr(), node.TLS{Mode: node.TLSDisabled}},
		"unix":             {s.Socket, node.TLS{}},
		"unix, encrypted":  {s.Socket, node.TLS{Mode: node.TLSVerifyIdentity, CA: s.TLS.CA, ServerName: "localhost"}},
		"preferred":        {s.Addr(), node.TLS{}},
		"verified":         {s.Addr(), node.TLS{Mode: node.TLSVerifyIdentity, CA: s.TLS.CA}},
		"with certificate": {s.Addr(), node.TLS{Mode: node.TLSVerifyCA, CA: s.TLS.CA, Cert: s.TLS.ClientCert, Key: s.TLS.ClientKey}},
	} {
		users++
		user := fmt.Sprintf("u%d", users)
		require.NoError(t, s.CreateUser(t.Context(), user, lab.Password, "REPLICATION SLAVE, REPLICATION CLIENT ON *.*"))
		cfg := testConfig(t, s, user).WithDefaults()
		var err error
		cfg.Source.Endpoint, err = replica.ParseEndpoint(c.address)
		require.NoError(t, err)
		cfg.Source.TLS = c.tls

		// The SQL connection comes first otherwise, and leaves the password in the server's cache.
		raw, err := cfg.Source.Dial(t.Context())
		require.NoError(t, err)
		conn, err := login(t.Context(), cfg, raw, c.tls.Mode != node.TLSDisabled && name != "unix")
		require.NoError(t, err, name)
		_ = conn.Quit() // the server may hang up before TLS has said goodbye

		sink := newRecorder(t)
		st := run(t, cfg, sink)
		require.Eventually(t, func() bool { return sink.at().Offset > 4 }, limit, 5*time.Millisecond, name)
		st.stop(t)
	}
}

// Without checksums the log is read too, and the lack of them is reported.
func TestLogWithoutChecksums(t *testing.T) {
	s := start1(t, lab.Options{Extra: []string{"--binlog-checksum=NONE"}})
	require.NoError(t, s.Exec(t.Context(), "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, v LONGTEXT)"))
	sink := newRecorder(t)
	cfg := testConfig(t, s, lab.LastwriteUser)
	st := run(t, cfg, sink)
	caughtUp(t, sink, s)
	st.stop(t)
	require.NoError(t, s.Exec(t.Context(), "INSERT INTO shop.t VALUES (1, REPEAT('x', 1000000))"))
	st = run(t, cfg, sink) // in the middle of the file
	caughtUp(t, sink, s)
	require.NoError(t, s.Exec(t.Context(), "SET GLOBAL binlog_checksum = CRC32", "INSERT INTO shop.t VALUES (2, 'y')"))
	caughtUp(t, sink, s)
	require.NoError(t, s.Exec(t.Context(), "SET GLOBAL binlog_checksum = NONE", "INSERT INTO shop.t VALUES (3, 'y')"))
	caughtUp(t, sink, s)
	sameFiles(t, sink, s)
	var about []string
	for _, f := range st.State().Findings {
		about = append(about, f.Setting)
	}
	require.Contains(t, about, "binlog_checksum")
	st.stop(t)
}

// What waiting does not mend ends the stream, with an error that tells it.
func TestRefusals(t *testing.T) {
	s := start1(t, lab.Options{})
	require.NoError(t, s.CreateUser(t.Context(), "nobody", lab.Password))
	good := testConfig(t, s, lab.LastwriteUser)
	for want, change := range map[error]func(*Config){
		replica.ErrAccessDenied: func(c *Config) { c.Source.Password = "wrong" },
		replica.ErrPrivilege:    func(c *Config) { c.Source.User = "nobody" },
		replica.ErrTLS:          func(c *Config) { c.Source.TLS = node.TLS{Mode: node.TLSVerifyIdentity} },
		ErrServerID:             func(c *Config) { c.ServerID = s.ServerID },
	} {
		cfg := good
		change(&cfg)
		st := run(t, cfg, newRecorder(t))
		require.ErrorIs(t, <-st.done, want)
		require.Equal(t, Stopped, st.State().Phase)
	}

	broken := newRecorder(t)
	broken.fail = errors.New("no space left")
	st := run(t, good, broken)
	err := <-st.done
	require.ErrorIs(t, err, ErrSink)
	require.ErrorIs(t, err, broken.fail)

	lost := good
	lost.Source.Endpoint.Address = "127.0.0.1:1"
	st = run(t, lost, newRecorder(t))
	require.Eventually(t, func() bool { return st.State().Phase == Waiting }, limit, time.Millisecond)
	require.ErrorIs(t, st.State().LastFault, replica.ErrUnreachable)
	st.stop(t)
}

func TestUnfitSourceIsRefused(t *testing.T) {
	s := start1(t, lab.Options{Extra: []string{"--gtid-mode=OFF"}})
	st := run(t, testConfig(t, s, lab.LastwriteUser), newRecorder(t))
	err := <-st.done
	require.ErrorIs(t, err, ErrNotSource)
	require.ErrorContains(t, err, "gtid_mode")
}

// A sink that fails while events flow ends the stream, and all batches are given back.
func TestFailingSinkEndsTheStream(t *testing.T) {
	s := start1(t, lab.Options{})
	everything(t, s)
	sink := &brittle{recorder: newRecorder(t), after: 1}
	st := run(t, testConfig(t, s, lab.LastwriteUser), sink)
	require.ErrorIs(t, <-st.done, ErrSink)
	for range st.cfg.BatchCount {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		_, err := st.pool.Get(ctx)
		require.NoError(t, err)
	}
}

// brittle fails after a number of batches.
type brittle struct {
	*recorder
	after int
}

func (b *brittle) Write(ctx context.Context, batch *binlog.Batch) error {
	if b.after--; b.after < 0 {
		batch.Release()
		return errors.New("worn out")
	}
	return b.recorder.Write(ctx, batch)
}
