package segment

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"

	"lastwrite/binlog"
)

// indexGuess is how much of a segment's end is read at first: in most segments it holds the whole index.
const indexGuess = 64 << 10

// Index tells what a segment holds. It is not changed once it was read, and may be shared.
type Index struct {
	Summary
	Spans  []Span      // hides Summary.Spans, and has more
	Frames []FrameInfo // the DATA frames, in order

	stored  []byte // rows and what stands before them, compressed
	rawLen  int    // of stored, decompressed
	headLen int64  // of what stands before the rows, decompressed
}

// ReadIndex reads the index of a finished segment from its end: with one read, with a second only if
// the index is large. It returns ErrCorrupt, ErrTruncated or ErrVersion where there is no index to be read,
// and the blob's own errors.
func ReadIndex(ctx context.Context, b Blob) (*Index, error) {
	end, err := readRange(ctx, b, -indexGuess, indexGuess)
	if err != nil {
		return nil, err
	}
	t, err := decodeTrailer(end)
	if err != nil {
		return nil, fmt.Errorf("read segment index: %w", err)
	}
	whole := len(end) < indexGuess
	if (whole && t.size() != int64(len(end))) || t.size() < int64(len(end)) {
		return nil, fmt.Errorf("read segment index: %w: %d bytes instead of %d", ErrCorrupt, len(end), t.size())
	}
	end = end[:len(end)-TrailerSize]
	if t.indexLength <= int64(len(end)) {
		return openIndex(t, end[int64(len(end))-t.indexLength:])
	}
	index, err := readRange(ctx, b, t.indexOffset, t.indexLength)
	if err != nil {
		return nil, err
	}
	return openIndex(t, index)
}

// ReadIndexOf reads the index of the segment that s describes, with one read of just its bytes. It returns ErrCorrupt
// where the blob is not that segment, and otherwise the errors of ReadIndex.
func ReadIndexOf(ctx context.Context, b Blob, s *Summary) (*Index, error) {
	end, err := readRange(ctx, b, s.IndexOffset, s.IndexLength+TrailerSize)
	if err != nil {
		return nil, err
	}
	t, err := decodeTrailer(end)
	if err != nil {
		return nil, fmt.Errorf("read segment index: %w", err)
	}
	var found Summary
	found.stored(t)
	if found.SHA256 != s.SHA256 || found.IndexOffset != s.IndexOffset || found.IndexLength != s.IndexLength {
		return nil, fmt.Errorf("read segment index: %w: it is not the segment with hash %s", ErrCorrupt, s.SHA256)
	}
	return openIndex(t, end[:len(end)-TrailerSize])
}

// readRange reads at most length bytes; memory grows with what is there.
func readRange(ctx context.Context, b Blob, offset, length int64) ([]byte, error) {
	r, err := b.ReadRange(ctx, offset, length)
	if err != nil {
		return nil, fmt.Errorf("read segment index: %w", err)
	}
	defer func() { _ = r.Close() }()
	out, err := io.ReadAll(io.LimitReader(r, length))
	if err != nil {
		return nil, fmt.Errorf("read segment index: %w", err)
	}
	return out, nil
}

// openIndex reads an INDEX frame that b consists of.
func openIndex(t *trailer, b []byte) (*Index, error) {
	fr := frameReader{r: bytes.NewReader(b), offset: t.indexOffset}
	f, err := fr.next()
	if err == io.EOF {
		err = ErrTruncated
	}
	if err == nil && (f.kind != kindIndex || int64(len(f.bytes)) != t.indexLength) {
		err = corrupt(t.indexOffset, "not an index of %d bytes", t.indexLength)
	}
	if err != nil {
		return nil, fmt.Errorf("read segment index: %w", err)
	}
	x := &Index{stored: f.body(), rawLen: f.raw}
	x.Summary.stored(t)
	in, err := unpack(x.stored, x.rawLen)
	if err != nil {
		return nil, err
	}
	defer in.close()
	if err := readHead(in, x); err != nil {
		return nil, fmt.Errorf("read segment index: %w", err)
	}
	x.Summary.Spans = summarizeSpans(x.Spans)
	return x, nil
}

// Transactions yields the rows in the order of the log. They are decoded as they are asked for; an error, which
// is ErrCorrupt, is the last thing yielded.
func (x *Index) Transactions() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		in, err := unpack(x.stored, x.rawLen)
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer in.close()
		if _, err := io.CopyN(io.Discard, in, x.headLen); err != nil {
			yield(Row{}, fmt.Errorf("%w: read index: %w", ErrCorrupt, err))
			return
		}
		d := newRowDecoder(in, x.Spans)
		for range x.Summary.Transactions {
			row, err := d.row()
			if err != nil {
				yield(Row{}, err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := in.end(); err != nil {
			yield(Row{}, err)
		}
	}
}

// Verify reads all rows and compares them with the Summary. It does not look at the log's events; for
// that see the function Verify.
func (x *Index) Verify() error {
	facts := newFacts()
	for row, err := range x.Transactions() {
		if err != nil {
			return fmt.Errorf("verify segment index: %w", err)
		}
		facts.add(&row.Transaction)
	}
	found := facts.summary()
	found.Spans, found.RawBytes = x.Summary.Spans, x.RawBytes
	if err := x.compareContent(&found); err != nil {
		return fmt.Errorf("verify segment index: %w", err)
	}
	return nil
}

// Find returns the row of a transaction, and whether there is one.
func (x *Index) Find(g binlog.GTID) (Row, bool, error) {
	if !x.Added.Has(g) {
		return Row{}, false, nil
	}
	for row, err := range x.Transactions() {
		if err != nil || row.GTID == g {
			return row, err == nil, err
		}
	}
	return Row{}, false, nil
}
