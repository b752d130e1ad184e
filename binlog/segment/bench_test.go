package segment

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

// benchLog is about 32 MiB of small transactions.
func benchLog(b *testing.B) *log {
	l := newLog(b, "bin.000001", true, 1)
	for i := 0; len(l.raw) < 32<<20; i++ {
		l.rows("shop", "orders", binlog.TypeWriteRows, 200+i*13%800)
	}
	return l
}

func BenchmarkEncoder(b *testing.B) {
	l := benchLog(b)
	for _, level := range []Level{None, Fastest, Default, Better} {
		b.Run(level.String(), func(b *testing.B) {
			enc, err := NewEncoder(level)
			require.NoError(b, err)
			var dst []byte
			stored, raw := 0, 0
			for i := 0; b.Loop(); i++ {
				at := i % 32 << 20
				dst = enc.Frame(dst[:0], l.raw[at:at+1<<20])
				stored, raw = stored+len(dst), raw+1<<20
			}
			b.SetBytes(1 << 20)
			b.ReportMetric(float64(raw)/float64(stored), "ratio")
		})
	}
}

func BenchmarkReader(b *testing.B) {
	l := benchLog(b)
	for _, level := range []Level{None, Fastest} {
		b.Run(level.String(), func(b *testing.B) {
			data, _ := build(b, writeOptions{level, 1 << 20}, l)
			blob := &memory{data: data}
			x, err := ReadIndex(context.Background(), blob)
			require.NoError(b, err)
			pool := binlog.NewPool(2, 1<<20)
			b.SetBytes(int64(len(l.raw)))
			for b.Loop() {
				r := NewReader(x, blob, nil, pool)
				_, err := drainAny(r)
				require.ErrorIs(b, err, io.EOF)
				r.Close()
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	l := benchLog(b)
	data, _ := build(b, writeOptions{Fastest, 1 << 20}, l)
	b.SetBytes(int64(len(l.raw)))
	for b.Loop() {
		_, err := Verify(context.Background(), bytes.NewReader(data))
		require.NoError(b, err)
	}
}

// BenchmarkWriter is the writer alone: hash and layout of frames that are encoded already.
func BenchmarkWriter(b *testing.B) {
	l := benchLog(b)
	enc, err := NewEncoder(Fastest)
	require.NoError(b, err)
	f := enc.Frame(nil, l.raw[:1<<20])
	w, err := NewWriter(io.Discard)
	require.NoError(b, err)
	require.NoError(b, w.BeginSpan(testServer, l.name, 4, l.format))
	b.SetBytes(1 << 20)
	for b.Loop() {
		require.NoError(b, w.AppendFrame(f))
	}
}

func BenchmarkIndexBuilder(b *testing.B) {
	l := benchLog(b)
	honest := NewIndexBuilder(binlog.GTIDSet{}, true)
	honest.BeginSpan(testServer, l.name, 4, l.format)
	index(b, honest, l)
	var rows []Row
	x := indexOf(b, honest)
	for row, err := range x.Transactions() {
		require.NoError(b, err)
		rows = append(rows, row)
	}
	b.Run("Add", func(b *testing.B) {
		for b.Loop() {
			nb := NewIndexBuilder(binlog.GTIDSet{}, true)
			nb.BeginSpan(testServer, l.name, 4, l.format)
			for i := range rows {
				nb.Add(&rows[i].Transaction)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
		b.ReportMetric(float64(len(x.stored))/float64(len(rows)), "bytes/row")
	})
	b.Run("Transactions", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, x.Verify())
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
	})
}
