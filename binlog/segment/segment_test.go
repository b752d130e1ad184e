package segment

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

// What goes in comes out, whatever the cut into frames and batches is.
func TestRoundTrip(t *testing.T) {
	for _, checksum := range []bool{true, false} {
		a, b := small(t, "bin.000001", checksum, 1), small(t, "bin.000002", checksum, 6)
		for _, o := range []writeOptions{{None, 1 << 20}, {Fastest, 1 << 20}, {Default, 200}, {Better, 64}, {None, 1}, {Fastest, 17}} {
			t.Run(fmt.Sprintf("checksum=%v/%s/%d", checksum, o.level, o.frame), func(t *testing.T) {
				data, written := build(t, o, a, b)
				verified, err := Verify(context.Background(), bytes.NewReader(data))
				require.NoError(t, err)
				require.Equal(t, written, verified)
				for _, batch := range []int{19, 20, 64, 150, 1 << 10, 1 << 20} {
					got, err := readAll(t, data, nil, batch)
					require.NoError(t, err)
					require.Equal(t, []piece{{"bin.000001", 4, a.raw}, {"bin.000002", 4, b.raw}}, got)
				}
			})
		}
	}
}

func TestSummary(t *testing.T) {
	a, b := small(t, "bin.000001", true, 1), small(t, "bin.000002", true, 6)
	data, s := build(t, writeOptions{Fastest, 1 << 20}, a, b)
	require.Equal(t, []SpanSummary{
		{testServer, "bin.000001", 4, uint64(len(a.raw))}, {testServer, "bin.000002", 4, uint64(len(b.raw))},
	}, s.Spans)
	require.Equal(t, testServer+":1-10", s.Added.String())
	require.Equal(t, testServer+":1", s.First.String())
	require.Equal(t, testServer+":10", s.Last.String())
	require.Equal(t, at(1), s.MinCommitted)
	require.Equal(t, at(10), s.MaxCommitted)
	require.EqualValues(t, 10, s.Transactions)
	require.Equal(t, 4, s.Statements)
	require.Equal(t, []string{"blog", "shop"}, s.Schemas)
	require.Equal(t, []string{"blog.posts", "shop.orders"}, s.Tables)
	require.True(t, s.Known)
	require.EqualValues(t, len(a.raw)+len(b.raw), s.RawBytes)

	text, err := json.Marshal(s)
	require.NoError(t, err)
	var back Summary
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, s, back)

	ofSummary := &memory{data: data}
	x, err := ReadIndexOf(context.Background(), ofSummary, &s)
	require.NoError(t, err)
	require.Equal(t, s, x.Summary)
	require.Equal(t, s.IndexLength+TrailerSize, ofSummary.bytes)
	require.NoError(t, x.Verify())
	back.SHA256 = "00"
	_, err = ReadIndexOf(context.Background(), ofSummary, &back)
	require.ErrorIs(t, err, ErrCorrupt)
}

func TestEmptySegment(t *testing.T) {
	data, s := build(t, writeOptions{Fastest, 1 << 20})
	require.Zero(t, s.RawBytes)
	got, err := readAll(t, data, nil, 1<<10)
	require.NoError(t, err)
	require.Empty(t, got)
	_, err = Verify(context.Background(), bytes.NewReader(data))
	require.NoError(t, err)
	text, err := json.Marshal(s)
	require.NoError(t, err)
	require.NotContains(t, string(text), "null")
	require.NoError(t, json.Unmarshal(text, &Summary{}))
}

// The rows tell of each transaction where it stands and what it holds.
func TestRows(t *testing.T) {
	a, b := small(t, "bin.000001", true, 1), small(t, "bin.000002", true, 6)
	data, _ := build(t, writeOptions{Fastest, 1 << 20}, a, b)
	x, err := ReadIndex(context.Background(), &memory{data: data})
	require.NoError(t, err)
	var rows []Row
	for row, err := range x.Transactions() {
		require.NoError(t, err)
		rows = append(rows, row)
	}
	require.Len(t, rows, 10)
	for i, row := range rows {
		l, base := a, uint64(0)
		if i >= 5 {
			l, base = b, uint64(len(a.raw))
		}
		require.Equal(t, i/5, row.Span)
		require.Equal(t, l.ends[i%5], row.Start)
		require.Equal(t, l.ends[i%5+1], row.End)
		require.Equal(t, Range{base + row.Start - 4, base + row.End - 4}, row.Range())
		require.EqualValues(t, i+1, row.GTID.N)
		require.EqualValues(t, i%5+1, row.SequenceNumber)
		require.EqualValues(t, i%5, row.LastCommitted)
		require.Equal(t, at(int64(i+1)), row.Committed)
		require.Equal(t, row.Committed, row.Originally)
	}
	require.Equal(t, 5, rows[1].Events)
	require.Equal(t, "shop", rows[1].Tables[0].Schema)
	require.Equal(t, "orders", rows[1].Tables[0].Table)
	require.Equal(t, binlog.Update, rows[1].Tables[0].Ops)
	require.Equal(t, []binlog.Statement{{SQLMode: 1411383296, Changed: true, Text: "DROP DATABASE shop"}}, rows[4].Statements)

	row, found, err := x.Find(rows[7].GTID)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, rows[7], row)
	_, found, err = x.Find(binlog.GTID{SID: row.GTID.SID, N: 11})
	require.NoError(t, err)
	require.False(t, found)
}

// Rows are equal to the transactions they were made of, also where everything about them is odd.
func TestOddRows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	l := newLog(t, "bin.000001", true, 1)
	var want []binlog.Transaction
	b := NewIndexBuilder(binlog.GTIDSet{}, false)
	pos := uint64(4)
	for span := range 20 {
		b.BeginSpan(testServer, fmt.Sprintf("f%d", span), pos, l.format)
		start := pos
		for range rnd.IntN(30) {
			tx := oddTransaction(rnd, pos+uint64(rnd.IntN(2)*rnd.IntN(1000)))
			pos = tx.End
			want = append(want, tx)
			b.Add(&tx)
		}
		pos += uint64(rnd.IntN(50))
		for n := pos - start; n > 0; { // Extend takes an int
			step := min(n, 1<<30)
			b.Extend(int(step))
			n -= step
		}
	}
	require.NoError(t, b.matches(b.spans))
	x := indexOf(t, b)
	i := 0
	for row, err := range x.Transactions() {
		require.NoError(t, err)
		require.Equal(t, want[i], row.Transaction)
		i++
	}
	require.Equal(t, len(want), i)
	require.NoError(t, x.Verify())
}

// indexOf encodes what b holds, with frames that nobody reads, and reads it back.
func indexOf(tb testing.TB, b *IndexBuilder) *Index {
	s := b.Summary()
	var frames []FrameInfo
	end := int64(fileHeaderSize)
	for i := range b.spans {
		for at := b.spans[i].RawStart; at < b.spans[i].rawEnd(); {
			n := int(min(MaxFrame, b.spans[i].rawEnd()-at))
			f := FrameInfo{Offset: end, StoredLen: frameHeaderSize + 1, RawStart: at, RawLen: n}
			frames, at, end = append(frames, f), at+uint64(n), f.end()
		}
	}
	head, err := appendHead(nil, &s, b.spans, frames)
	require.NoError(tb, err)
	f, err := b.packed.frame(head)
	require.NoError(tb, err)
	x, err := openIndex(&trailer{indexOffset: end, indexLength: int64(len(f)), rawTotal: b.raw}, f)
	require.NoError(tb, err)
	require.Equal(tb, frames, x.Frames)
	return x
}

func oddTransaction(rnd *rand.Rand, start uint64) binlog.Transaction {
	tx := binlog.Transaction{
		Start: start, End: start + 1 + rnd.Uint64N(1<<uint(1+rnd.IntN(32))), Events: rnd.IntN(1000),
		SequenceNumber: rnd.Int64(), LastCommitted: -rnd.Int64(), Opaque: rnd.IntN(5) == 0,
	}
	if rnd.IntN(5) > 0 {
		tx.GTID.N = 1 + rnd.Int64N(1<<62)
		tx.GTID.SID.UUID[3] = byte(rnd.IntN(3))
		tx.GTID.SID.Tag = []string{"", "", "blue"}[rnd.IntN(3)]
	}
	if rnd.IntN(5) > 0 {
		tx.Committed = at(rnd.Int64N(1 << 40))
	}
	if tx.Originally = tx.Committed; rnd.IntN(3) == 0 {
		tx.Originally = at(rnd.Int64N(1 << 40))
	}
	for range rnd.IntN(4) {
		tx.Tables = append(tx.Tables, binlog.TableChange{
			Schema: fmt.Sprintf("s%d", rnd.IntN(10)), Table: fmt.Sprintf("t%d", rnd.IntN(200)),
			Ops: binlog.Ops(rnd.IntN(8)), Bytes: rnd.Uint64N(1 << 40),
		})
	}
	for range rnd.IntN(3) * rnd.IntN(3) {
		text := make([]byte, rnd.IntN(1000)*rnd.IntN(66))
		for i := range text {
			text[i] = byte(rnd.IntN(256))
		}
		tx.Statements = append(tx.Statements, binlog.Statement{
			Schema: []string{"", "s1", "other"}[rnd.IntN(3)], SQLMode: rnd.Uint64(), Charset: uint16(rnd.Uint32()), Changed: rnd.IntN(2) == 0,
			Text: string(text), Cut: rnd.IntN(2) == 0,
		})
	}
	return tx
}

// An index larger than the first guess takes a second read, and not a third.
func TestLargeIndex(t *testing.T) {
	l := newLog(t, "bin.000001", true, 1)
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		text := make([]byte, 500)
		for i := range text {
			text[i] = byte('a' + rnd.IntN(26))
		}
		l.statement("shop", "CREATE VIEW v AS SELECT '"+string(text)+"'")
	}
	data, s := build(t, writeOptions{Fastest, 1 << 20}, l)
	require.Greater(t, s.IndexLength, int64(indexGuess))
	blob := &memory{data: data}
	x, err := ReadIndex(context.Background(), blob)
	require.NoError(t, err)
	require.Equal(t, 2, blob.reads)
	require.NoError(t, x.Verify())
	require.Equal(t, s, x.Summary)
	_, err = Verify(context.Background(), bytes.NewReader(data))
	require.NoError(t, err)
}

// Memory for an index stays bounded where statements are huge: beyond a limit only their beginning is kept.
func TestLongStatementsAreCut(t *testing.T) {
	e := newRowEncoder()
	tx := binlog.Transaction{Start: 4, End: 9, Statements: []binlog.Statement{{Text: string(make([]byte, 5000))}}}
	require.Less(t, len(e.append(nil, &tx, 0, 4, true)), 1100)
	require.Greater(t, len(e.append(nil, &tx, 0, 4, false)), 5000)
}

// A transaction with more statements than a row may hold becomes opaque instead of an index that cannot be read.
func TestAbsurdTransactionIsOpaque(t *testing.T) {
	l := newLog(t, "bin.000001", true, 1)
	b := NewIndexBuilder(binlog.GTIDSet{}, true)
	b.BeginSpan(testServer, l.name, 4, l.format)
	b.Extend(5)
	tx := binlog.Transaction{Start: 4, End: 9, Statements: make([]binlog.Statement, maxPerRow+1)}
	b.Add(&tx)
	require.False(t, tx.Opaque, "the caller's is not changed")
	x := indexOf(t, b)
	require.NoError(t, x.Verify())
	for row, err := range x.Transactions() {
		require.NoError(t, err)
		require.True(t, row.Opaque)
		require.Len(t, row.Statements, maxPerRow)
	}
}

func TestWriterRefuses(t *testing.T) {
	l := small(t, "bin.000001", true, 1)
	enc, err := NewEncoder(Fastest)
	require.NoError(t, err)
	begin := func() (*Writer, *IndexBuilder) {
		w, err := NewWriter(io.Discard)
		require.NoError(t, err)
		return w, NewIndexBuilder(binlog.GTIDSet{}, true)
	}
	w, b := begin()
	require.ErrorIs(t, w.AppendFrame(enc.Frame(nil, l.raw)), errOrder)
	require.ErrorIs(t, w.BeginSpan(testServer, "f", 4, nil), errSpan)
	require.NoError(t, w.BeginSpan(testServer, "f", 4, l.format))
	require.ErrorIs(t, w.AppendFrame([]byte("no frame")), ErrCorrupt)
	require.ErrorIs(t, w.AppendFrame(enc.Frame(nil, l.raw)[:50]), ErrCorrupt)
	require.NoError(t, w.AppendFrame(enc.Frame(nil, l.raw)))
	b.BeginSpan(testServer, "f", 4, l.format)
	_, err = w.Finish(b)
	require.ErrorIs(t, err, errOrder, "the index knows less than was written")
	b.Extend(len(l.raw))
	b.Add(&binlog.Transaction{Start: 100, End: 200})
	b.Add(&binlog.Transaction{Start: 150, End: 300})
	_, err = w.Finish(b)
	require.ErrorIs(t, err, errOrder, "transactions overlap")

	w, b = begin()
	require.NoError(t, w.BeginSpan(testServer, "f", 4, l.format))
	b.BeginSpan(testServer, "f", 4, l.format)
	b.Add(&binlog.Transaction{Start: 100, End: 200})
	_, err = w.Finish(b)
	require.ErrorIs(t, err, errOrder, "a transaction lies outside its span")

	_, err = NewEncoder(9)
	require.Error(t, err)
	require.Empty(t, enc.Frame(nil, nil))
}

// More bytes than a frame holds become several frames, and incompressible ones are stored as they are.
func TestEncoderFrames(t *testing.T) {
	raw := make([]byte, 2*MaxFrame+1)
	rnd := rand.New(rand.NewPCG(5, 6))
	for i := range raw[:MaxFrame] {
		raw[i] = byte(rnd.Uint32())
	}
	enc, err := NewEncoder(Fastest)
	require.NoError(t, err)
	frames := enc.Frame([]byte("kept"), raw)
	require.Equal(t, "kept", string(frames[:4]))
	fr := frameReader{r: bytes.NewReader(frames[4:])}
	dec, err := newDecoder()
	require.NoError(t, err)
	defer dec.close()
	var got []byte
	for _, want := range []codec{codecNone, codecZstd, codecNone} {
		f, err := fr.next()
		require.NoError(t, err)
		require.Equal(t, want, f.codec)
		b, err := dec.data(nil, &f)
		require.NoError(t, err)
		got = append(got, b...)
	}
	require.True(t, bytes.Equal(raw, got))
}
