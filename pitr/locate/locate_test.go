package locate_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/binlog/statement"
	"lastwrite/pitr"
	"lastwrite/pitr/locate"
)

func sid() binlog.SID {
	return binlog.SID{UUID: uuid.MustParse("3e11fa47-71ca-11e1-9e33-c80aa9429562")}
}

func gtid(n int64) binlog.GTID { return binlog.GTID{SID: sid(), N: n} }

func at(second int64) time.Time { return time.Date(2026, 11, 21, 14, 0, int(second), 0, time.UTC) }

// history is an archive in memory: one transaction a second, numbered from 1, the first stretch from 1 to its length.
type history []*archive.Found

// ddl makes a history of statements; a leading "-" marks one that changed nothing, an empty one is a row change.
func ddl(statements ...string) history {
	var h history
	for i, text := range statements {
		f := &archive.Found{Transaction: binlog.Transaction{GTID: gtid(int64(i + 1)), Committed: at(int64(i + 1))}}
		if text == "" {
			f.Tables = []binlog.TableChange{{Schema: "shop", Table: "orders", Ops: binlog.Insert}}
		} else {
			bare, noOp := strings.CutPrefix(text, "-")
			f.Statements = []binlog.Statement{{Text: bare, Changed: !noOp, Schema: "shop"}}
		}
		h = append(h, f)
	}
	return h
}

func (h history) Transactions(_ context.Context, q archive.Query) iter.Seq2[*archive.Found, error] {
	return func(yield func(*archive.Found, error) bool) {
		c := statement.New()
		for _, f := range h {
			match := q.Pattern == nil
			for _, st := range f.Statements {
				match = match || q.Pattern.Matches(c.Classify([]byte(st.Text), statement.Context{DefaultSchema: st.Schema}))
			}
			if match && !yield(f, nil) {
				return
			}
		}
	}
}

// cut is the place behind the first n transactions.
func (h history) cut(n int) (archive.Cut, error) {
	set := binlog.NewGTIDSetBuilder(binlog.GTIDSet{})
	var c archive.Cut
	for i, f := range h {
		if i < n {
			set.Add(f.GTID)
			c.Last = f
		} else if i == n {
			c.Next = f
		}
	}
	c.Executed = set.Set()
	return c, nil
}

func (h history) CutBefore(_ context.Context, g binlog.GTID) (archive.Cut, error) {
	if g.N > int64(len(h)) {
		return archive.Cut{}, fmt.Errorf("%w: transaction %s", archive.ErrNotFound, g)
	}
	return h.cut(int(g.N) - 1)
}

func (h history) CutAfter(_ context.Context, g binlog.GTID) (archive.Cut, error) {
	return h.cut(int(g.N))
}

func (h history) CutAt(_ context.Context, t time.Time) (archive.Cut, error) {
	if t.Before(at(1)) {
		return archive.Cut{}, archive.ErrOutsideWindow
	}
	return h.cut(min(int(t.Sub(at(0))/time.Second), len(h)))
}

func (h history) Latest(context.Context) (archive.Cut, error) { return h.cut(len(h)) }

func (h history) Stretches() []archive.Stretch {
	c, _ := h.cut(len(h))
	return []archive.Stretch{{Executed: c.Executed, From: at(1), To: at(int64(len(h))), Transactions: int64(len(h)), Bytes: 1000}}
}

func TestFindStatement(t *testing.T) {
	for _, c := range []struct {
		name    string
		history history
		text    string
		before  int64 // the transaction found
		note    string
		err     error
		says    []string
	}{
		{name: "by what it does", history: ddl("", "drop /* oops */ schema `shop`", ""), text: "DROP DATABASE shop", before: 2},
		{name: "one that did nothing is passed over", history: ddl("-DROP DATABASE IF EXISTS shop", "", "-drop database if  exists shop", "DROP DATABASE shop"),
			text: "drop database shop", before: 4, note: "changed nothing: 2026-11-21T14:00:03.000000Z  " + sid().String() + ":3  drop database if exists shop (and 1 before it)"},
		{name: "without a mark, but without IF EXISTS", history: ddl("-TRUNCATE orders"), text: "truncate shop.orders", before: 1},
		{name: "several", history: ddl("DROP TABLE orders", "CREATE TABLE orders (id INT)", "DROP TABLE orders"), text: "DROP TABLE shop.orders",
			err: locate.ErrAmbiguous, says: []string{"2 in all", "14:00:01.000000Z  " + sid().String() + ":1  DROP TABLE orders", ":3  DROP TABLE orders"}},
		{name: "none, but near", history: ddl("", "RENAME TABLE orders TO gone", "DROP DATABASE shop", "CREATE DATABASE shop"), text: "DROP TABLE shop.orders",
			err: archive.ErrNotFound, says: []string{"what comes near", "RENAME TABLE", "DROP DATABASE shop"}},
		{name: "only one that did nothing", history: ddl("-DROP DATABASE IF EXISTS shop"), text: "DROP DATABASE shop",
			err: archive.ErrNotFound, says: []string{"match but changed nothing", ":1  DROP"}},
		{name: "no statement", history: ddl("DROP DATABASE shop"), text: "hello", err: statement.ErrPattern},
	} {
		t.Run(c.name, func(t *testing.T) {
			cut, err := locate.Find(t.Context(), c.history, pitr.Before(c.text))
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				for _, part := range c.says {
					require.ErrorContains(t, err, part)
				}
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.before, cut.Next.GTID.N)
			require.Equal(t, c.before-1, cut.Executed.Count())
			require.Contains(t, strings.Join(cut.Notes, "\n"), c.note)
		})
	}
}

func TestFindOthers(t *testing.T) {
	h := ddl("CREATE DATABASE shop", "", "", "DROP DATABASE shop", "")
	for target, executed := range map[pitr.Target]int64{
		pitr.Latest():               5,
		pitr.BeforeGTID(gtid(4)):    3,
		pitr.ToGTID(gtid(4)):        4,
		pitr.ToTime(at(3)):          3,
		pitr.ToTime(at(4000)):       5,
		pitr.BeforeGTID(gtid(1)):    0,
		pitr.ToTime(at(1).Add(9e8)): 1,
	} {
		cut, err := locate.Find(t.Context(), h, target)
		require.NoError(t, err, target)
		require.Equal(t, executed, cut.Executed.Count(), target)
	}
	cut, err := locate.Find(t.Context(), h, pitr.ToTime(at(65)))
	require.NoError(t, err)
	require.Contains(t, cut.Notes[0], "ends with the commit of 2026-11-21T14:00:05.000000Z, 1m0s before")
	cut, err = locate.Find(t.Context(), h, pitr.BeforeGTID(gtid(4)))
	require.NoError(t, err)
	require.Equal(t, "DROP DATABASE shop", cut.Next.Text)
	require.Equal(t, "insert in shop.orders", cut.Last.Text)
}

func TestPlan(t *testing.T) {
	h := ddl("CREATE DATABASE shop", "", "", "DROP DATABASE shop", "")
	two, err := h.cut(2)
	require.NoError(t, err)
	bases := []pitr.Base{{ID: "old", Taken: at(2)}, {ID: "two", Executed: two.Executed, Taken: at(2)}}
	plan, err := locate.Plan(t.Context(), h, pitr.Before("DROP DATABASE shop"), bases, pitr.Options{})
	require.NoError(t, err)
	require.Equal(t, "two", plan.Base.ID)
	require.EqualValues(t, 1, plan.Transactions)

	_, err = locate.Plan(t.Context(), h, pitr.ToTime(at(0)), bases[1:], pitr.Options{})
	require.ErrorIs(t, err, archive.ErrOutsideWindow)
	require.ErrorContains(t, err, "archived is the log of 2026-11-21T14:00:01.000000Z to 2026-11-21T14:00:05.000000Z; what can be restored: 2026-11-21T14:00:02.000000Z to 2026-11-21T14:00:05")

	plan, err = locate.Plan(t.Context(), nil, pitr.Latest(), bases, pitr.Options{})
	require.NoError(t, err, "a base can be restored without any log")
	require.Equal(t, "two", plan.Base.ID)
	plan, err = locate.Plan(t.Context(), nil, pitr.Latest(), bases, pitr.Options{Base: "old"})
	require.NoError(t, err)
	require.Equal(t, "old", plan.Base.ID)
	_, err = locate.Plan(t.Context(), nil, pitr.ToTime(at(1)), bases, pitr.Options{})
	require.ErrorContains(t, err, "no log is archived")
	_, err = locate.Plan(t.Context(), nil, pitr.Latest(), nil, pitr.Options{})
	require.ErrorIs(t, err, pitr.ErrNoBase)
}
