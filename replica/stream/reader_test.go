package stream

import (
	"bytes"
	"io"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/replica"
)

const testBatch = 1 << 16

// Files come out as they were written, without what the source made up.
func TestFilesAreReadByteForByte(t *testing.T) {
	for _, checksum := range []bool{true, false} {
		w := newWire()
		w.checksum = checksum
		w.rotate("b.000001", 4)
		w.format()
		w.heartbeat("b.000001", w.at)
		for n := range 300 {
			w.event(binlog.TypeQuery, n)
		}
		w.heartbeatV2("b.000001", w.at)
		w.event(binlog.TypeRotate, 20)
		w.rotate("b.000002", 4)
		w.format()
		w.event(binlog.TypePreviousGTIDs, 8)
		files, batches, err := read(t, w, fromStart(), testBatch)
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, w.files, files)
		require.Equal(t, uint64(4), batches[0].start)
	}
}

// Events of every size around the sizes of packets and batches arrive whole, in pieces no larger than a batch.
func TestLargeEventsComeInPieces(t *testing.T) {
	w := newWire()
	w.rotate("b.000001", 4)
	w.format()
	overhead := binlog.HeaderSize + binlog.ChecksumSize
	for _, size := range []int{testBatch, maxPacket - 1, 2*maxPacket - 1, 2 * testBatch} {
		for d := -6; d <= 6; d++ {
			if size > 1<<20 && (d < -1 || d > 1) {
				continue
			}
			w.event(binlog.TypeWriteRows, size-overhead+d)
			w.event(binlog.TypeXid, 8)
		}
	}
	want := w.files
	files, _, err := read(t, w, fromStart(), testBatch)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, len(want["b.000001"]), len(files["b.000001"]))
	require.True(t, bytes.Equal(want["b.000001"], files["b.000001"]))
}

// Resumed inside a file, the format is learnt but not taken for a part of the file; offsets go beyond 32 bits.
func TestOffsetsBeyond4GiB(t *testing.T) {
	at := binlog.Position{File: "b.000001", Offset: 1<<32 - 100}
	w := newWire()
	w.rotate(at.File, at.Offset)
	w.format()
	for range 5 {
		w.event(binlog.TypeQuery, 60)
	}
	w.heartbeat(at.File, w.at)
	w.heartbeatV2(at.File, w.at)
	w.event(binlog.TypeXid, 8)
	files, batches, err := read(t, w, start{at: at}, testBatch)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, w.files, files)
	require.Equal(t, at.Offset, batches[0].start)
}

// In a GTID dump a heartbeat tells that transactions were left out: a new batch begins behind them.
func TestTransactionsLeftOutBeginANewBatch(t *testing.T) {
	for _, wide := range []bool{true, false} {
		w := newWire()
		w.rotate("b.000007", 4)
		w.format()
		w.event(binlog.TypePreviousGTIDs, 8)
		head := w.at
		w.at = 1<<32 + 5000
		if !wide {
			w.at = 5000
		}
		jump := w.at
		if wide {
			w.heartbeatV2("b.000007", jump)
		} else {
			w.heartbeat("b.000007", jump)
		}
		w.event(binlog.TypeQuery, 10)
		_, batches, err := read(t, w, start{have: binlog.GTIDSet{}}, testBatch)
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, []piece{{"b.000007", 4, int(head - 4)}, {"b.000007", jump, 33}}, batches)
	}
}

// Whatever does not fit is told from a link that broke.
func TestDamageIsFound(t *testing.T) {
	begun := func() *wire {
		w := newWire()
		w.rotate("b.000001", 4)
		w.format()
		w.event(binlog.TypeQuery, 30)
		return w
	}
	for name, c := range map[string]struct {
		damage func(*wire)
		want   error
	}{
		"flipped bit":                 {func(w *wire) { w.event(binlog.TypeQuery, 30); w.Bytes()[w.Len()-10] ^= 4 }, binlog.ErrChecksum},
		"flipped bit, event in parts": {func(w *wire) { w.event(binlog.TypeQuery, 200000); w.Bytes()[w.Len()-100000] ^= 1 }, binlog.ErrChecksum},
		"event missing":               {func(w *wire) { w.at += 40; w.event(binlog.TypeQuery, 30) }, ErrGap},
		"event twice":                 {func(w *wire) { w.at -= 53; w.event(binlog.TypeQuery, 30) }, ErrGap},
		"heartbeat ahead":             {func(w *wire) { w.heartbeatV2("b.000001", w.at+1) }, ErrGap},
		"heartbeat of another file":   {func(w *wire) { w.heartbeat("b.000002", w.at) }, ErrGap},
		"file again":                  {func(w *wire) { w.rotate("b.000001", 4) }, ErrGap},
		"middle of the next file":     {func(w *wire) { w.rotate("b.000002", 5) }, ErrGap},
		"no format":                   {func(w *wire) { w.rotate("b.000002", 4); w.event(binlog.TypeQuery, 1) }, ErrProtocol},
		"packet number":               {func(w *wire) { w.seq++; w.event(binlog.TypeQuery, 1) }, ErrProtocol},
		"bytes behind the event": {func(w *wire) {
			w.packet(append([]byte{0}, append(w.raw(binlog.Header{Type: 2, NextPos: uint32(w.at) + 24}, []byte{1}), 7)...))
		}, ErrProtocol},
		"event cut short": {func(w *wire) {
			w.packet(append([]byte{0}, w.raw(binlog.Header{Type: 2, NextPos: uint32(w.at) + 24}, []byte{1})[:22]...))
		}, ErrProtocol},
		"not an event":            {func(w *wire) { w.packet(make([]byte, 20)) }, binlog.ErrMalformed},
		"unknown packet":          {func(w *wire) { w.packet([]byte{7}) }, ErrProtocol},
		"empty packet":            {func(w *wire) { w.packet(nil) }, ErrProtocol},
		"end":                     {func(w *wire) { w.packet([]byte{statusEnd, 0, 0, 0, 0}) }, replica.ErrUnreachable},
		"link broken in a packet": {func(w *wire) { w.event(binlog.TypeQuery, 30); w.Truncate(w.Len() - 1) }, io.ErrUnexpectedEOF},
		"link broken in a header": {func(w *wire) { w.Write([]byte{1, 2}) }, io.ErrUnexpectedEOF},
	} {
		w := begun()
		whole := bytes.Clone(w.files["b.000001"])
		c.damage(w)
		files, _, err := read(t, w, fromStart(), testBatch)
		require.ErrorIs(t, err, c.want, name)
		require.True(t, bytes.HasPrefix(files["b.000001"], whole), "%s: what came before is handed on", name)
		if name != "flipped bit, event in parts" {
			require.Len(t, files["b.000001"], len(whole), name)
		}
	}
	w := newWire()
	w.rotate("b.000001", 9)
	_, _, err := read(t, w, fromStart(), testBatch)
	require.ErrorIs(t, err, ErrGap, "the source does not begin where it was asked to")
}

func TestErrorPacketIsRead(t *testing.T) {
	w := newWire()
	w.packet(append([]byte{statusError, 0xd4, 4, '#'}, "HY000could not find first log file"...))
	_, _, err := read(t, w, fromStart(), testBatch)
	var refusal *mysql.MyError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, mysql.MyError{Code: 1236, State: "HY000", Message: "could not find first log file"}, *refusal)
}

// No input makes the reader panic, or hold more than its batches.
func FuzzReader(f *testing.F) {
	w := newWire()
	w.rotate("b.000001", 4)
	w.format()
	w.event(binlog.TypeQuery, 30)
	w.heartbeatV2("b.000001", w.at)
	w.heartbeat("b.000001", w.at)
	w.event(binlog.TypeWriteRows, 3000)
	f.Add(w.Bytes(), false)
	w = newWire()
	w.checksum = false
	w.rotate("b.000001", 4)
	w.format()
	w.event(binlog.TypeRotate, 12)
	w.rotate("b.000002", 4)
	w.format()
	w.heartbeatV2("b.000002", 1<<40)
	f.Add(w.Bytes(), true)
	f.Fuzz(func(t *testing.T, b []byte, byGTID bool) {
		from := fromStart()
		if byGTID {
			from = start{}
		}
		_, _, err := read(t, bytes.NewReader(b), from, 1024)
		require.Error(t, err)
	})
}
