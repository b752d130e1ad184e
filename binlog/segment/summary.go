package segment

import (
	"fmt"
	"slices"
	"time"

	"lastwrite/binlog"
)

// MaxTables is how many table names a Summary lists at most.
const MaxTables = 256

// Summary is what a catalog keeps of a segment. Its JSON form is stable.
type Summary struct {
	Spans        []SpanSummary  `json:"spans"`                  // in the order of the raw stream
	Before       binlog.GTIDSet `json:"before"`                 // transactions executed before the segment's first
	Known        bool           `json:"known"`                  // whether Before is known
	Added        binlog.GTIDSet `json:"added"`                  // transactions in the segment
	First        binlog.GTID    `json:"first_gtid,omitzero"`    // of the first transaction that has a GTID
	Last         binlog.GTID    `json:"last_gtid,omitzero"`     // of the last one
	MinCommitted time.Time      `json:"min_committed,omitzero"` // earliest commit, microseconds; zero: not logged
	MaxCommitted time.Time      `json:"max_committed,omitzero"` // latest commit
	Transactions int64          `json:"transactions"`
	Statements   int            `json:"statements"` // logged as text: DDL, account management
	Schemas      []string       `json:"schemas"`    // sorted: of changed rows, and default databases of statements
	Tables       []string       `json:"tables"`     // sorted schema.table of changed rows; the first MaxTables that appeared
	TablesCut    bool           `json:"tables_cut,omitempty"`
	Opaque       bool           `json:"opaque,omitempty"` // the content of some transactions is not listed completely
	RawBytes     int64          `json:"raw_bytes"`        // of the log
	StoredBytes  int64          `json:"stored_bytes"`     // of the whole segment
	SHA256       string         `json:"sha256"`           // hexadecimal, of all before the trailer; stands in the trailer too
	IndexOffset  int64          `json:"index_offset"`     // of the INDEX frame
	IndexLength  int64          `json:"index_length"`     // in bytes; the trailer follows
}

// SpanSummary is a Span without what is needed to read it.
type SpanSummary struct {
	Server string `json:"server"`
	File   string `json:"file"`
	Start  uint64 `json:"start"`  // offset in the log file
	Length uint64 `json:"length"` // in bytes
}

func summarizeSpans(spans []Span) []SpanSummary {
	out := make([]SpanSummary, len(spans))
	for i := range spans {
		out[i] = SpanSummary{Server: spans[i].Server, File: spans[i].File, Start: spans[i].Start, Length: spans[i].Length}
	}
	return out
}

// compareContent tells in what two summaries of the same events differ. What cannot be found out from the events
// of a segment (what came before it, how it is stored) is left out.
func (s *Summary) compareContent(o *Summary) error {
	switch {
	case !slices.Equal(s.Spans, o.Spans):
		return fmt.Errorf("%w: index lists other spans than the segment has", ErrCorrupt)
	case s.Transactions != o.Transactions || !s.Added.Equal(o.Added) || s.First != o.First || s.Last != o.Last:
		return fmt.Errorf("%w: index counts %d transactions (%s), the segment has %d (%s)", ErrCorrupt, s.Transactions, s.Added, o.Transactions, o.Added)
	case !s.MinCommitted.Equal(o.MinCommitted) || !s.MaxCommitted.Equal(o.MaxCommitted):
		return fmt.Errorf("%w: index tells other times than the segment", ErrCorrupt)
	case s.RawBytes != o.RawBytes:
		return fmt.Errorf("%w: index counts %d bytes, the segment has %d", ErrCorrupt, s.RawBytes, o.RawBytes)
	}
	if s.Opaque || o.Opaque {
		return nil
	}
	if s.Statements != o.Statements || !slices.Equal(s.Schemas, o.Schemas) || !slices.Equal(s.Tables, o.Tables) || s.TablesCut != o.TablesCut {
		return fmt.Errorf("%w: index summarizes other tables or statements than the segment has", ErrCorrupt)
	}
	return nil
}
