package stream

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/replica"
	"lastwrite/replica/node"
)

// Purged files that hold nothing we lack are stepped over; those that hold something end the stream with the facts, or are
// stepped over where a gap is accepted.
func TestPurgedLog(t *testing.T) {
	s := start1(t, lab.Options{})
	ctx := t.Context()
	require.NoError(t, s.Exec(ctx, "CREATE DATABASE a"))
	sink := newRecorder(t)
	cfg := testConfig(t, s, lab.LastwriteUser)
	st := run(t, cfg, sink)
	caughtUp(t, sink, s)
	st.stop(t)
	require.NoError(t, s.Exec(ctx, "FLUSH BINARY LOGS", "FLUSH BINARY LOGS", "PURGE BINARY LOGS TO 'binlog.000003'", "CREATE DATABASE b"))
	st = run(t, cfg, sink)
	caughtUp(t, sink, s)
	sameFiles(t, sink, s)
	st.stop(t)

	require.NoError(t, s.Exec(ctx, "CREATE DATABASE c", "FLUSH BINARY LOGS", "CREATE DATABASE d", "PURGE BINARY LOGS TO 'binlog.000004'"))
	st = run(t, cfg, sink)
	err := <-st.done
	var purged *PurgedError
	require.ErrorAs(t, err, &purged)
	id, e := s.UUID(ctx)
	require.NoError(t, e)
	require.Equal(t, id+":3", purged.Missing.String())
	require.Equal(t, "binlog.000004", purged.Oldest)
	require.Equal(t, sink.at().Position, purged.Wanted)

	cfg.AcceptGap = true
	st = run(t, cfg, sink)
	caughtUp(t, sink, s)
	sameFiles(t, sink, s)
	st.stop(t)
}

// A replica that has taken its source's place is followed by GTID: it sends what we lack and nothing else.
func TestAnotherServerIsFollowedByGTID(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	old, err := l.MySQL(ctx, lab.Options{})
	require.NoError(t, err)
	fresh, err := l.Replica(ctx, old, lab.Options{})
	require.NoError(t, err)
	everything(t, old)
	set1, err := old.GTIDExecuted(ctx)
	require.NoError(t, err)
	sink := newRecorder(t)
	cfg := testConfig(t, old, lab.LastwriteUser)
	st := run(t, cfg, sink)
	caughtUp(t, sink, old)
	st.stop(t)

	require.NoError(t, fresh.WaitGTID(ctx, set1))
	require.NoError(t, fresh.Exec(ctx, "STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF",
		"CREATE DATABASE after_the_change", "FLUSH BINARY LOGS", "CREATE DATABASE later"))
	moved := testConfig(t, fresh, lab.LastwriteUser)
	moved.UUID, moved.ServerID = cfg.UUID, cfg.ServerID
	st = run(t, moved, sink) // the recorder fails the test on any transaction that comes twice
	caughtUp(t, sink, fresh)
	require.NoError(t, fresh.Exec(ctx, "CREATE DATABASE latest"))
	caughtUp(t, sink, fresh)
	st.stop(t)

	// Back to the old server, which lacks what the new one did.
	st = run(t, cfg, sink)
	var ahead *AheadError
	require.ErrorAs(t, <-st.done, &ahead)
	id, err := fresh.UUID(ctx)
	require.NoError(t, err)
	require.Equal(t, id+":1-3", ahead.Missing.String())
}

// A server that was reset does not have what was read from it.
func TestResetSourceIsRefused(t *testing.T) {
	s := start1(t, lab.Options{})
	require.NoError(t, s.Exec(t.Context(), "CREATE DATABASE a", "CREATE DATABASE b"))
	sink := newRecorder(t)
	cfg := testConfig(t, s, lab.LastwriteUser)
	st := run(t, cfg, sink)
	caughtUp(t, sink, s)
	require.NoError(t, s.Exec(t.Context(), "RESET BINARY LOGS AND GTIDS", "CREATE DATABASE c"))
	require.ErrorIs(t, <-st.done, replica.ErrAhead)
}

// The link is cut at any byte, in the middle of packets, headers and events, and what comes out is whole.
func TestLinkCutAnywhere(t *testing.T) {
	s := start1(t, lab.Options{})
	everything(t, s)
	require.NoError(t, s.Exec(t.Context(), "INSERT INTO shop.t (v) VALUES (REPEAT('L', 3 << 20))", "DELETE FROM shop.t"))
	random := rand.New(rand.NewPCG(1, 2))
	faults := make(chan mischief, 60) // each session takes two: it makes two connections
	for range cap(faults) {
		faults <- mischief{cut: 9000 + random.IntN(1<<(10+random.IntN(13)))}
	}
	cfg := testConfig(t, s, lab.LastwriteUser)
	cfg.Source.Endpoint.Address = proxy(t, s.Addr(), faults)
	cfg.BackoffMin, cfg.BackoffMax = time.Millisecond, 5*time.Millisecond
	sink := newRecorder(t)
	str, err := New(cfg, zerolog.Nop(), nil)
	require.NoError(t, err)
	st := runStream(t, str, sink)
	caughtUp(t, sink, s)
	sameFiles(t, sink, s)
	require.Greater(t, st.State().Sessions, 3)
	st.stop(t)
}

// Bits that flip on the way are noticed, and what they hit is read again.
func TestFlippedBitsAreReadAgain(t *testing.T) {
	s := start1(t, lab.Options{})
	everything(t, s)
	require.NoError(t, s.Exec(t.Context(), "USE shop", "INSERT INTO t (v) VALUES ('a')", "INSERT INTO t (v) SELECT REPEAT('x', 30000) FROM t a, information_schema.collations LIMIT 50"))
	random := rand.New(rand.NewPCG(3, 4))
	faults := make(chan mischief, 12)
	for range cap(faults) {
		faults <- mischief{flip: 4000 + random.IntN(1<<20)}
	}
	cfg := testConfig(t, s, lab.LastwriteUser)
	cfg.Source.Endpoint.Address, cfg.Source.TLS.Mode = proxy(t, s.Addr(), faults), node.TLSDisabled
	cfg.Heartbeat, cfg.ReadTimeout, cfg.BackoffMin, cfg.BackoffMax = 100*time.Millisecond, 400*time.Millisecond, time.Millisecond, 5*time.Millisecond
	sink := newRecorder(t)
	st := run(t, cfg, sink)
	caughtUp(t, sink, s)
	sameFiles(t, sink, s)
	require.Error(t, st.State().LastFault)
	st.stop(t)
}

// mischief is what happens to the bytes that come from a server on one connection. 0 means never.
type mischief struct {
	cut  int // the connection ends after so many
	flip int // a bit of this one flips
}

// proxy stands before a server. Each connection takes a mischief, until there are no more.
func proxy(t *testing.T, upstream string, faults <-chan mischief) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var g sync.WaitGroup
	g.Go(func() {
		for {
			down, err := listener.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", upstream)
			if err != nil {
				_ = down.Close()
				continue
			}
			link := &faultyConn{Conn: down}
			select {
			case link.mischief = <-faults:
			default:
			}
			g.Go(func() { _, _ = io.Copy(up, down); _ = up.Close() })
			g.Go(func() { _, _ = io.Copy(link, up); _ = down.Close(); _ = up.Close() })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); g.Wait() })
	return listener.Addr().String()
}

// faultyConn does to what is written to it what its mischief says.
type faultyConn struct {
	net.Conn
	mischief
	done int
}

func (f *faultyConn) Write(b []byte) (int, error) {
	if at := f.flip - f.done; f.flip > 0 && at >= 0 && at < len(b) {
		b[at] ^= 0x10
	}
	if left := f.cut - f.done; f.cut > 0 && left < len(b) {
		_, _ = f.Conn.Write(b[:max(0, left)])
		return 0, io.ErrClosedPipe
	}
	f.done += len(b)
	return f.Conn.Write(b)
}

// A place that is none ends the stream instead of being tried for ever.
func TestWrongPlaceIsRefused(t *testing.T) {
	s := start1(t, lab.Options{})
	everything(t, s)
	sink := newRecorder(t)
	cfg := testConfig(t, s, lab.LastwriteUser)
	st := run(t, cfg, sink)
	caughtUp(t, sink, s)
	st.stop(t)
	sink.cursor.Offset -= 7 // inside an event
	st = run(t, cfg, sink)
	err := <-st.done
	require.Error(t, err)
	require.NotZero(t, lasting(err), "%v", err)
}
