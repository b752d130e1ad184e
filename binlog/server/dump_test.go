package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/packet"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

// dumped returns the events that a client gets which does not wait.
func dumped(t *testing.T, c *client.Conn) [][]byte {
	t.Helper()
	command(t, c, mysql.COM_BINLOG_DUMP_GTID, dumpCommand(t, dumpNonBlock, binlog.GTIDSet{}))
	got := events(t, c)
	require.NoError(t, c.Ping(), "the connection can be used further")
	return got
}

// failure returns the text of the error packet at the end of a dump.
func failure(t *testing.T, c *client.Conn) string {
	t.Helper()
	command(t, c, mysql.COM_BINLOG_DUMP_GTID, dumpCommand(t, 0, binlog.GTIDSet{}))
	return errorPacket(t, c.ReadPacket)
}

func errorPacket(t *testing.T, read func() ([]byte, error)) string {
	t.Helper()
	for {
		p, err := read()
		require.NoError(t, err)
		if p[0] == 0xff {
			require.Equal(t, []byte{0xff, 0xd4, 0x04}, p[:3], "error 1236")
			require.Equal(t, "#HY000", string(p[3:9]))
			return string(p[9:])
		}
		require.Zero(t, p[0])
	}
}

// Events around the limit of one packet arrive whole, whether they come in one piece or in many, and wherever those are cut.
func TestEventsOfEverySize(t *testing.T) {
	lg := &memLog{}
	_, addr := start(t, testConfig(), lg)
	c := aware(t, addr)
	for _, size := range []int{packetLimit - 2, packetLimit - 1, packetLimit, 2*packetLimit - 1} {
		b := fileBatch(t, "binlog.000001", size)
		want := b.Events[0].Raw
		for name, batches := range map[string][]*binlog.Batch{
			"whole":               {b},
			"in odd pieces":       cut(b, 25, 1000, packetLimit-9, size-6),
			"within the checksum": cut(b, 100_000, size-4, size-3, size-1),
		} {
			lg.batches = batches
			got := dumped(t, c)
			require.Len(t, got, 3, "ROTATE, format description, event")
			require.True(t, bytes.Equal(want, got[2]), "%d bytes %s", size, name)
		}
	}
}

// A gap is announced by a heartbeat that bears the position after it; a new file by an artificial ROTATE.
func TestGapsAndFiles(t *testing.T) {
	first, second := fileBatch(t, "binlog.000001", 50, 60, 70), fileBatch(t, "binlog.000007", 80)
	first.Events = append(first.Events[:1:1], first.Events[2])
	_, addr := start(t, testConfig(), &memLog{batches: []*binlog.Batch{first, second}})
	got := dumped(t, aware(t, addr))
	var types []binlog.EventType
	for _, raw := range got {
		h, err := binlog.DecodeHeader(raw)
		require.NoError(t, err)
		require.Equal(t, int(h.Size), len(raw))
		require.NoError(t, binlog.VerifyChecksum(raw))
		types = append(types, h.Type)
	}
	require.Equal(t, []binlog.EventType{
		binlog.TypeRotate, binlog.TypeFormatDescription, binlog.TypeXid, binlog.TypeHeartbeat, binlog.TypeXid,
		binlog.TypeRotate, binlog.TypeFormatDescription, binlog.TypeXid,
	}, types)
	beat, err := binlog.DecodeHeader(got[3])
	require.NoError(t, err)
	require.Equal(t, uint32(first.Events[1].Start), beat.NextPos)
	require.Equal(t, uint32(testID), beat.ServerID)
	next, err := binlog.DecodeRotate(got[5][binlog.HeaderSize : len(got[5])-binlog.ChecksumSize])
	require.NoError(t, err)
	require.Equal(t, binlog.Position{File: "binlog.000007", Offset: 4}, next)
}

// The made-up events before the first format description event bear a checksum if the client wants one, those after it if the file's do.
func TestChecksumOfMadeUpEvents(t *testing.T) {
	plain := fileBatch(t, "binlog.000002", 50)
	plain.Format = testFormat(t, false)
	_, addr := start(t, testConfig(), &memLog{batches: []*binlog.Batch{fileBatch(t, "binlog.000001", 50), plain, fileBatch(t, "binlog.000003", 50)}})
	for asked, want := range map[string][]bool{"'CRC32'": {true, true, false}, "'NONE'": {false, true, false}, "@@global.binlog_checksum": {true, true, false}} {
		c := connect(t, addr, "repl", "sesame", nil)
		_, err := c.Execute("SET @master_binlog_checksum = " + asked + ", @source_binlog_checksum = " + asked)
		require.NoError(t, err)
		command(t, c, mysql.COM_BINLOG_DUMP_GTID, dumpCommand(t, dumpNonBlock, binlog.GTIDSet{}))
		var got []bool
		for _, raw := range events(t, c) {
			if binlog.EventType(raw[4]) == binlog.TypeRotate {
				got = append(got, binlog.VerifyChecksum(raw) == nil)
			}
		}
		require.Equal(t, want, got, asked)
	}
}

// What must not be sent is refused with error 1236 and a reason.
func TestRefusals(t *testing.T) {
	good := func() *binlog.Batch { return fileBatch(t, "binlog.000001", 50, 60) }
	corrupt := good()
	corrupt.Events[1].Raw[30] ^= 1
	back := good()
	back.Events[1].Start = 20
	hole := cut(fileBatch(t, "binlog.000001", 5000), 1000, 2000)
	bare := good()
	bare.Format = nil
	lg := &memLog{}
	_, addr := start(t, testConfig(), lg)
	c := aware(t, addr)
	for want, bad := range map[string]memLog{
		"binlog event checksum mismatch":                        {batches: []*binlog.Batch{corrupt}},
		"goes back from":                                        {batches: []*binlog.Batch{back}},
		"a piece of the event at 127 is missing":                {batches: hole[1:2]},
		"without its format description event":                  {batches: []*binlog.Batch{bare}},
		"cannot read the log: the disk is on fire":              {batches: []*binlog.Batch{good()}, err: errors.New("the disk is on fire")},
		"cannot open the log: transactions that the replica la": {open: ErrPurged},
	} {
		*lg = bad
		require.Contains(t, failure(t, c), want)
	}
}

// A large event that turns out to be wrong, or to be incomplete, never arrives whole: the connection is cut.
func TestLargeEventIsCutWhenWrong(t *testing.T) {
	corrupt := cut(fileBatch(t, "binlog.000001", 5000), 1000, 2000)
	corrupt[1].Events[0].Raw[5] ^= 1
	for name, batches := range map[string][]*binlog.Batch{
		"corrupt":    corrupt,
		"incomplete": cut(fileBatch(t, "binlog.000001", 5000), 1000, 2000)[:2],
	} {
		_, addr := start(t, testConfig(), &memLog{batches: batches})
		c := aware(t, addr)
		command(t, c, mysql.COM_BINLOG_DUMP_GTID, dumpCommand(t, 0, binlog.GTIDSet{}))
		for range 2 {
			_, err := c.ReadPacket()
			require.NoError(t, err)
		}
		_, err := c.ReadPacket()
		require.Error(t, err, name)
	}
}

// While the log has nothing to give, there is a heartbeat in every period, also before the first file is known; and one connection
// that ends takes its goroutines with it.
func TestHeartbeatsWhileIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		d := &dump{
			out: newPacketWriter(here, 1024), note: &progress{}, count: &counters{}, log: zerolog.Nop(),
			make: maker{serverID: testID, newBeats: true, checksum: true}, aware: true, every: 10 * time.Second,
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.run(ctx, &memLog{wait: true}) }()
		began := time.Now()
		c := packet.NewConn(there)
		c.Sequence = 1
		read := func() binlog.EventType {
			p, err := c.ReadPacket()
			require.NoError(t, err)
			require.NoError(t, binlog.VerifyChecksum(p[1:]))
			return binlog.EventType(p[5])
		}
		require.Equal(t, binlog.TypeRotate, read())
		for range 3 {
			require.Equal(t, binlog.TypeHeartbeatV2, read())
		}
		require.Equal(t, 30*time.Second, time.Since(began))
		cancel(errGone)
		require.ErrorIs(t, <-ended, errGone)
		require.Equal(t, uint64(3), d.count.heartbeats.Load())
	})
}

// A stored ROTATE event takes the replica to the next file; heartbeats that come before that file's first event speak of it.
func TestHeartbeatBetweenFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		b := fileBatch(t, "binlog.000001", 50)
		m := maker{checksum: true, serverID: 5}
		rotate := m.event(binlog.Header{Type: binlog.TypeRotate}, append([]byte{4, 0, 0, 0, 0, 0, 0, 0}, "binlog.000002"...))
		h, err := binlog.DecodeHeader(rotate)
		require.NoError(t, err)
		b.Events = append(b.Events, binlog.Event{Header: h, Start: b.Events[0].End(), Raw: rotate})
		d := &dump{
			out: newPacketWriter(here, 1024), note: &progress{}, count: &counters{}, log: zerolog.Nop(), aware: true, every: time.Second,
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.run(ctx, &memLog{batches: []*binlog.Batch{b}, wait: true}) }()
		c := packet.NewConn(there)
		c.Sequence = 1
		var last []byte
		for range 5 { // ROTATE, format description, Xid, ROTATE, heartbeat
			last, err = c.ReadPacket()
			require.NoError(t, err)
		}
		beat, err := binlog.DecodeHeader(last[1:])
		require.NoError(t, err)
		require.Equal(t, binlog.TypeHeartbeat, beat.Type)
		require.Equal(t, uint32(4), beat.NextPos)
		require.Equal(t, "binlog.000002", string(last[1+binlog.HeaderSize:len(last)-binlog.ChecksumSize]))
		cancel(errGone)
		require.ErrorIs(t, <-ended, errGone)
	})
}

// Heartbeats tell 64-bit positions where that is possible, and else nothing wrong.
func TestHeartbeatPositions(t *testing.T) {
	const far = 5 << 30
	newer := (&maker{newBeats: true}).heartbeat("binlog.000001", far)
	require.Equal(t, append(append([]byte{1, 13}, "binlog.000001"...), 2, 9, 254, 0, 0, 0, 64, 1, 0, 0, 0, 0), newer[binlog.HeaderSize:])
	h, err := binlog.DecodeHeader((&maker{}).heartbeat("binlog.000001", far))
	require.NoError(t, err)
	require.Equal(t, uint32(4), h.NextPos)
	require.Equal(t, binlog.TypeHeartbeat, h.Type)
	for v, want := range map[uint64][]byte{250: {250}, 251: {252, 251, 0}, 1 << 16: {253, 0, 0, 1}, 1 << 24: {254, 0, 0, 0, 1, 0, 0, 0, 0}} {
		require.Equal(t, want, appendLenenc(nil, v))
	}
}

// A format description event that came from a file in use, or from the middle of a file, is made whole.
func TestFirstEventOfFile(t *testing.T) {
	f := testFormat(t, true)
	raw, err := firstEvent(f, false)
	require.NoError(t, err)
	require.Equal(t, f.Raw, raw)
	odd := &binlog.Format{Raw: bytes.Clone(f.Raw)}
	h, err := binlog.DecodeHeader(odd.Raw)
	require.NoError(t, err)
	h.NextPos, h.Flags = 0, binlog.FlagInUse|binlog.FlagArtificial
	h.Put(odd.Raw)
	raw, err = firstEvent(odd, false)
	require.NoError(t, err)
	require.Equal(t, f.Raw, raw)
	raw, err = firstEvent(f, true)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0, 0, 0}, raw[createdAt:createdAt+4])
	require.NoError(t, binlog.VerifyChecksum(raw))
	_, err = firstEvent(&binlog.Format{Raw: f.Raw[:40]}, false)
	require.ErrorIs(t, err, binlog.ErrMalformed)
}

// The packet writer refuses payloads of another length than announced.
func TestPacketLengthIsKept(t *testing.T) {
	p := newPacketWriter(io.Discard, minBuffer)
	require.NoError(t, p.begin(3))
	require.ErrorIs(t, p.write([]byte("four")), errPayload)
	require.ErrorIs(t, p.begin(1), errPayload)
	require.NoError(t, p.write([]byte("333")))
	require.NoError(t, p.begin(1))
}
