package archive

import (
	"context"
	"fmt"
	"time"

	"lastwrite/binlog"
	"lastwrite/binlog/segment"
)

// Cut is a place between two transactions of the archived history.
type Cut struct {
	Executed binlog.GTIDSet // every transaction before the cut, those before the stretch included
	Stretch  int            // number of the stretch (Archive.Stretches) the cut is in
	Last     *Found         // the archived transaction before the cut; nil at the start of a stretch
	Next     *Found         // the one behind it; nil at the end of the stretch
}

// CutBefore returns the place just before a transaction. ErrNotFound: the archive does not have it.
func (a *Archive) CutBefore(ctx context.Context, g binlog.GTID) (Cut, error) {
	return a.cutAround(ctx, g, func(t *binlog.Transaction) bool { return t.GTID == g }, false)
}

// CutAfter returns the place just behind a transaction. ErrNotFound: the archive does not have it.
func (a *Archive) CutAfter(ctx context.Context, g binlog.GTID) (Cut, error) {
	return a.cutAround(ctx, g, func(t *binlog.Transaction) bool { return t.GTID == g }, true)
}

func (a *Archive) cutAround(ctx context.Context, g binlog.GTID, at func(*binlog.Transaction) bool, after bool) (Cut, error) {
	for n, st := range a.Stretches() {
		for i := st.first; i <= st.last; i++ {
			if a.entries[i].Summary.Added.Has(g) {
				return a.cut(ctx, st, n, i, at, after)
			}
		}
		if st.Before.Has(g) && n == 0 {
			return Cut{}, fmt.Errorf("%w: %s was executed before the archive begins", ErrOutsideWindow, g)
		}
	}
	return Cut{}, fmt.Errorf("%w: transaction %s", ErrNotFound, g)
}

// CutAt returns the end of the longest run of transactions, from the start of its stretch, none of which was committed after t.
// The commit time is the one of the server whose log is archived. ErrOutsideWindow: t lies before the first archived commit, or
// in a gap; a t behind the last commit is the end of the archive.
func (a *Archive) CutAt(ctx context.Context, t time.Time) (Cut, error) {
	stretches := a.Stretches()
	for n, st := range stretches {
		if st.Transactions == 0 || t.Before(st.From) {
			continue
		}
		if next := n + 1; next < len(stretches) && !t.Before(stretches[next].From) && stretches[next].Transactions > 0 {
			continue
		}
		return a.cutInStretch(ctx, stretches, n, t)
	}
	return Cut{}, fmt.Errorf("%w: nothing is archived of %s", ErrOutsideWindow, t.Format(time.RFC3339Nano))
}

func (a *Archive) cutInStretch(ctx context.Context, stretches []Stretch, n int, t time.Time) (Cut, error) {
	st := stretches[n]
	for i := st.first; i <= st.last; i++ {
		if a.entries[i].Summary.Transactions > 0 && a.entries[i].Summary.MaxCommitted.After(t) {
			return a.cut(ctx, st, n, i, func(x *binlog.Transaction) bool { return x.Committed.After(t) }, false)
		}
	}
	if n+1 < len(stretches) {
		return Cut{}, fmt.Errorf("%w: %s lies in the gap between %s and %s", ErrGap,
			t.Format(time.RFC3339Nano), st.To.Format(time.RFC3339Nano), stretches[n+1].From.Format(time.RFC3339Nano))
	}
	return a.end(ctx, st, n)
}

// Latest returns the end of the archive.
func (a *Archive) Latest(ctx context.Context) (Cut, error) {
	stretches := a.Stretches()
	if len(stretches) == 0 {
		return Cut{}, fmt.Errorf("%w: the archive is empty", ErrOutsideWindow)
	}
	n := len(stretches) - 1
	return a.end(ctx, stretches[n], n)
}

// end is the cut behind the last transaction of a stretch.
func (a *Archive) end(ctx context.Context, st Stretch, n int) (Cut, error) {
	c := Cut{Executed: st.Executed, Stretch: n}
	var err error
	c.Last, err = a.lastBefore(ctx, st, st.last+1)
	return c, err
}

// lastBefore returns the last transaction in the entries of a stretch before entry i; nil when there is none.
func (a *Archive) lastBefore(ctx context.Context, st Stretch, i int) (*Found, error) {
	for i--; i >= st.first; i-- {
		if a.entries[i].Summary.Transactions == 0 {
			continue
		}
		rows, err := a.rows(ctx, a.entries[i])
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		return rows[len(rows)-1], nil
	}
	return nil, nil
}

func (a *Archive) rows(ctx context.Context, e *Entry) ([]*Found, error) {
	s := newSearch(Query{})
	return a.searchSegment(ctx, e, &s)
}

// cut finds the first transaction of entry i for which at holds, and cuts before or after it.
func (a *Archive) cut(ctx context.Context, st Stretch, n, i int, at func(*binlog.Transaction) bool, after bool) (Cut, error) {
	rows, err := a.rows(ctx, a.entries[i])
	if err != nil {
		return Cut{}, err
	}
	c := Cut{Stretch: n}
	if c.Last, err = a.lastBefore(ctx, st, i); err != nil {
		return Cut{}, err
	}
	executed := binlog.NewGTIDSetBuilder(a.entries[i].Summary.Before)
	for k, row := range rows {
		if at(&row.Transaction) {
			if after {
				executed.Add(row.GTID)
				c.Last, row = row, nil
				if k+1 < len(rows) {
					row = rows[k+1]
				}
			}
			c.Next, c.Executed = row, executed.Set()
			return c, nil
		}
		executed.Add(row.GTID)
		c.Last = row
	}
	return Cut{}, fmt.Errorf("%w: the index of %s does not hold what its summary says", segment.ErrCorrupt, a.entries[i].Key)
}
