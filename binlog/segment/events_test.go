package segment

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

const testServer = "3f8c2b1a-0000-11f0-8000-0242ac110002"

// log builds the bytes of a log file, event by event, as a server would write them.
type log struct {
	name     string
	checksum bool
	format   *binlog.Format
	raw      []byte // from offset 4 on
	gtid     int64
	sequence int64
	ends     []uint64 // offsets behind each transaction and each event outside transactions
}

const testEpoch = 1_750_000_000

func newLog(tb testing.TB, name string, checksum bool, firstGTID int64) *log {
	l := &log{name: name, checksum: checksum, gtid: firstGTID}
	body := binary.LittleEndian.AppendUint16(nil, 4)
	body = append(body, append([]byte("9.7.4"), make([]byte, 45)...)...)
	body = binary.LittleEndian.AppendUint32(body, testEpoch)
	body = append(body, binlog.HeaderSize)
	body = append(body, make([]byte, 43)...)
	alg := byte(0)
	if checksum {
		alg = 1
	}
	l.checksum = true // of the format event itself
	l.event(binlog.TypeFormatDescription, append(body, alg))
	l.checksum = checksum
	var err error
	l.format, err = binlog.DecodeFormat(l.raw)
	require.NoError(tb, err)
	l.event(binlog.TypePreviousGTIDs, make([]byte, 8))
	l.mark()
	return l
}

func (l *log) end() uint64 { return binlog.FileHeaderSize + uint64(len(l.raw)) }
func (l *log) mark()       { l.ends = append(l.ends, l.end()) }

func (l *log) event(t binlog.EventType, body []byte) {
	raw := l.seal(t, body)
	l.raw = append(l.raw, raw...)
}

func (l *log) size(body int) int {
	if l.checksum {
		body += binlog.ChecksumSize
	}
	return binlog.HeaderSize + body
}

func (l *log) seal(t binlog.EventType, body []byte) []byte {
	raw := make([]byte, l.size(len(body)))
	h := binlog.Header{Timestamp: testEpoch, Type: t, ServerID: 1, Size: uint32(len(raw)), NextPos: uint32(l.end() + uint64(len(raw)))}
	h.Put(raw)
	copy(raw[binlog.HeaderSize:], body)
	if l.checksum {
		binlog.SealChecksum(raw)
	}
	return raw
}

// testEvent is an event of a transaction that is still to be written.
type testEvent struct {
	kind binlog.EventType
	body []byte
}

// transaction writes a GTID event and the given ones.
func (l *log) transaction(events ...testEvent) {
	const gtidBody = 1 + 16 + 8 + 1 + 8 + 8 + 7 + 9 + 4
	total := l.size(gtidBody)
	for _, e := range events {
		total += l.size(len(e.body))
	}
	l.sequence++
	id := uuid.MustParse(testServer)
	b := append([]byte{0}, id[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(l.gtid))
	b = append(b, 2)
	b = binary.LittleEndian.AppendUint64(b, uint64(l.sequence-1))
	b = binary.LittleEndian.AppendUint64(b, uint64(l.sequence))
	at := uint64(testEpoch*1_000_000 + l.gtid*1000)
	b = append(b, binary.LittleEndian.AppendUint64(nil, at)[:7]...)
	b = append(b, 254)
	b = binary.LittleEndian.AppendUint64(b, uint64(total))
	b = binary.LittleEndian.AppendUint32(b, 90704)
	l.event(binlog.TypeGTID, b)
	for _, e := range events {
		l.event(e.kind, e.body)
	}
	l.gtid++
	l.mark()
}

func (l *log) rows(schema, table string, kind binlog.EventType, size int) {
	l.transaction(query("", "BEGIN"), tableMap(7, schema, table), rowsEvent(kind, 7, size), testEvent{binlog.TypeXid, make([]byte, 8)})
}

func (l *log) statement(schema, text string) { l.transaction(query(schema, text)) }

func (l *log) rotate(next string) {
	l.event(binlog.TypeRotate, append(binary.LittleEndian.AppendUint64(nil, 4), next...))
	l.mark()
}

func query(schema, text string) testEvent {
	b := make([]byte, 8, 64+len(text))
	b = append(b, byte(len(schema)), 0, 0, 18, 0)
	b = append(b, 1)
	b = binary.LittleEndian.AppendUint64(b, 1411383296) // sql_mode
	b = append(b, 17)
	b = binary.LittleEndian.AppendUint64(b, 99) // xid
	b = append(b, schema...)
	b = append(b, 0)
	return testEvent{binlog.TypeQuery, append(b, text...)}
}

func tableMap(id uint64, schema, table string) testEvent {
	b := append(binary.LittleEndian.AppendUint64(nil, id)[:6], 1, 0, byte(len(schema)))
	b = append(append(b, schema...), 0, byte(len(table)))
	return testEvent{binlog.TypeTableMap, append(append(b, table...), 0, 1, 3, 0, 0)}
}

// rowsEvent fills the rows with groups of digits, which compress about as well as real rows.
func rowsEvent(kind binlog.EventType, id uint64, size int) testEvent {
	b := append(binary.LittleEndian.AppendUint64(nil, id)[:6], 1, 0)
	seed := uint64(size)
	for len(b) < min(size, 100<<10) {
		seed = seed*6364136223846793005 + 1442695040888963407
		b = fmt.Appendf(b, "%011d-", seed>>33)
	}
	for rest := size - len(b); rest > 0; rest = size - len(b) {
		b = append(b, b[:min(rest, len(b))]...)
	}
	return testEvent{kind, b}
}

// writeOptions say how build lays a segment out.
type writeOptions struct {
	level Level
	frame int // raw bytes of a frame
}

// build writes the logs into a segment.
func build(tb testing.TB, o writeOptions, logs ...*log) ([]byte, Summary) {
	var out bytes.Buffer
	w, err := NewWriter(&out)
	require.NoError(tb, err)
	enc, err := NewEncoder(o.level)
	require.NoError(tb, err)
	b := NewIndexBuilder(binlog.NewGTIDSet(), true)
	for _, l := range logs {
		require.NoError(tb, w.BeginSpan(testServer, l.name, binlog.FileHeaderSize, l.format))
		b.BeginSpan(testServer, l.name, binlog.FileHeaderSize, l.format)
		for rest := l.raw; len(rest) > 0; {
			n := min(o.frame, len(rest))
			require.NoError(tb, w.AppendFrame(enc.Frame(nil, rest[:n])))
			rest = rest[n:]
		}
		index(tb, b, l)
	}
	s, err := w.Finish(b)
	require.NoError(tb, err)
	require.EqualValues(tb, out.Len(), s.StoredBytes)
	require.EqualValues(tb, out.Len(), w.Size())
	return out.Bytes(), s
}

func index(tb testing.TB, b *IndexBuilder, l *log) {
	asm := binlog.NewAssembler()
	for at := 0; at < len(l.raw); {
		h, err := binlog.DecodeHeader(l.raw[at:])
		require.NoError(tb, err)
		ev := binlog.Event{Header: h, Start: binlog.FileHeaderSize + uint64(at), Raw: l.raw[at : at+int(h.Size)]}
		step, err := asm.Add(&ev, l.format)
		require.NoError(tb, err)
		b.Extend(len(ev.Raw))
		if step == binlog.End {
			b.Add(asm.Transaction())
		}
		at += int(h.Size)
	}
}

// small is a log file with a bit of everything.
func small(tb testing.TB, name string, checksum bool, first int64) *log {
	l := newLog(tb, name, checksum, first)
	l.rows("shop", "orders", binlog.TypeWriteRows, 60)
	l.rows("shop", "orders", binlog.TypeUpdateRows, 40)
	l.statement("shop", "CREATE TABLE t (a INT)")
	l.rows("blog", "posts", binlog.TypeDeleteRows, 50)
	l.statement("", "DROP DATABASE shop")
	l.rotate("next.000001")
	return l
}

// memory is a Blob in memory that counts what is asked of it.
type memory struct {
	data  []byte
	reads int
	bytes int64
	limit int // bytes after which a read breaks off; 0: never
}

func (m *memory) ReadRange(_ context.Context, offset, length int64) (io.ReadCloser, error) {
	m.reads++
	if offset < 0 {
		offset = max(0, int64(len(m.data))+offset)
	}
	b := m.data[min(offset, int64(len(m.data))):]
	b = b[:min(length, int64(len(b)))]
	m.bytes += int64(len(b))
	if m.limit > 0 && len(b) > m.limit {
		return io.NopCloser(io.MultiReader(bytes.NewReader(b[:m.limit]), broken{})), nil
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// broken is a connection that was lost.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errLost }

var errLost = &lostError{}

type lostError struct{}

func (*lostError) Error() string { return "connection lost" }

// piece is a run of bytes of a log file that a Reader has handed out.
type piece struct {
	file string
	from uint64
	raw  []byte
}

// drain reads r to its end, joining what follows. It checks that events are in order and whole.
func drain(tb testing.TB, r binlog.Source) ([]piece, error) {
	var out []piece
	for {
		b, err := r.Next(context.Background())
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		require.NotEmpty(tb, b.Events)
		require.Equal(tb, testServer, b.Server)
		require.Equal(tb, "9.7.4", b.Format.ServerVersion)
		for i := range b.Events {
			ev := &b.Events[i]
			at := ev.Start + uint64(ev.Offset)
			last := len(out) - 1
			if last < 0 || out[last].file != b.File || out[last].from+uint64(len(out[last].raw)) != at {
				require.Zero(tb, i, "events within a batch follow each other")
				require.True(tb, ev.First())
				out = append(out, piece{file: b.File, from: at})
				last++
			}
			out[last].raw = append(out[last].raw, ev.Raw...)
		}
		b.Release()
	}
}

func readAll(tb testing.TB, data []byte, ranges []Range, batch int) ([]piece, error) {
	blob := &memory{data: data}
	x, err := ReadIndex(context.Background(), blob)
	if err != nil {
		return nil, err
	}
	r := NewReader(x, blob, ranges, binlog.NewPool(2, batch))
	defer r.Close()
	return drain(tb, r)
}

func at(n int64) time.Time { return time.UnixMicro(testEpoch*1_000_000 + n*1000).UTC() }
