package archive

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"lastwrite/binlog"
	"lastwrite/binlog/segment"
	"lastwrite/binlog/statement"
)

// Query says which transactions are wanted. Fields that are not set ask for nothing; those that are must all hold.
type Query struct {
	From, To    time.Time      // committed from, and up to and including
	GTIDs       binlog.GTIDSet // one of these
	Schema      string         // changes something in this database
	Table       string         // changes this table (of Schema, where that is set)
	Ops         binlog.Ops     // has row changes of one of these kinds
	Kinds       []string       // has a statement of one of these kinds (names of statement.Kind); "ddl" for any statement that is not rows
	Pattern     *statement.Pattern
	Destructive bool // has a statement that destroys data or objects
	Reverse     bool // newest first
	Limit       int  // 0: no limit
}

// Found is a transaction that a query asked for.
type Found struct {
	binlog.Transaction
	Server  string
	File    string
	Effects []statement.Effect // of Statements, in order
}

// Transactions yields what the query asks for in the order of the log, or backwards. Segments that cannot hold any of
// it are not read; of the others, only the index is.
func (a *Archive) Transactions(ctx context.Context, q Query) iter.Seq2[*Found, error] {
	return func(yield func(*Found, error) bool) {
		s := newSearch(q)
		left := q.Limit
		for i := range a.entries {
			if q.Reverse {
				i = len(a.entries) - 1 - i
			}
			e := a.entries[i]
			if !s.mayHold(&e.Summary) {
				continue
			}
			found, err := a.searchSegment(ctx, e, &s)
			if err != nil {
				yield(nil, err)
				return
			}
			if q.Reverse {
				slices.Reverse(found)
			}
			for _, f := range found {
				if !yield(f, nil) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
		}
	}
}

func (a *Archive) searchSegment(ctx context.Context, e *Entry, s *search) ([]*Found, error) {
	index, err := segment.ReadIndex(ctx, a.blob(e))
	if err != nil {
		return nil, fmt.Errorf("read index of %s: %w", e.Key, err)
	}
	var out []*Found
	for row, err := range index.Transactions() {
		if err != nil {
			return nil, fmt.Errorf("read index of %s: %w", e.Key, err)
		}
		if f := s.match(&row, index); f != nil {
			out = append(out, f)
		}
	}
	return out, nil
}

// search holds what one query needs.
type search struct {
	q          Query
	classifier *statement.Classifier
}

func newSearch(q Query) search { return search{q: q, classifier: statement.New()} }

// mayHold tells whether a segment can hold what is wanted.
func (s *search) mayHold(sum *segment.Summary) bool {
	q := &s.q
	switch {
	case sum.Transactions == 0,
		!q.From.IsZero() && sum.MaxCommitted.Before(q.From),
		!q.To.IsZero() && sum.MinCommitted.After(q.To),
		!q.GTIDs.IsEmpty() && sum.Added.Intersect(q.GTIDs).IsEmpty(),
		s.wantsStatement() && sum.Statements == 0 && !sum.Opaque:
		return false
	case sum.Opaque || s.wantsStatement():
		return true
	}
	return s.mayTouch(sum)
}

// mayTouch compares with the lists of databases and tables that have row changes. Statements may name any.
func (s *search) mayTouch(sum *segment.Summary) bool {
	q := &s.q
	if sum.Statements > 0 {
		return true
	}
	if q.Schema != "" && !slices.Contains(sum.Schemas, q.Schema) {
		return false
	}
	if q.Table == "" || sum.TablesCut {
		return true
	}
	if q.Schema != "" {
		return slices.Contains(sum.Tables, q.Schema+"."+q.Table)
	}
	return slices.ContainsFunc(sum.Tables, func(t string) bool { return strings.HasSuffix(t, "."+q.Table) })
}

func (s *search) wantsStatement() bool {
	return s.q.Pattern != nil || s.q.Destructive || len(s.q.Kinds) > 0
}

// match returns the row as a Found when it is what is wanted.
func (s *search) match(row *segment.Row, index *segment.Index) *Found {
	q := &s.q
	t := &row.Transaction
	if !q.From.IsZero() && t.Committed.Before(q.From) || !q.To.IsZero() && t.Committed.After(q.To) {
		return nil
	}
	if !q.GTIDs.IsEmpty() && !q.GTIDs.Has(t.GTID) {
		return nil
	}
	f := &Found{Transaction: *t, Server: index.Spans[row.Span].Server, File: index.Spans[row.Span].File}
	match := q.Pattern == nil
	for _, st := range t.Statements {
		c := s.classifier.Classify([]byte(st.Text), statement.Context{DefaultSchema: st.Schema, SQLMode: st.SQLMode, Charset: st.Charset})
		f.Effects = append(f.Effects, c.Effects...)
		match = match || q.Pattern.Matches(c)
	}
	if !match || !s.matchTables(f) || !s.matchStatements(f) {
		return nil
	}
	return f
}

func (s *search) matchTables(f *Found) bool {
	q := &s.q
	if q.Schema == "" && q.Table == "" && q.Ops == 0 {
		return true
	}
	for _, t := range f.Tables {
		if (q.Schema == "" || t.Schema == q.Schema) && (q.Table == "" || t.Table == q.Table) && (q.Ops == 0 || t.Ops&q.Ops != 0) {
			return true
		}
	}
	if q.Ops != 0 {
		return false
	}
	for _, e := range f.Effects {
		for _, o := range e.Objects {
			if (q.Schema == "" || o.Schema == q.Schema) && (q.Table == "" || o.Name == q.Table) {
				return true
			}
		}
	}
	return false
}

func (s *search) matchStatements(f *Found) bool {
	q := &s.q
	if len(q.Kinds) == 0 && !q.Destructive {
		return true
	}
	for _, e := range f.Effects {
		kind := slices.Contains(q.Kinds, e.Kind.String()) || slices.Contains(q.Kinds, "ddl")
		if (len(q.Kinds) == 0 || kind) && (!q.Destructive || e.Destroys) {
			return true
		}
	}
	return false
}
