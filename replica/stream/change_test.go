package stream

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
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

// cutter is a proxy before a server that ends each connection after so many bytes from the server.
func cutter(t *testing.T, upstream string, bytes int) *toxiproxy.Proxy {
	t.Helper()
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "source", "127.0.0.1:0", upstream)
	require.NoError(t, p.Start())
	t.Cleanup(p.Stop)
	_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name": "cut", "type": "limit_data", "attributes": {"bytes": %d}}`, bytes)))
	require.NoError(t, err)
	return p
}

// The link is cut at any byte, in the middle of packets, headers and events, and what comes out is whole.
func TestLinkCutAnywhere(t *testing.T) {
	s := start1(t, lab.Options{})
	everything(t, s)
	require.NoError(t, s.Exec(t.Context(), "INSERT INTO shop.t (v) VALUES (REPEAT('L', 3 << 20))", "DELETE FROM shop.t"))
	const enoughToAsk = 20 << 10 // the SQL connection goes through the proxy too
	p := cutter(t, s.Addr(), enoughToAsk)
	cfg := testConfig(t, s, lab.LastwriteUser)
	cfg.Source.Endpoint.Address = p.Listen
	cfg.BackoffMin, cfg.BackoffMax = time.Millisecond, 5*time.Millisecond
	random := rand.New(rand.NewPCG(1, 2))
	sink := newRecorder(t)
	str, err := New(cfg, zerolog.Nop(), func(state State) {
		if state.Phase != Waiting {
			return
		}
		limit := enoughToAsk + random.IntN(1<<(10+random.IntN(14)))
		_, err := p.Toxics.UpdateToxicJson("cut", strings.NewReader(fmt.Sprintf(`{"attributes": {"bytes": %d}}`, limit)))
		require.NoError(t, err)
	})
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
	noise := make(chan int, 12)
	for range cap(noise) {
		noise <- 4000 + random.IntN(1<<20)
	}
	cfg := testConfig(t, s, lab.LastwriteUser)
	cfg.Source.Endpoint.Address, cfg.Source.TLS.Mode = noisy(t, s.Addr(), noise), node.TLSDisabled
	cfg.Heartbeat, cfg.ReadTimeout, cfg.BackoffMin, cfg.BackoffMax = 100*time.Millisecond, 400*time.Millisecond, time.Millisecond, 5*time.Millisecond
	sink := newRecorder(t)
	st := run(t, cfg, sink)
	caughtUp(t, sink, s)
	sameFiles(t, sink, s)
	require.Error(t, st.State().LastFault)
	st.stop(t)
}

// noisy is a proxy before a server that flips, on each connection, one bit of the byte from the server whose number it
// takes from noise. When noise has run out it is quiet.
func noisy(t *testing.T, upstream string, noise <-chan int) (address string) {
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
			flip := -1
			select {
			case flip = <-noise:
			default:
			}
			g.Go(func() { _, _ = io.Copy(up, down); _ = up.Close() })
			g.Go(func() { _, _ = io.Copy(&flipper{down, flip}, up); _ = down.Close() })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); g.Wait() })
	return listener.Addr().String()
}

// flipper flips a bit of the byte that comes after so many others.
type flipper struct {
	net.Conn
	after int
}

func (f *flipper) Write(b []byte) (int, error) {
	if f.after >= 0 && f.after < len(b) {
		b[f.after] ^= 0x10
	}
	f.after -= len(b)
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
