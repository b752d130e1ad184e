package segment

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"

	"lastwrite/binlog"
)

// verifyBatch is the size in bytes of the batches in which Verify looks at events.
const verifyBatch = 1 << 20

// Verify reads a whole segment from its first byte to its last and checks all there is: every frame's hash, the SHA-256,
// every event's header, offset and CRC32, that the spans hold whole transactions, and that the index says of them what they
// say themselves. It returns what the index summarizes. Errors are ErrCorrupt, ErrTruncated and ErrVersion, each with the
// offset where that can be told, and the reader's own. Memory does not grow with the segment, apart from its index.
func Verify(ctx context.Context, r io.Reader) (Summary, error) {
	return verify(ctx, r, verifyBatch)
}

func verify(ctx context.Context, r io.Reader, batch int) (Summary, error) {
	v := verifier{scan: Scan(r), index: NewIndexBuilder(binlog.GTIDSet{}, false), asm: binlog.NewAssembler()}
	v.scan.in.sum = sha256.New()
	defer v.scan.close()
	x, err := v.run(ctx, batch)
	if err != nil {
		return Summary{}, fmt.Errorf("verify segment: %w", err)
	}
	return x.Summary, nil
}

// verifier indexes the segment anew, and compares.
type verifier struct {
	scan   *Scanner
	spans  []*Span
	frames []FrameInfo

	index   *IndexBuilder
	indexed int // spans the index knows
	asm     *binlog.Assembler
}

func (v *verifier) run(ctx context.Context, batch int) (*Index, error) {
	if err := v.events(ctx, batch); err != nil {
		return nil, err
	}
	t, x, err := v.end()
	if err != nil {
		return nil, err
	}
	if err := v.layout(t, x); err != nil {
		return nil, err
	}
	found := v.index.Summary()
	if err := x.compareContent(&found); err != nil {
		return nil, err
	}
	return x, v.rows(x)
}

// next yields the content of the next DATA frame.
func (v *verifier) next(ctx context.Context) (chunk, error) {
	for v.scan.Next() {
		if ctx.Err() != nil {
			return chunk{}, context.Cause(ctx)
		}
		f := v.scan.Frame()
		if f.Raw == nil {
			span := f.Span
			span.Length = math.MaxInt64 - span.Start // not known yet
			v.spans = append(v.spans, &span)
			continue
		}
		start := f.Span.rawEnd() - uint64(len(f.Raw))
		v.frames = append(v.frames, FrameInfo{Offset: f.Offset, StoredLen: len(f.Bytes), RawStart: start, RawLen: len(f.Raw)})
		return chunk{span: v.spans[len(v.spans)-1], start: start, data: f.Raw}, nil
	}
	if err := v.scan.Err(); err != nil {
		return chunk{}, err
	}
	if !v.scan.Finished() {
		return chunk{}, fmt.Errorf("%w: ends at offset %d, before the index", ErrTruncated, v.scan.Offset())
	}
	return chunk{}, io.EOF
}

// events indexes all events.
func (v *verifier) events(ctx context.Context, batch int) error {
	pool := binlog.NewPool(1, batch)
	cut := cutter{src: v}
	for {
		b, err := pool.Get(ctx)
		if err != nil {
			return err
		}
		if err = cut.fill(ctx, b); err == nil {
			err = v.batch(b, cut.used)
		}
		b.Release()
		if err == io.EOF {
			return v.caughtUp()
		}
		if err != nil {
			return err
		}
	}
}

// catchUp tells the index of all spans before the given number of them.
func (v *verifier) catchUp(n int) error {
	for ; v.indexed < n; v.indexed++ {
		if v.asm.Open() {
			return fmt.Errorf("%w: %s ends inside transaction %s", ErrCorrupt, v.spans[v.indexed-1].File, v.asm.Transaction().GTID)
		}
		s := v.spans[v.indexed]
		v.index.BeginSpan(s.Server, s.File, s.Start, s.Format)
	}
	return nil
}

// caughtUp tells the index of the spans behind the last event, and makes sure that no transaction is open.
func (v *verifier) caughtUp() error {
	if v.asm.Open() {
		return fmt.Errorf("%w: ends inside transaction %s", ErrCorrupt, v.asm.Transaction().GTID)
	}
	return v.catchUp(len(v.spans))
}

func (v *verifier) batch(b *binlog.Batch, span *Span) error {
	at := v.indexed - 1
	for at < 0 || v.spans[at] != span {
		at++
	}
	if err := v.catchUp(at + 1); err != nil {
		return err
	}
	v.index.Extend(b.Bytes())
	for i := range b.Events {
		step, err := v.asm.Add(&b.Events[i], b.Format)
		if err != nil {
			return fmt.Errorf("%w: %s:%d: %w", ErrCorrupt, b.File, b.Events[i].Start, err)
		}
		if step == binlog.End {
			v.index.Add(v.asm.Transaction())
		}
	}
	return nil
}

// end reads what comes behind the DATA frames.
func (v *verifier) end() (*trailer, *Index, error) {
	in, index := &v.scan.in, v.scan.frame
	sum := in.sum.Sum(nil)
	in.sum, in.buf = nil, nil
	if err := in.take(TrailerSize); err == io.EOF {
		return nil, nil, fmt.Errorf("%w: ends at offset %d, before the trailer", ErrTruncated, in.offset)
	} else if err != nil {
		return nil, nil, err
	}
	t, err := decodeTrailer(in.buf)
	if err != nil {
		return nil, nil, err
	}
	in.buf = nil
	if err := in.take(1); err == nil {
		return nil, nil, corrupt(in.offset, "bytes behind the trailer")
	} else if err != io.EOF {
		return nil, nil, err
	}
	if !bytes.Equal(sum, t.sum[:]) {
		return nil, nil, fmt.Errorf("%w: SHA-256 is %x, the trailer says %x", ErrCorrupt, sum, t.sum)
	}
	if t.indexOffset != index.offset || t.indexLength != int64(len(index.bytes)) {
		return nil, nil, corrupt(index.offset, "trailer names an index of %d bytes at %d", t.indexLength, t.indexOffset)
	}
	x, err := openIndex(t, index.bytes)
	return t, x, err
}

// layout compares what the index says of spans and frames with what was met.
func (v *verifier) layout(t *trailer, x *Index) error {
	v.index.endSpan()
	if v.index.err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, v.index.err)
	}
	if t.rawTotal != v.index.raw {
		return fmt.Errorf("%w: trailer counts %d bytes of the log, there are %d", ErrCorrupt, t.rawTotal, v.index.raw)
	}
	same := func(a, b Span) bool {
		return a.samePlace(&b) && a.RawStart == b.RawStart && sameFormat(a.Format, b.Format)
	}
	if !slices.EqualFunc(x.Spans, v.index.spans, same) || !slices.Equal(x.Frames, v.frames) {
		return fmt.Errorf("%w: index names other spans or frames than there are", ErrCorrupt)
	}
	return nil
}

// rows compares the rows of the index with those that the events give.
func (v *verifier) rows(x *Index) error {
	anew, err := v.reindex(x)
	if err != nil {
		return err
	}
	next, stop := iter.Pull2(anew.Transactions())
	defer stop()
	for row, err := range x.Transactions() {
		if err != nil {
			return err
		}
		want, err, more := next()
		if err != nil {
			return err
		}
		if !more || !sameRow(&row, &want) {
			return fmt.Errorf("%w: index does not describe %s at %s:%d as it is", ErrCorrupt, row.GTID, x.Spans[row.Span].File, row.Start)
		}
	}
	return nil
}

// reindex turns what was found into an index like x.
func (v *verifier) reindex(x *Index) (*Index, error) {
	found := v.index.Summary()
	head, err := appendHead(nil, &found, x.Spans, x.Frames)
	if err != nil {
		return nil, err
	}
	f, err := v.index.packed.frame(head)
	if err != nil {
		return nil, err
	}
	return openIndex(&trailer{indexOffset: x.IndexOffset, indexLength: int64(len(f)), rawTotal: uint64(x.RawBytes)}, f)
}

// sameRow tells whether both rows are of the same transaction. What it holds is compared only where both know it.
func sameRow(a, b *Row) bool {
	if a.GTID != b.GTID || a.Span != b.Span || a.Start != b.Start || a.End != b.End || a.Events != b.Events ||
		!a.Committed.Equal(b.Committed) || !a.Originally.Equal(b.Originally) ||
		a.LastCommitted != b.LastCommitted || a.SequenceNumber != b.SequenceNumber {
		return false
	}
	if a.Opaque || b.Opaque {
		return true
	}
	return slices.Equal(a.Tables, b.Tables) && slices.EqualFunc(a.Statements, b.Statements, sameStatement)
}

// sameStatement allows for texts that were cut at different places.
func sameStatement(a, b binlog.Statement) bool {
	if a.Cut || b.Cut {
		n := min(len(a.Text), len(b.Text))
		a.Text, b.Text, a.Cut, b.Cut = a.Text[:n], b.Text[:n], false, false
	}
	return a == b
}
