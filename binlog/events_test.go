package binlog

import (
	"encoding/binary"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// logWriter puts events together as a server would: in one file, with checksums.
type logWriter struct {
	pos    uint64
	events []Event
}

func (w *logWriter) add(t EventType, body []byte) *logWriter {
	raw := make([]byte, HeaderSize, HeaderSize+len(body)+ChecksumSize)
	raw = append(append(raw, body...), 0, 0, 0, 0)
	h := Header{Timestamp: 1, Type: t, ServerID: 1, Size: uint32(len(raw)), NextPos: uint32(w.pos) + uint32(len(raw))}
	h.Put(raw)
	SealChecksum(raw)
	w.events = append(w.events, Event{Header: h, Start: w.pos, Raw: raw})
	w.pos += uint64(len(raw))
	return w
}

func gtidBody(n int64, length uint64) []byte {
	b := make([]byte, 1+16)
	b[1] = 0xaa
	b = binary.LittleEndian.AppendUint64(b, uint64(n))
	b = append(b, logicalClock)
	b = binary.LittleEndian.AppendUint64(b, 6)
	b = binary.LittleEndian.AppendUint64(b, 7)
	b = append(b, binary.LittleEndian.AppendUint64(nil, 1_700_000_000_000_001)[:7]...)
	return append(append(b, 253), byte(length), byte(length>>8), byte(length>>16))
}

func queryBody(schema, text string, status ...byte) []byte {
	b := make([]byte, queryPostHeaderSize)
	b[8] = byte(len(schema))
	binary.LittleEndian.PutUint16(b[11:], uint16(len(status)))
	b = append(b, status...)
	b = append(append(b, schema...), 0)
	return append(b, text...)
}

func tableMapBody(id byte, schema, table string) []byte {
	b := []byte{id, 0, 0, 0, 0, 0, 1, 0, byte(len(schema))}
	b = append(append(append(b, schema...), 0, byte(len(table))), table...)
	return append(b, 0)
}

// transaction adds a GTID event that announces the right length, and the events.
func (w *logWriter) transaction(n int64, add func(*logWriter)) *logWriter {
	probe := &logWriter{}
	probe.add(TypeGTID, gtidBody(n, 0))
	add(probe)
	w.add(TypeGTID, gtidBody(n, probe.pos))
	add(w)
	return w
}

func steps(t *testing.T, a *Assembler, events []Event) (got []Step) {
	t.Helper()
	for i := range events {
		s, err := a.Add(&events[i], &Format{Checksum: true})
		require.NoError(t, err, "event %d", i)
		got = append(got, s)
	}
	return got
}

func TestAssemblerFindsWhereTransactionsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		add  func(*logWriter)
		want []Step
	}{
		"rows": {func(w *logWriter) {
			w.add(TypeQuery, queryBody("", "BEGIN")).add(TypeTableMap, tableMapBody(1, "shop", "o")).
				add(TypeWriteRows, []byte{1, 0, 0, 0, 0, 0, 0, 0}).add(TypeXid, make([]byte, 8))
		}, []Step{Begin, Inside, Inside, Inside, End}},
		"ddl":         {func(w *logWriter) { w.add(TypeQuery, queryBody("", "DROP DATABASE shop")) }, []Step{Begin, End}},
		"rolled back": {func(w *logWriter) { w.add(TypeQuery, queryBody("", "BEGIN")).add(TypeQuery, queryBody("", "ROLLBACK")) }, []Step{Begin, Inside, End}},
		"not engine":  {func(w *logWriter) { w.add(TypeQuery, queryBody("", "BEGIN")).add(TypeQuery, queryBody("", "COMMIT")) }, []Step{Begin, Inside, End}},
		"savepoints": {func(w *logWriter) {
			w.add(TypeQuery, queryBody("", "BEGIN")).add(TypeQuery, queryBody("", "SAVEPOINT `a`")).add(TypeQuery, queryBody("", "ROLLBACK TO `a`")).add(TypeXid, make([]byte, 8))
		}, []Step{Begin, Inside, Inside, Inside, End}},
		"xa prepare": {func(w *logWriter) {
			w.add(TypeQuery, queryBody("", "XA START X'61',X'',1")).add(TypeQuery, queryBody("", "XA END X'61',X'',1")).add(TypeXAPrepare, make([]byte, 8))
		}, []Step{Begin, Inside, Inside, End}},
		"xa commit": {func(w *logWriter) { w.add(TypeQuery, queryBody("", "XA COMMIT X'61',X'',1")) }, []Step{Begin, End}},
		"create select": {func(w *logWriter) {
			w.add(TypeQuery, queryBody("", "BEGIN")).add(TypeQuery, queryBody("", "CREATE TABLE t (a int) START TRANSACTION")).add(TypeXid, make([]byte, 8))
		}, []Step{Begin, Inside, Inside, End}},
		"variables": {func(w *logWriter) {
			w.add(TypeIntvar, make([]byte, 9)).add(TypeQuery, queryBody("", "CREATE FUNCTION f() RETURNS INT RETURN 1"))
		}, []Step{Begin, Inside, End}},
	} {
		t.Run(name, func(t *testing.T) {
			w := (&logWriter{pos: 4}).transaction(5, c.add)
			a := NewAssembler()
			require.Equal(t, c.want, steps(t, a, w.events))
			require.False(t, a.Open())
			tx := a.Transaction()
			require.EqualValues(t, 5, tx.GTID.N)
			require.EqualValues(t, 4, tx.Start)
			require.Equal(t, w.pos, tx.End)
			require.EqualValues(t, 1_700_000_000_000_001, tx.Committed.UnixMicro())
			require.Equal(t, []int64{6, 7}, []int64{tx.LastCommitted, tx.SequenceNumber})
		})
	}
}

func TestAssemblerListsTablesAndStatements(t *testing.T) {
	w := (&logWriter{}).transaction(1, func(w *logWriter) {
		w.add(TypeQuery, queryBody("", "BEGIN"))
		w.add(TypeTableMap, tableMapBody(1, "shop", "orders")).add(TypeTableMap, tableMapBody(2, "shop", "lines"))
		w.add(TypeWriteRows, []byte{1, 0, 0, 0, 0, 0, 0, 0}).add(TypeDeleteRows, []byte{2, 0, 0, 0, 0, 0, 0, 0})
		w.add(TypeTableMap, tableMapBody(9, "shop", "orders")).add(TypeUpdateRows, []byte{9, 0, 0, 0, 0, 0, 0, 0})
		w.add(TypeXid, make([]byte, 8))
	})
	a := NewAssembler()
	steps(t, a, w.events)
	require.Equal(t, []TableChange{
		{Schema: "shop", Table: "orders", Ops: Insert | Update, Bytes: 2 * (HeaderSize + 8 + ChecksumSize)},
		{Schema: "shop", Table: "lines", Ops: Delete, Bytes: HeaderSize + 8 + ChecksumSize},
	}, a.Transaction().Tables)

	sqlMode := binary.LittleEndian.AppendUint64([]byte{statusSQLMode}, 4)
	xid := binary.LittleEndian.AppendUint64([]byte{statusXid}, 77)
	invoker := []byte{statusInvoker, 1, 'u', 1, 'h'}
	w = (&logWriter{}).transaction(2, func(w *logWriter) {
		w.add(TypeQuery, queryBody("a7", `drop database "a7"`, append(append(invoker, sqlMode...), xid...)...))
	})
	steps(t, a, w.events)
	require.Equal(t, []Statement{{Schema: "a7", SQLMode: 4, Changed: true, Text: `drop database "a7"`}}, a.Transaction().Statements)
	require.Empty(t, a.Transaction().Tables)
}

func TestAssemblerLooksIntoCompressedTransactions(t *testing.T) {
	inner := &logWriter{}
	inner.add(TypeQuery, queryBody("", "BEGIN")).add(TypeTableMap, tableMapBody(1, "shop", "orders")).
		add(TypeWriteRows, []byte{1, 0, 0, 0, 0, 0, 0, 0}).add(TypeXid, make([]byte, 8))
	var plain []byte
	for _, e := range inner.events { // inner events have no checksum
		raw := e.Raw[:len(e.Raw)-ChecksumSize]
		h := e.Header
		h.Size -= ChecksumSize
		h.Put(raw)
		plain = append(plain, raw...)
	}
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	body := append([]byte{payloadCompression, 1, compressionZstd, payloadEndMark}, enc.EncodeAll(plain, nil)...)

	a := NewAssembler()
	w := (&logWriter{}).transaction(3, func(w *logWriter) { w.add(TypeTransactionPayload, body) })
	require.Equal(t, []Step{Begin, End}, steps(t, a, w.events))
	require.False(t, a.Transaction().Opaque)
	require.Equal(t, "orders", a.Transaction().Tables[0].Table)

	body[len(body)-3] ^= 0xff
	w = (&logWriter{}).transaction(4, func(w *logWriter) { w.add(TypeTransactionPayload, body[:len(body)-4]) })
	require.Equal(t, []Step{Begin, End}, steps(t, a, w.events))
	require.True(t, a.Transaction().Opaque, "what cannot be read is not said to be complete")
}

func TestAssemblerTakesEventsInPieces(t *testing.T) {
	w := (&logWriter{}).transaction(1, func(w *logWriter) { w.add(TypeQuery, queryBody("", "DROP TABLE "+string(make([]byte, 500)))) })
	big := w.events[1]
	first, rest := big, big
	first.Raw, rest.Raw, rest.Offset = big.Raw[:200], big.Raw[200:], 200
	a := NewAssembler()
	require.Equal(t, []Step{Begin, Inside, End}, steps(t, a, []Event{w.events[0], first, rest}))
	require.True(t, a.Transaction().Statements[0].Cut)
}

func TestAssemblerRefusesTornTransactions(t *testing.T) {
	begun := (&logWriter{}).transaction(1, func(w *logWriter) { w.add(TypeQuery, queryBody("", "BEGIN")).add(TypeXid, make([]byte, 8)) })
	lying := (&logWriter{}).add(TypeGTID, gtidBody(1, 12345)).add(TypeQuery, queryBody("", "DROP TABLE t"))
	for name, events := range map[string][]Event{
		"a second GTID event":        {begun.events[0], begun.events[1], begun.events[0]},
		"end of the file":            append(begun.events[:2:2], (&logWriter{}).add(TypeRotate, append(make([]byte, 8), 'x')).events...),
		"no GTID event":              begun.events[1:],
		"another length":             lying.events,
		"a statement that is no one": {begun.events[0], {Header: Header{Type: TypeQuery, Size: HeaderSize}, Raw: make([]byte, HeaderSize)}},
	} {
		a := NewAssembler()
		var err error
		for i := range events {
			if _, err = a.Add(&events[i], &Format{Checksum: true}); err != nil {
				break
			}
		}
		require.Error(t, err, name)
		a.Reset()
		require.False(t, a.Open())
		steps(t, a, begun.events)
	}
}

func TestEventsOutsideTransactions(t *testing.T) {
	w := (&logWriter{pos: 4}).add(TypeFormatDescription, make([]byte, 90)).add(TypePreviousGTIDs, make([]byte, 8)).
		add(TypeRotate, append(make([]byte, 8), "binlog.000002"...)).add(TypeStop, nil)
	require.Equal(t, []Step{Outside, Outside, Outside, Outside}, steps(t, NewAssembler(), w.events))
	p, err := DecodeRotate(w.events[2].Body(true))
	require.NoError(t, err)
	require.Equal(t, Position{File: "binlog.000002"}, p)
}

func FuzzAssembler(f *testing.F) {
	w := (&logWriter{}).transaction(1, func(w *logWriter) {
		w.add(TypeQuery, queryBody("s", "BEGIN", statusSQLMode, 1, 0, 0, 0, 0, 0, 0, 0)).add(TypeTableMap, tableMapBody(1, "a", "b")).add(TypeXid, make([]byte, 8))
	})
	var seed []byte
	for _, e := range w.events {
		seed = append(seed, e.Raw...)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, log []byte) {
		a := NewAssembler()
		for pos := 0; pos < len(log); {
			h, err := DecodeHeader(log[pos:])
			if err != nil || int(h.Size) > len(log)-pos {
				return
			}
			ev := Event{Header: h, Start: uint64(pos), Raw: log[pos : pos+int(h.Size)]}
			if _, err := a.Add(&ev, nil); err != nil {
				a.Reset()
			}
			pos += int(h.Size)
		}
	})
}
