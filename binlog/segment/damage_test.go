package segment

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

var update = flag.Bool("update", false, "write testdata/v1.seg anew")

func detected(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTruncated) || errors.Is(err, ErrVersion)
}

// tiny is a small finished segment of two files, with compressed and uncompressed frames.
func tiny(tb testing.TB) ([]byte, Summary, []*log) {
	a, b := small(tb, "bin.000001", true, 1), small(tb, "bin.000002", true, 6)
	data, s := build(tb, writeOptions{Fastest, 700}, a, b)
	return data, s, []*log{a, b}
}

// Wherever a file ends too early, that is seen, and a scan yields exactly the frames that are whole.
func TestTruncatedAtEveryByte(t *testing.T) {
	data, s, logs := tiny(t)
	x, err := ReadIndex(context.Background(), &memory{data: data})
	require.NoError(t, err)
	all := append(bytes.Clone(logs[0].raw), logs[1].raw...)
	for n := range len(data) {
		_, err := verify(context.Background(), bytes.NewReader(data[:n]), 2<<10)
		require.ErrorIs(t, err, ErrTruncated, "%d bytes", n)
		_, err = ReadIndex(context.Background(), &memory{data: data[:n]})
		require.True(t, detected(err), "%d bytes: %v", n, err)

		scan := Scan(bytes.NewReader(data[:n]))
		var raw []byte
		for scan.Next() {
			raw = append(raw, scan.Frame().Raw...)
		}
		whole, end := uint64(0), int64(0)
		for _, f := range x.Frames {
			if f.end() <= int64(n) {
				whole, end = f.RawStart+uint64(f.RawLen), f.end()
			}
		}
		require.True(t, bytes.Equal(all[:whole], raw), "%d bytes", n)
		require.GreaterOrEqual(t, scan.Offset(), end)
		require.LessOrEqual(t, scan.Offset(), int64(n))
		require.Equal(t, int64(n) >= s.IndexOffset+s.IndexLength, scan.Finished())
		if err := scan.Err(); err != nil {
			require.ErrorIs(t, err, ErrTruncated)
		} else {
			require.True(t, scan.Finished() || scan.Offset() == int64(n))
		}
	}
	_, err = Verify(context.Background(), bytes.NewReader(append(data, 0)))
	require.ErrorIs(t, err, ErrCorrupt, "a byte too many")
}

// Not one bit can change unseen.
func TestEveryBitFlipIsDetected(t *testing.T) {
	l := newLog(t, "bin.000001", true, 1)
	l.rows("shop", "orders", binlog.TypeWriteRows, 60)
	l.statement("", "DROP DATABASE shop")
	data, _ := build(t, writeOptions{Fastest, 300}, l)
	all := []piece{{l.name, 4, l.raw}}
	for i := range data {
		for bit := range 8 {
			data[i] ^= 1 << bit
			_, err := verify(context.Background(), bytes.NewReader(data), 2<<10)
			require.True(t, detected(err), "byte %d bit %d: %v", i, bit, err)
			if bit == i%8 { // a reader may miss what it does not use, but hands out nothing wrong
				got, err := readAll(t, data, nil, 1<<10)
				if err == nil {
					require.Equal(t, all, got)
				}
			}
			data[i] ^= 1 << bit
		}
	}
}

// An index that does not describe the events, with every hash right, is found.
func TestVerifyComparesIndexWithEvents(t *testing.T) {
	verify := func(edit func(tx *binlog.Transaction)) error {
		l := small(t, "bin.000001", true, 1)
		var out bytes.Buffer
		w, err := NewWriter(&out)
		require.NoError(t, err)
		enc, err := NewEncoder(Fastest)
		require.NoError(t, err)
		require.NoError(t, w.BeginSpan(testServer, l.name, 4, l.format))
		require.NoError(t, w.AppendFrame(enc.Frame(nil, l.raw)))
		honest := NewIndexBuilder(binlog.GTIDSet{}, true)
		honest.BeginSpan(testServer, l.name, 4, l.format)
		index(t, honest, l)
		b := NewIndexBuilder(binlog.GTIDSet{}, true)
		b.BeginSpan(testServer, l.name, 4, l.format)
		b.Extend(len(l.raw))
		for row, err := range indexOf(t, honest).Transactions() {
			require.NoError(t, err)
			edit(&row.Transaction)
			if row.Events > 0 {
				b.Add(&row.Transaction)
			}
		}
		_, err = w.Finish(b)
		require.NoError(t, err)
		_, err = Verify(context.Background(), &out)
		return err
	}
	require.NoError(t, verify(func(*binlog.Transaction) {}))
	for name, edit := range map[string]func(tx *binlog.Transaction){
		"GTID":      func(tx *binlog.Transaction) { tx.GTID.N += 7 },
		"missing":   func(tx *binlog.Transaction) { tx.Events *= int(tx.GTID.N % 2) },
		"time":      func(tx *binlog.Transaction) { tx.Committed = at(tx.GTID.N % 3) },
		"end":       func(tx *binlog.Transaction) { tx.End-- },
		"start":     func(tx *binlog.Transaction) { tx.Start++ },
		"clock":     func(tx *binlog.Transaction) { tx.LastCommitted++ },
		"events":    func(tx *binlog.Transaction) { tx.Events++ },
		"no tables": func(tx *binlog.Transaction) { tx.Tables = nil },
		"ops":       func(tx *binlog.Transaction) { clearOps(tx) },
		"text": func(tx *binlog.Transaction) {
			for i := range tx.Statements {
				tx.Statements[i].Text += ";"
			}
		},
	} {
		require.ErrorIs(t, verify(edit), ErrCorrupt, name)
	}
}

func clearOps(tx *binlog.Transaction) {
	for i := range tx.Tables {
		tx.Tables[i].Ops ^= 7
	}
}

// A segment that ends, or changes its file, inside a transaction is refused.
func TestVerifyWantsWholeTransactions(t *testing.T) {
	l := newLog(t, "bin.000001", true, 1)
	l.rows("shop", "orders", binlog.TypeWriteRows, 50)
	l.raw = l.raw[:len(l.raw)-l.size(8)] // without its Xid event
	_, err := Verify(context.Background(), bytes.NewReader(rebuild(t, l)))
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "inside transaction")
}

func TestVersionIsChecked(t *testing.T) {
	data, _, _ := tiny(t)
	newer := bytes.Clone(data)
	newer[4], newer[len(newer)-8] = 2, 2
	_, err := Verify(context.Background(), bytes.NewReader(newer))
	require.ErrorIs(t, err, ErrVersion)
	_, err = ReadIndex(context.Background(), &memory{data: newer})
	require.ErrorIs(t, err, ErrVersion)
	scan := Scan(bytes.NewReader(newer))
	require.False(t, scan.Next())
	require.ErrorIs(t, scan.Err(), ErrVersion)
}

// A file of a few bytes that claims gigabytes costs next to nothing.
func TestClaimsAreNotBelieved(t *testing.T) {
	header := appendFileHeader(nil)
	huge := append(bytes.Clone(header), make([]byte, frameHeaderSize)...)
	frameHeader{kind: kindIndex, codec: codecZstd, stored: maxIndexStored, raw: maxIndexRaw}.put(huge[8:], nil)
	data := append(bytes.Clone(header), make([]byte, frameHeaderSize)...)
	frameHeader{kind: kindData, codec: codecZstd, stored: MaxFrame - 1, raw: MaxFrame}.put(data[8:], nil)
	end := (&trailer{indexOffset: 1 << 40, indexLength: maxIndexStored, rawTotal: 1 << 60}).append(bytes.Clone(header))
	for _, file := range [][]byte{huge, data, end} {
		require.Less(t, len(file), 100)
		used := allocated(func() {
			_, err := Verify(context.Background(), bytes.NewReader(file))
			require.True(t, detected(err), "%v", err)
			_, err = ReadIndex(context.Background(), &memory{data: file})
			require.True(t, detected(err), "%v", err)
		})
		require.Less(t, used, uint64(4<<20))
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Segments written by the first release stay readable for ever; and what is not compressed is still written the same way.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "v1.seg")
	a, b := small(t, "bin.000001", true, 1), small(t, "bin.000002", false, 6)
	plain, summary := build(t, writeOptions{None, 500}, a)
	if *update {
		data, _ := build(t, writeOptions{Fastest, 900}, a, b)
		require.NoError(t, os.WriteFile(path, data, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join("testdata", "v1-plain.seg"), plain, 0o644))
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	s, err := Verify(context.Background(), bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, testServer+":1-10", s.Added.String())
	got, err := readAll(t, data, nil, 1<<10)
	require.NoError(t, err)
	require.Equal(t, wanted([]*log{a, b}, []Range{{0, uint64(s.RawBytes)}}), got)

	old, err := os.ReadFile(filepath.Join("testdata", "v1-plain.seg"))
	require.NoError(t, err)
	require.Equal(t, old[:summary.IndexOffset], plain[:summary.IndexOffset])
	old2, err := Verify(context.Background(), bytes.NewReader(old))
	require.NoError(t, err)
	require.NoError(t, summary.compareContent(&old2))
}

// A reader's own failure is neither corruption nor truncation.
func TestReadErrorsAreNotCorruption(t *testing.T) {
	data, _, _ := tiny(t)
	for n := 0; n < len(data); n += 5 {
		_, err := verify(context.Background(), io.MultiReader(bytes.NewReader(data[:n]), broken{}), 2<<10)
		require.ErrorIs(t, err, errLost)
		require.False(t, detected(err))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Verify(ctx, bytes.NewReader(data))
	require.ErrorIs(t, err, context.Canceled)
}
