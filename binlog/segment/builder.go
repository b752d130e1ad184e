package segment

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lastwrite/binlog"
)

// errOrder says that an IndexBuilder was told things that cannot stand in a segment.
var errOrder = errors.New("index cannot be built")

// IndexBuilder collects what a segment's index will hold. It is independent of the Writer, so that it may
// be filled in another goroutine. Errors are kept until Writer.Finish.
type IndexBuilder struct {
	spans []Span
	raw   uint64
	done  uint64 // offset in the current span's file behind the last transaction

	before binlog.GTIDSet
	known  bool
	facts  facts
	rows   rowEncoder
	packed packer
	err    error
}

// NewIndexBuilder starts the index of a segment. Before is the set of all GTIDs executed before
// the segment; known tells whether it is known.
func NewIndexBuilder(before binlog.GTIDSet, known bool) *IndexBuilder {
	return &IndexBuilder{before: before, known: known, facts: newFacts(), rows: newRowEncoder()}
}

// SetBefore tells which GTIDs were executed before the segment, once that is known.
func (b *IndexBuilder) SetBefore(before binlog.GTIDSet) { b.before, b.known = before, true }

// BeginSpan says that what follows stands in a log file from offset start on.
func (b *IndexBuilder) BeginSpan(server, file string, start uint64, f *binlog.Format) {
	b.endSpan()
	s := Span{Server: server, File: file, Start: start, RawStart: b.raw, Format: f}
	b.fail(checkSpan(&s))
	b.spans = append(b.spans, s)
	b.done = start
}

// endSpan checks that the transactions of the current span lie inside it.
func (b *IndexBuilder) endSpan() {
	if n := len(b.spans); n > 0 && b.done > b.spans[n-1].End() {
		b.fail(fmt.Errorf("%w: a transaction ends at %d and its span %s at %d", errOrder, b.done, b.spans[n-1].File, b.spans[n-1].End()))
	}
}

func (b *IndexBuilder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Extend says that n raw bytes more belong to the current span.
func (b *IndexBuilder) Extend(n int) {
	if len(b.spans) == 0 || n < 0 {
		b.fail(fmt.Errorf("%w: %d bytes belong to no span", errOrder, n))
		return
	}
	b.spans[len(b.spans)-1].Length += uint64(n)
	b.raw += uint64(n)
}

// Add adds a transaction, whose Start and End are offsets in the current span's file. Transactions come in
// the order of the log. What t holds is copied.
func (b *IndexBuilder) Add(t *binlog.Transaction) {
	if len(b.spans) == 0 || t.Start < b.done || t.End <= t.Start {
		b.fail(fmt.Errorf("%w: transaction %s from %d to %d comes where %d was reached", errOrder, t.GTID, t.Start, t.End, b.done))
	}
	b.fail(checkTransaction(t))
	if b.err != nil {
		return
	}
	b.done = t.End
	t = limit(t)
	b.facts.add(t)
	b.packed.raw = b.rows.append(b.packed.raw, t, len(b.spans)-1, b.spans[len(b.spans)-1].Start, b.packed.large())
	b.fail(b.packed.pack(false))
}

// limit leaves out of an absurd transaction what no row may hold, and says so.
func limit(t *binlog.Transaction) *binlog.Transaction {
	if len(t.Tables) <= maxPerRow && len(t.Statements) <= maxPerRow {
		return t
	}
	out := *t
	out.Opaque = true
	out.Tables = t.Tables[:min(len(t.Tables), maxPerRow)]
	out.Statements = t.Statements[:min(len(t.Statements), maxPerRow)]
	return &out
}

// checkTransaction makes sure that a row can be read back.
func checkTransaction(t *binlog.Transaction) error {
	long := len(t.GTID.SID.Tag) > maxTagLen
	for i := range t.Tables {
		long = long || len(t.Tables[i].Schema) > maxNameLen || len(t.Tables[i].Table) > maxNameLen
	}
	for i := range t.Statements {
		long = long || len(t.Statements[i].Schema) > maxNameLen
	}
	if long {
		return fmt.Errorf("%w: a name in transaction %s is too long", errOrder, t.GTID)
	}
	return nil
}

// Summary tells what was collected. How the segment is stored is not known here.
func (b *IndexBuilder) Summary() Summary {
	s := b.facts.summary()
	s.Spans, s.Before, s.Known, s.RawBytes = summarizeSpans(b.spans), b.before, b.known, int64(b.raw)
	return s
}

// matches tells whether what was collected belongs to the spans that were written.
func (b *IndexBuilder) matches(spans []Span) error {
	b.endSpan()
	if b.err != nil {
		return b.err
	}
	if !slices.EqualFunc(b.spans, spans, func(x, y Span) bool { return x.samePlace(&y) && sameFormat(x.Format, y.Format) }) {
		return fmt.Errorf("%w: it was told of other spans than were written: %v, written %v", errOrder, summarizeSpans(b.spans), summarizeSpans(spans))
	}
	return nil
}

// facts is the part of a Summary that is collected from transactions.
type facts struct {
	added        *binlog.GTIDSetBuilder
	first, last  binlog.GTID
	min, max     time.Time
	transactions int64
	statements   int
	schemas      map[string]struct{}
	tables       map[tableName]struct{}
	cut, opaque  bool
}

type tableName struct{ schema, table string }

func newFacts() facts {
	return facts{
		added:   binlog.NewGTIDSetBuilder(binlog.GTIDSet{}),
		schemas: map[string]struct{}{}, tables: map[tableName]struct{}{},
	}
}

func (f *facts) add(t *binlog.Transaction) {
	f.transactions++
	f.statements += len(t.Statements)
	f.opaque = f.opaque || t.Opaque
	if !t.GTID.IsZero() {
		f.added.Add(t.GTID)
		f.last = t.GTID
		if f.first.IsZero() {
			f.first = t.GTID
		}
	}
	if !t.Committed.IsZero() {
		if f.min.IsZero() || t.Committed.Before(f.min) {
			f.min = t.Committed
		}
		if t.Committed.After(f.max) {
			f.max = t.Committed
		}
	}
	for i := range t.Tables {
		if t.Tables[i].Ops != 0 {
			f.table(tableName{t.Tables[i].Schema, t.Tables[i].Table})
		}
	}
	for i := range t.Statements {
		if s := t.Statements[i].Schema; s != "" {
			f.schemas[s] = struct{}{}
		}
	}
}

func (f *facts) table(name tableName) {
	if _, seen := f.tables[name]; seen {
		return
	}
	f.schemas[name.schema] = struct{}{}
	if len(f.tables) >= MaxTables {
		f.cut = true
		return
	}
	f.tables[name] = struct{}{}
}

func (f *facts) summary() Summary {
	s := Summary{
		Added: f.added.Set(), First: f.first, Last: f.last, MinCommitted: f.min, MaxCommitted: f.max,
		Transactions: f.transactions, Statements: f.statements, TablesCut: f.cut, Opaque: f.opaque,
		Schemas: slices.AppendSeq([]string{}, maps.Keys(f.schemas)), Tables: make([]string, 0, len(f.tables)),
	}
	slices.Sort(s.Schemas)
	for t := range f.tables {
		s.Tables = append(s.Tables, t.schema+"."+t.table)
	}
	slices.Sort(s.Tables)
	return s
}
