package server

import (
	"context"
	"encoding/binary"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

// memLog serves batches made up in a test; its end is err, or io.EOF.
type memLog struct {
	batches []*binlog.Batch
	err     error
	wait    bool // at the end, until the dump is over
	open    error
	have    binlog.GTIDSet // of the last Open
}

func (l *memLog) GTIDs() binlog.GTIDSet {
	set, _ := binlog.ParseGTIDSet(testUUID + ":1-7")
	return set
}

func (l *memLog) Open(_ context.Context, have binlog.GTIDSet) (binlog.Source, error) {
	l.have = have
	return &memSource{log: l, left: l.batches}, l.open
}

type memSource struct {
	log  *memLog
	left []*binlog.Batch
}

func (s *memSource) Next(ctx context.Context) (*binlog.Batch, error) {
	if len(s.left) > 0 {
		b := s.left[0]
		s.left = s.left[1:]
		return b, nil
	}
	if s.log.wait {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if s.log.err != nil {
		return nil, s.log.err
	}
	return nil, io.EOF
}

// testFormat is a format description event as MySQL writes it, as far as anybody here looks at it.
func testFormat(t testing.TB, checksum bool) *binlog.Format {
	t.Helper()
	body := binary.LittleEndian.AppendUint16(nil, 4)
	body = append(body, append([]byte("9.7.4"), make([]byte, 45)...)...)
	body = append(body, 1, 2, 3, 4, binlog.HeaderSize)
	body = append(body, make([]byte, 42)...)
	alg := byte(0)
	if checksum {
		alg = 1
	}
	raw := make([]byte, binlog.HeaderSize, 200)
	raw = append(append(append(raw, body...), alg), 0, 0, 0, 0)
	binlog.Header{Timestamp: 9, Type: binlog.TypeFormatDescription, ServerID: 5, Size: uint32(len(raw)), NextPos: uint32(4 + len(raw))}.Put(raw)
	binlog.SealChecksum(raw)
	f, err := binlog.DecodeFormat(raw)
	require.NoError(t, err)
	return f
}

// testEvent is an event of size bytes, its checksum included.
func testEvent(start uint64, size int) binlog.Event {
	raw := make([]byte, size)
	for i := binlog.HeaderSize; i < size; i += copy(raw[i:], "some rows, if not many") {
	}
	h := binlog.Header{Type: binlog.TypeXid, ServerID: 5, Size: uint32(size), NextPos: uint32(start) + uint32(size)}
	h.Put(raw)
	binlog.SealChecksum(raw)
	return binlog.Event{Header: h, Start: start, Raw: raw}
}

// fileBatch is a batch with events of the given sizes, from the file's start on.
func fileBatch(t testing.TB, file string, sizes ...int) *binlog.Batch {
	t.Helper()
	f := testFormat(t, true)
	b := &binlog.Batch{Server: testUUID, File: file, Format: f}
	pos := uint64(4 + len(f.Raw))
	for _, size := range sizes {
		b.Events = append(b.Events, testEvent(pos, size))
		pos += uint64(size)
	}
	return b
}

// cut splits a batch's single event into batches at the given offsets.
func cut(b *binlog.Batch, at ...int) []*binlog.Batch {
	var out []*binlog.Batch
	whole := b.Events[0]
	from := 0
	for _, to := range append(at, len(whole.Raw)) {
		piece := whole
		piece.Offset, piece.Raw = uint32(from), whole.Raw[from:to]
		out = append(out, &binlog.Batch{Server: b.Server, File: b.File, Format: b.Format, Events: []binlog.Event{piece}})
		from = to
	}
	return out
}
