package archive

import (
	"context"
	"fmt"
	"io"

	"lastwrite/binlog"
	"lastwrite/binlog/segment"
)

// Log serves a choice of archived transactions, in order.
type Log struct {
	archive *Archive
	serve   binlog.GTIDSet
	before  binlog.GTIDSet
}

// Log returns the log that holds just the transactions of serve, for a replica that has before.
func (a *Archive) Log(serve, before binlog.GTIDSet) *Log { return &Log{a, serve, before} }

// GTIDs is everything that the log holds or presumes.
func (l *Log) GTIDs() binlog.GTIDSet { return l.serve.Union(l.before) }

// memory of a Source, in batches and bytes each
const (
	sourceBatches   = 4
	sourceBatchSize = 1 << 20
)

// Open returns what of the log is not in have. It fails with ErrNotFound when a transaction to be
// served is not in the archive.
func (l *Log) Open(_ context.Context, have binlog.GTIDSet) (binlog.Source, error) {
	want := l.serve.Subtract(have)
	src := &source{archive: l.archive, want: want, pool: binlog.NewPool(sourceBatches, sourceBatchSize)}
	missing := want
	for _, e := range l.archive.entries {
		if part := e.Summary.Added.Intersect(missing); !part.IsEmpty() {
			src.entries = append(src.entries, e)
			missing = missing.Subtract(part)
		}
	}
	if !missing.IsEmpty() {
		return nil, fmt.Errorf("%w: transactions %s", ErrNotFound, missing)
	}
	return src, nil
}

// source reads the segments that hold what is wanted, one after the other.
type source struct {
	archive *Archive
	entries []*Entry
	want    binlog.GTIDSet
	pool    *binlog.Pool
	reader  *segment.Reader
}

// Next returns the next batch, or io.EOF.
func (s *source) Next(ctx context.Context) (*binlog.Batch, error) {
	for {
		if s.reader == nil {
			if len(s.entries) == 0 {
				return nil, io.EOF
			}
			if err := s.open(ctx, s.entries[0]); err != nil {
				return nil, fmt.Errorf("read %s: %w", s.entries[0].Key, err)
			}
		}
		b, err := s.reader.Next(ctx)
		if err == nil {
			return b, nil
		}
		key := s.entries[0].Key
		s.reader.Close()
		s.reader, s.entries = nil, s.entries[1:]
		if err != io.EOF {
			return nil, fmt.Errorf("read %s: %w", key, err)
		}
	}
}

// Close gives up what was not read.
func (s *source) Close() error {
	if s.reader == nil {
		return nil
	}
	s.reader.Close()
	s.reader, s.entries = nil, nil
	return nil
}

// open reads a segment's index and starts reading the parts that are wanted: whole spans, but for the transactions that are not.
func (s *source) open(ctx context.Context, e *Entry) error {
	blob := s.archive.blob(e)
	index, err := segment.ReadIndex(ctx, blob)
	if err != nil {
		return err
	}
	ranges, err := wanted(index, s.want)
	if err != nil {
		return err
	}
	s.reader = segment.NewReader(index, blob, ranges, s.pool)
	return nil
}

// wanted lists the raw ranges of a segment without the transactions that are not in want.
func wanted(index *segment.Index, want binlog.GTIDSet) ([]segment.Range, error) {
	var out []segment.Range
	from := uint64(0)
	for row, err := range index.Transactions() {
		if err != nil {
			return nil, err
		}
		if want.Has(row.GTID) {
			continue
		}
		if from < row.RawStart {
			out = append(out, segment.Range{From: from, To: row.RawStart})
		}
		from = row.RawStart + row.Size()
	}
	if end := uint64(index.Summary.RawBytes); from < end {
		out = append(out, segment.Range{From: from, To: end})
	}
	return out, nil
}
