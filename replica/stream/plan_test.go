package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/replica"
	"lastwrite/replica/node"
)

const (
	uuidA = "aaaaaaaa-0000-0000-0000-000000000001"
	uuidB = "bbbbbbbb-0000-0000-0000-000000000002"
)

func set(t *testing.T, text string) binlog.GTIDSet {
	t.Helper()
	s, err := binlog.ParseGTIDSet(text)
	require.NoError(t, err)
	return s
}

// Where to begin, for each thing that can have happened to the source in the meantime.
func TestPlan(t *testing.T) {
	source := facts{
		identity: node.Identity{UUID: uuidA},
		logs:     []node.Log{{Name: "b.000003", Size: 1000}, {Name: "b.000004", Size: 500}},
		executed: set(t, uuidA+":1-100"), purged: set(t, uuidA+":1-40"),
	}
	cursor := func(server, file string, offset uint64, executed string) binlog.Cursor {
		return binlog.Cursor{Server: server, Position: binlog.Position{File: file, Offset: offset}, Executed: set(t, executed), Known: executed != ""}
	}
	at := func(file string, offset uint64) start { return start{at: binlog.Position{File: file, Offset: offset}} }
	for _, c := range []struct {
		name      string
		at        binlog.Cursor
		from      From
		acceptGap bool
		want      start
		err       error
	}{
		{"nothing yet, oldest", binlog.Cursor{}, FromOldest, false, at("b.000003", 4), nil},
		{"nothing yet, current", binlog.Cursor{}, FromCurrent, false, at("b.000004", 4), nil},
		{"where it was", cursor(uuidA, "b.000003", 700, uuidA+":1-60"), FromOldest, false, at("b.000003", 700), nil},
		{"where it was, set unknown", cursor(uuidA, "b.000004", 4, ""), FromOldest, false, at("b.000004", 4), nil},
		{"at the very end", cursor(uuidA, "b.000004", 500, uuidA+":1-100"), FromOldest, false, at("b.000004", 500), nil},
		{"file purged, nothing missing", cursor(uuidA, "b.000002", 900, uuidA+":1-40"), FromOldest, false, start{have: set(t, uuidA+":1-40")}, nil},
		{"file purged, transactions too", cursor(uuidA, "b.000002", 900, uuidA+":1-30"), FromOldest, false, start{}, replica.ErrPurged},
		{"file purged, gap accepted", cursor(uuidA, "b.000002", 900, uuidA+":1-30"), FromOldest, true, start{have: set(t, uuidA+":1-40")}, nil},
		{"file purged, set unknown", cursor(uuidA, "b.000002", 900, ""), FromOldest, false, start{}, replica.ErrPurged},
		{"file not written yet", cursor(uuidA, "b.000009", 4, uuidA+":1-100"), FromOldest, false, start{}, replica.ErrAhead},
		{"file shorter than was read", cursor(uuidA, "b.000004", 501, uuidA+":1-100"), FromOldest, false, start{}, replica.ErrAhead},
		{"transactions lost", cursor(uuidA, "b.000004", 400, uuidA+":1-101"), FromOldest, false, start{}, replica.ErrAhead},
		{"another server", cursor(uuidB, "x.000009", 800, uuidA+":1-90"), FromOldest, false, start{have: set(t, uuidA+":1-90")}, nil},
		{"another server that lacks something", cursor(uuidB, "x.000009", 800, uuidA+":1-90,"+uuidB+":1"), FromOldest, false, start{}, replica.ErrAhead},
		{"another server that purged something", cursor(uuidB, "x.000009", 800, uuidA+":2-90"), FromOldest, false, start{}, replica.ErrPurged},
		{"another server, set unknown", cursor(uuidB, "x.000009", 800, ""), FromOldest, false, start{}, ErrDifferentServer},
	} {
		got, err := plan(c.at, source, c.from, c.acceptGap)
		if c.err != nil {
			require.ErrorIs(t, err, c.err, c.name)
			require.True(t, isRefusal(err), c.name)
			continue
		}
		require.NoError(t, err, c.name)
		require.Equal(t, c.want.at, got.at, c.name)
		require.True(t, c.want.have.Equal(got.have), "%s: %s", c.name, got.have)
		require.NotEmpty(t, got.reason)
	}

	_, err := plan(cursor(uuidA, "b.000002", 900, uuidA+":1-30"), source, FromOldest, false)
	var purged *PurgedError
	require.ErrorAs(t, err, &purged)
	require.Equal(t, uuidA+":31-40", purged.Missing.String())
	require.Equal(t, "b.000003", purged.Oldest)
	var ahead *AheadError
	_, err = plan(cursor(uuidA, "b.000004", 400, uuidA+":1-102"), source, FromOldest, false)
	require.ErrorAs(t, err, &ahead)
	require.Equal(t, uuidA+":101-102", ahead.Missing.String())
	_, err = plan(binlog.Cursor{}, facts{}, FromOldest, false)
	require.ErrorIs(t, err, ErrNotSource)
}

func TestLogFilesAreOrderedByNumber(t *testing.T) {
	require.True(t, later("b.1000000", "b.999999"))
	require.False(t, later("b.000001", "b.000001"))
	require.False(t, later("c.000002", "b.000001"), "another base name")
	require.False(t, later("b", "b.000001"))
}

// Damage is met twice at one place before it counts as lasting; anything else never does.
func TestLastingFaults(t *testing.T) {
	var f faults
	a, b := binlog.Position{File: "b.000001", Offset: 4}, binlog.Position{File: "b.000001", Offset: 5}
	require.False(t, f.lasting(binlog.ErrChecksum, a))
	require.False(t, f.lasting(binlog.ErrChecksum, b))
	require.False(t, f.lasting(replica.ErrUnreachable, b))
	require.True(t, f.lasting(ErrGap, b))
	for range 10 {
		require.False(t, f.lasting(replica.ErrUnreachable, a))
	}
}

func TestHeartbeatsTellTheOffset(t *testing.T) {
	for _, c := range []struct {
		hb   heartbeat
		at   uint64
		want uint64
	}{
		{heartbeat{Position: binlog.Position{Offset: 7 << 32}, wide: true}, 4, 7 << 32},
		{heartbeat{Position: binlog.Position{Offset: 500}}, 400, 500},
		{heartbeat{Position: binlog.Position{Offset: 500}}, 500, 500},
		{heartbeat{Position: binlog.Position{Offset: 500}}, 1<<32 - 1, 1<<32 + 500},
		{heartbeat{Position: binlog.Position{Offset: 500}}, 5<<32 + 400, 5<<32 + 500},
	} {
		require.Equal(t, c.want, c.hb.from(c.at))
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{ServerID: 7, UUID: uuidA, Source: node.Config{Endpoint: replica.Endpoint{Network: replica.TCP, Address: "h:1"}, User: "u"}}.WithDefaults()
	require.NoError(t, good.Validate())
	for name, change := range map[string]func(*Config){
		"no server":   func(c *Config) { c.Source.Endpoint = replica.Endpoint{} },
		"no id":       func(c *Config) { c.ServerID = 0 },
		"bad uuid":    func(c *Config) { c.UUID = "x" },
		"long name":   func(c *Config) { c.HostName = string(make([]byte, 256)) },
		"timeout":     func(c *Config) { c.ReadTimeout = 2 * c.Heartbeat },
		"backoff":     func(c *Config) { c.BackoffMin = c.BackoffMax + 1 },
		"batch":       func(c *Config) { c.BatchSize = 1000 },
		"batch count": func(c *Config) { c.BatchCount = 1 },
		"from":        func(c *Config) { c.From = "now" },
	} {
		bad := good
		change(&bad)
		require.Error(t, bad.Validate(), name)
	}
}

// A source that is alive and does not send what it has is told from one that has nothing more, and from a sink
// that takes its time.
func TestStalledSourceIsTold(t *testing.T) {
	at := func(offset uint64) binlog.Position { return binlog.Position{File: "b.000002", Offset: offset} }
	next := binlog.Position{File: "b.000003", Offset: 4}
	t0 := time.Unix(1, 0)
	t1 := t0.Add(time.Second)
	for _, c := range []struct {
		name      string
		last, now look
		stalled   bool
	}{
		{"first look", look{}, look{at(500), t1, at(900)}, false},
		{"idle", look{at(500), t0, at(500)}, look{at(500), t1, at(500)}, false},
		{"moving", look{at(500), t0, at(900)}, look{at(600), t1, at(900)}, false},
		{"just written", look{at(500), t0, at(500)}, look{at(500), t1, at(900)}, false},
		{"slow sink", look{at(500), t0, at(900)}, look{at(500), t0, at(900)}, false},
		{"stalled", look{at(500), t0, at(900)}, look{at(500), t1, at(900)}, true},
		{"stalled before the next file", look{at(500), t0, next}, look{at(500), t1, next}, true},
	} {
		require.Equal(t, c.stalled, c.last.stalledUntil(c.now), c.name)
	}
	require.True(t, behind(at(499), at(500)))
	require.True(t, behind(at(500), next))
	require.False(t, behind(next, at(500)))
	require.False(t, behind(at(500), at(500)))
}
