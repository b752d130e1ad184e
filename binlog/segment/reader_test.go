package segment

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

// history is a segment of several log files with many transactions.
func history(tb testing.TB, files, transactions int, o writeOptions) ([]byte, []*log) {
	logs := make([]*log, files)
	first := int64(1)
	for i := range logs {
		l := newLog(tb, "bin.00000"+string(rune('1'+i)), true, first)
		for n := range transactions {
			l.rows("shop", "orders", binlog.TypeWriteRows, 100+n*7%1000)
		}
		first = l.gtid
		logs[i] = l
	}
	data, _ := build(tb, o, logs...)
	return data, logs
}

// wanted is what the ranges hold of the logs.
func wanted(logs []*log, ranges []Range) []piece {
	var out []piece
	for _, r := range ranges {
		base := uint64(0)
		for _, l := range logs {
			end := base + uint64(len(l.raw))
			if from, to := max(r.From, base), min(r.To, end); from < to {
				p := piece{l.name, 4 + from - base, l.raw[from-base : to-base]}
				if n := len(out); n > 0 && out[n-1].file == p.file && out[n-1].from+uint64(len(out[n-1].raw)) == p.from {
					out[n-1].raw = append(bytes.Clone(out[n-1].raw), p.raw...)
				} else {
					out = append(out, p)
				}
			}
			base = end
		}
	}
	return out
}

// Any choice of transactions is read exactly, in whatever frames they lie.
func TestReaderRanges(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for _, frame := range []int{50, 1000, 30000, 1 << 20} {
		data, logs := history(t, 4, 50, writeOptions{Fastest, frame})
		x, err := ReadIndex(context.Background(), &memory{data: data})
		require.NoError(t, err)
		for range 30 {
			ranges := []Range{}
			skip := rnd.IntN(10)
			for row, err := range x.Transactions() {
				require.NoError(t, err)
				if rnd.IntN(10) >= skip {
					ranges = append(ranges, row.Range())
				}
			}
			got, err := readAll(t, data, ranges, 64+rnd.IntN(4000))
			require.NoError(t, err)
			require.Equal(t, wanted(logs, ranges), got)
		}
	}
}

// Only the frames that are wanted are fetched, and neighbours with one request.
func TestReaderFetchesOnlyWhatIsWanted(t *testing.T) {
	data, logs := history(t, 1, 3000, writeOptions{None, 4 << 10})
	blob := &memory{data: data}
	x, err := ReadIndex(context.Background(), blob)
	require.NoError(t, err)
	total := uint64(x.RawBytes)
	ends := logs[0].ends
	ranges := []Range{{ends[0] - 4, ends[1] - 4}, {ends[3] - 4, ends[4] - 4}, {ends[len(ends)-2] - 4, total}}
	blob.reads, blob.bytes = 0, 0
	r := NewReader(x, blob, ranges, binlog.NewPool(1, 1<<10))
	defer r.Close()
	got, err := drain(t, r)
	require.NoError(t, err)
	require.Equal(t, wanted(logs, ranges), got)
	require.Equal(t, 2, blob.reads)
	require.Less(t, blob.bytes, int64(20<<10))
}

func TestReaderRefusesRanges(t *testing.T) {
	data, _ := history(t, 1, 3, writeOptions{None, 4 << 10})
	x, err := ReadIndex(context.Background(), &memory{data: data})
	require.NoError(t, err)
	total := uint64(x.RawBytes)
	for _, ranges := range [][]Range{{{5, 4}}, {{0, total + 1}}, {{200, 300}, {100, 150}}, {{200, 300}, {299, 400}}} {
		_, err := readAll(t, data, ranges, 1<<10)
		require.ErrorIs(t, err, ErrRange)
	}
	got, err := readAll(t, data, []Range{}, 1<<10)
	require.NoError(t, err)
	require.Empty(t, got, "no range is not all")
	_, err = readAll(t, data, []Range{{0, 50}}, 1<<10)
	require.ErrorIs(t, err, errCut)
	_, err = readAll(t, data, nil, 10)
	require.Error(t, err, "batches too small for a header")
}

// A 20 MiB event passes through frames of 1 MiB and batches of 256 KiB in pieces, CRC32 included.
func TestLargeEvent(t *testing.T) {
	for _, size := range []int{20 << 20, 20<<20 + 19, 256<<10 - 21} {
		l := newLog(t, "bin.000001", true, 1)
		l.rows("shop", "orders", binlog.TypeWriteRows, 100)
		l.rows("shop", "blobs", binlog.TypeWriteRows, size)
		l.rows("shop", "orders", binlog.TypeWriteRows, 100)
		data, _ := build(t, writeOptions{Fastest, 1 << 20}, l)
		for _, batch := range []int{256 << 10, 100_003} {
			got, err := readAll(t, data, nil, batch)
			require.NoError(t, err)
			require.Len(t, got, 1)
			require.True(t, bytes.Equal(l.raw, got[0].raw))
		}
		_, err := Verify(context.Background(), bytes.NewReader(data))
		require.NoError(t, err)
	}
}

// A CRC32 that is wrong below a right frame hash is found, at every cut of the event into pieces.
func TestChecksumOfEvents(t *testing.T) {
	l := newLog(t, "bin.000001", true, 1)
	l.rows("shop", "orders", binlog.TypeWriteRows, 300)
	data, _ := build(t, writeOptions{None, 1 << 20}, l)
	_, err := Verify(context.Background(), bytes.NewReader(data))
	require.NoError(t, err)
	l.raw[len(l.raw)-100] ^= 1 // in the rows event
	data = rebuild(t, l)
	for batch := 19; batch < 400; batch++ {
		_, err := readAll(t, data, nil, batch)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorIs(t, err, binlog.ErrChecksum)
	}
	_, err = Verify(context.Background(), bytes.NewReader(data))
	require.ErrorIs(t, err, binlog.ErrChecksum)
}

// rebuild writes a log whose events are not looked at into a segment without rows.
func rebuild(tb testing.TB, l *log) []byte {
	var out bytes.Buffer
	w, err := NewWriter(&out)
	require.NoError(tb, err)
	enc, err := NewEncoder(None)
	require.NoError(tb, err)
	require.NoError(tb, w.BeginSpan(testServer, l.name, 4, l.format))
	require.NoError(tb, w.AppendFrame(enc.Frame(nil, l.raw)))
	b := NewIndexBuilder(binlog.GTIDSet{}, false)
	b.BeginSpan(testServer, l.name, 4, l.format)
	b.Extend(len(l.raw))
	_, err = w.Finish(b)
	require.NoError(tb, err)
	return out.Bytes()
}

// Events that do not follow each other are refused, and so are those that stand in no file.
func TestContinuityOfEvents(t *testing.T) {
	change := func(edit func(h *binlog.Header)) error {
		l := newLog(t, "bin.000001", true, 1)
		last := len(l.raw)
		l.rotate("bin.000002")
		h, err := binlog.DecodeHeader(l.raw[last:])
		require.NoError(t, err)
		edit(&h)
		h.Put(l.raw[last:])
		binlog.SealChecksum(l.raw[last:])
		_, err = readAll(t, rebuild(t, l), nil, 1<<10)
		return err
	}
	require.NoError(t, change(func(*binlog.Header) {}))
	require.ErrorIs(t, change(func(h *binlog.Header) { h.NextPos++ }), ErrCorrupt)
	require.ErrorIs(t, change(func(h *binlog.Header) { h.Flags |= binlog.FlagArtificial }), ErrCorrupt)
	require.ErrorIs(t, change(func(h *binlog.Header) { h.Type = binlog.TypeHeartbeat }), ErrCorrupt)
	require.ErrorIs(t, change(func(h *binlog.Header) { h.Size++; h.NextPos++ }), ErrCorrupt)
	require.ErrorIs(t, change(func(h *binlog.Header) { h.Size = 3 }), ErrCorrupt)
}

// What was read before a damaged frame is handed out, nothing behind it.
func TestReaderStopsAtDamage(t *testing.T) {
	data, logs := history(t, 1, 200, writeOptions{Fastest, 2000})
	x, err := ReadIndex(context.Background(), &memory{data: data})
	require.NoError(t, err)
	hurt := x.Frames[len(x.Frames)/2]
	data[hurt.Offset+30] ^= 4
	got, err := readAll(t, data, nil, 1<<10)
	require.ErrorIs(t, err, ErrCorrupt)
	require.Len(t, got, 1)
	require.True(t, bytes.HasPrefix(logs[0].raw, got[0].raw))
	require.LessOrEqual(t, len(got[0].raw), int(hurt.RawStart))
	require.Greater(t, len(got[0].raw), int(hurt.RawStart)-2000)
}

// A connection that breaks again and again only costs further requests; one that brings nothing is an error.
func TestReaderResumes(t *testing.T) {
	data, logs := history(t, 2, 200, writeOptions{Fastest, 2000})
	x, err := ReadIndex(context.Background(), &memory{data: data})
	require.NoError(t, err)
	blob := &memory{data: data, limit: 5000}
	r := NewReader(x, blob, nil, binlog.NewPool(1, 1<<10))
	defer r.Close()
	got, err := drain(t, r)
	require.NoError(t, err)
	require.Equal(t, wanted(logs, []Range{{0, uint64(x.RawBytes)}}), got)
	require.Greater(t, blob.reads, 5)

	r = NewReader(x, &memory{data: data, limit: 100}, nil, binlog.NewPool(1, 1<<10))
	defer r.Close()
	_, err = drain(t, r)
	require.ErrorIs(t, err, errLost)
	_, again := r.Next(context.Background())
	require.Equal(t, err, again)

	r = NewReader(x, &memory{data: data[:x.Frames[3].Offset+5]}, nil, binlog.NewPool(1, 1<<10))
	defer r.Close()
	_, err = drain(t, r)
	require.ErrorIs(t, err, ErrTruncated)
}

// Close ends a reader that nobody reads from any more, in whatever state it is.
func TestReaderClose(t *testing.T) {
	data, _ := history(t, 2, 300, writeOptions{Fastest, 1000})
	x, err := ReadIndex(context.Background(), &memory{data: data})
	require.NoError(t, err)
	pool := binlog.NewPool(1, 500)
	r := NewReader(x, &memory{data: data}, nil, pool)
	r.Close()
	_, err = r.Next(context.Background())
	require.ErrorIs(t, err, errClosed)

	r = NewReader(x, &memory{data: data}, nil, pool)
	b, err := r.Next(context.Background())
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := errors.New("stop")
	cancel(stop)
	_, err = r.Next(ctx)
	require.ErrorIs(t, err, stop, "the only batch is not free")
	b.Release()
	b, err = r.Next(context.Background())
	require.NoError(t, err, "and nothing was lost by that")
	b.Release()
	r.Close()
	r.Close()
}

var _ binlog.Source = (*Reader)(nil)
var _ io.Reader = broken{}
