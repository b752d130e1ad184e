package pitr_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/pitr"
)

const origin = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

func at(minute int) time.Time { return time.Date(2026, 11, 21, 14, minute, 0, 0, time.UTC) }

// set is the set of transactions lo to hi of the one origin; empty when hi < lo.
func set(t testing.TB, lo, hi int) binlog.GTIDSet {
	t.Helper()
	if hi < lo {
		return binlog.GTIDSet{}
	}
	s, err := binlog.ParseGTIDSet(fmt.Sprintf("%s:%d-%d", origin, lo, hi))
	require.NoError(t, err)
	return s
}

// base is a base that holds transactions 1 to n and was taken n minutes past.
func base(t testing.TB, n int) pitr.Base {
	return pitr.Base{
		ID: fmt.Sprintf("b%03d", n), Method: pitr.MethodClone, Server: pitr.Server{Version: "9.7.4"},
		Executed: set(t, 1, n), Taken: at(n), Finished: at(n), Bytes: 3 << 20,
	}
}

// stretch holds transactions lo to hi, one a minute, 100 bytes each.
func stretch(t testing.TB, lo, hi int) pitr.Stretch {
	return pitr.Stretch{
		Before: set(t, 1, lo-1), Executed: set(t, 1, hi), From: at(lo), To: at(hi),
		Transactions: int64(hi - lo + 1), Bytes: int64(hi-lo+1) * 100,
	}
}

func TestMakePlan(t *testing.T) {
	one := []pitr.Stretch{stretch(t, 5, 50)}
	gap := []pitr.Stretch{stretch(t, 5, 20), stretch(t, 31, 50)}
	for _, c := range []struct {
		name      string
		target    pitr.Target
		cut       pitr.Cut
		stretches []pitr.Stretch
		bases     []pitr.Base
		opts      pitr.Options
		base      string // of the plan
		apply     [2]int
		expect    [2]int
		err       error
		says      string
	}{
		{name: "the newest base before the cut", target: pitr.ToTime(at(40)), cut: pitr.Cut{Executed: set(t, 1, 40)}, stretches: one,
			bases: []pitr.Base{base(t, 30), base(t, 10), base(t, 45)}, base: "b030", apply: [2]int{31, 40}, expect: [2]int{1, 40}},
		{name: "a base exactly at the cut", cut: pitr.Cut{Executed: set(t, 1, 30)}, stretches: one,
			bases: []pitr.Base{base(t, 10), base(t, 30)}, base: "b030", apply: [2]int{1, 0}, expect: [2]int{1, 30}},
		{name: "the base that was asked for", cut: pitr.Cut{Executed: set(t, 1, 40)}, stretches: one, opts: pitr.Options{Base: "b010"},
			bases: []pitr.Base{base(t, 10), base(t, 30)}, base: "b010", apply: [2]int{11, 40}, expect: [2]int{1, 40}},
		{name: "a base that does not exist", cut: pitr.Cut{Executed: set(t, 1, 40)}, stretches: one, opts: pitr.Options{Base: "b011"},
			bases: []pitr.Base{base(t, 10)}, err: pitr.ErrUnknownBase, says: "b011"},
		{name: "no base", cut: pitr.Cut{Executed: set(t, 1, 40)}, stretches: one, err: pitr.ErrNoBase},
		{name: "every base is younger", target: pitr.ToTime(at(8)), cut: pitr.Cut{Executed: set(t, 1, 8)}, stretches: one,
			bases: []pitr.Base{base(t, 10), base(t, 30)}, err: pitr.ErrTooEarly,
			says: "base b010 of 2026-11-21T14:10:00.000000Z already holds 2 transactions from behind the target (" + origin + ":9-10); " +
				"what can be restored: 2026-11-21T14:10:00.000000Z to 2026-11-21T14:50:00.000000Z"},
		{name: "behind a gap", cut: pitr.Cut{Executed: set(t, 1, 40), Stretch: 1}, stretches: gap, bases: []pitr.Base{base(t, 10)},
			err: pitr.ErrGap, says: "10 transactions after base b010 of 2026-11-21T14:10:00.000000Z (" + origin + ":21-30); " +
				"the log that reaches the target begins at 2026-11-21T14:31:00.000000Z, the one before it ends at 2026-11-21T14:20:00.000000Z"},
		{name: "before a gap", target: pitr.ToTime(at(15)), cut: pitr.Cut{Executed: set(t, 1, 15), Stretch: 0}, stretches: gap, bases: []pitr.Base{base(t, 10), base(t, 35)},
			base: "b010", apply: [2]int{11, 15}, expect: [2]int{1, 15}},
		{name: "behind a gap with a base behind it", cut: pitr.Cut{Executed: set(t, 1, 40), Stretch: 1}, stretches: gap,
			bases: []pitr.Base{base(t, 10), base(t, 35)}, base: "b035", apply: [2]int{36, 40}, expect: [2]int{1, 40}},
		{name: "a base that ends inside the gap", cut: pitr.Cut{Executed: set(t, 1, 40), Stretch: 1}, stretches: gap,
			bases: []pitr.Base{base(t, 25)}, err: pitr.ErrGap, says: "5 transactions after base b025"},
		{name: "the log begins after the base", cut: pitr.Cut{Executed: set(t, 1, 40)}, stretches: one, bases: []pitr.Base{base(t, 2)},
			err: pitr.ErrGap, says: ":3-4"},
		{name: "latest, and a base is newer than the archive", cut: pitr.Cut{Executed: set(t, 1, 50)}, stretches: one,
			bases: []pitr.Base{base(t, 10), base(t, 52)}, base: "b052", apply: [2]int{1, 0}, expect: [2]int{1, 52}},
		{name: "to the last archived one, and a base is newer", target: pitr.ToTime(at(50)), cut: pitr.Cut{Executed: set(t, 1, 50)}, stretches: one,
			bases: []pitr.Base{base(t, 10), base(t, 52)}, base: "b010", apply: [2]int{11, 50}, expect: [2]int{1, 50}},
		{name: "a base alone, without any log", cut: pitr.CutOfBase(base(t, 10)), bases: []pitr.Base{base(t, 10)},
			base: "b010", apply: [2]int{1, 0}, expect: [2]int{1, 10}},
		{name: "skipping what the base holds", cut: pitr.Cut{Executed: set(t, 1, 40)}, stretches: one, bases: []pitr.Base{base(t, 10)},
			opts: pitr.Options{Skip: set(t, 9, 9)}, err: pitr.ErrSkip, says: "an older base backup is needed"},
		{name: "skipping what is behind the target", cut: pitr.Cut{Executed: set(t, 1, 40)}, stretches: one, bases: []pitr.Base{base(t, 10)},
			opts: pitr.Options{Skip: set(t, 41, 41)}, err: pitr.ErrSkip, says: "not before the target"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := pitr.MakePlan(c.target, c.cut, c.stretches, c.bases, c.opts)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.base, plan.Base.ID)
			require.Equal(t, set(t, c.apply[0], c.apply[1]).String(), plan.Apply.String())
			require.Equal(t, set(t, c.expect[0], c.expect[1]).String(), plan.Expect.String())
			require.EqualValues(t, plan.Apply.Count(), plan.Transactions)
			require.EqualValues(t, plan.Apply.Count()*100, plan.Bytes)
		})
	}
}

// A skipped transaction is neither applied nor expected, and a base that holds it is passed over for an older one.
func TestSkip(t *testing.T) {
	plan, err := pitr.MakePlan(pitr.Latest(), pitr.Cut{Executed: set(t, 1, 40)}, []pitr.Stretch{stretch(t, 5, 50)},
		[]pitr.Base{base(t, 10), base(t, 30)}, pitr.Options{Skip: set(t, 20, 21)})
	require.NoError(t, err)
	require.Equal(t, "b010", plan.Base.ID)
	require.Equal(t, origin+":11-19:22-40", plan.Apply.String())
	require.Equal(t, origin+":1-19:22-40", plan.Expect.String())
}

// Whatever the archive, the bases and the cut: a plan never applies what is not archived, base and applied transactions are disjoint
// and together are what is expected; and when there is no plan, no base would have done.
func TestPlanProperty(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	planned := 0
	for range 3000 {
		stretches := randomStretches(t, random)
		var bases []pitr.Base
		for range random.IntN(4) {
			bases = append(bases, base(t, random.IntN(60)))
		}
		i := random.IntN(len(stretches))
		s := stretches[i]
		lo, hi := int(s.Before.Count()), int(s.Executed.Count())
		cut := pitr.Cut{Executed: set(t, 1, lo+random.IntN(hi-lo+1)), Stretch: i}
		var skip binlog.GTIDSet
		if n := random.IntN(60); n > 0 && random.IntN(3) == 0 {
			skip = set(t, n, n).Intersect(cut.Executed)
		}
		fits := func(b pitr.Base) bool {
			need := cut.Executed.Subtract(b.Executed).Subtract(skip)
			return cut.Executed.Contains(b.Executed) && b.Executed.Intersect(skip).IsEmpty() && s.Added().Contains(need)
		}
		plan, err := pitr.MakePlan(pitr.ToTime(at(0)), cut, stretches, bases, pitr.Options{Skip: skip})
		if err != nil {
			require.Less(t, len(err.Error()), 2000)
			for _, b := range bases {
				require.False(t, fits(b), "base %s fits, but: %v", b.ID, err)
			}
			continue
		}
		planned++
		require.True(t, fits(plan.Base))
		require.True(t, plan.Apply.Intersect(plan.Base.Executed).IsEmpty())
		require.True(t, s.Added().Contains(plan.Apply))
		require.True(t, plan.Base.Executed.Union(plan.Apply).Equal(plan.Expect))
		require.True(t, plan.Expect.Union(skip).Equal(cut.Executed))
		for _, b := range bases {
			require.False(t, fits(b) && b.Executed.Count() > plan.Base.Executed.Count(), "a newer base was passed over")
		}
	}
	require.Greater(t, planned, 200, "the test hardly saw a plan")
}

// randomStretches cuts up to 60 transactions into one to three stretches with or without gaps between them.
func randomStretches(t testing.TB, random *rand.Rand) []pitr.Stretch {
	var out []pitr.Stretch
	n := random.IntN(5)
	for range 1 + random.IntN(3) {
		lo := n + 1 + random.IntN(8)
		n = lo + random.IntN(12)
		out = append(out, stretch(t, lo, n))
	}
	return out
}

func TestWindows(t *testing.T) {
	windows := pitr.Windows([]pitr.Stretch{stretch(t, 5, 20), stretch(t, 31, 50)}, []pitr.Base{base(t, 35), base(t, 10), base(t, 15), base(t, 25)})
	var got []string
	for _, w := range windows {
		got = append(got, fmt.Sprintf("%d-%d %s", w.From.Minute(), w.To.Minute(), strings.Join(w.Bases, " ")))
	}
	require.Equal(t, []string{"10-20 b010 b015", "25-25 b025", "35-50 b035"}, got, "a base inside a gap stands for itself alone")
}

// The printed plan has every fact a person decides by, and the JSON form can be read back.
func TestPrint(t *testing.T) {
	next := &pitr.Point{Committed: at(41), Text: "DROP DATABASE shop"}
	cut := pitr.Cut{Executed: set(t, 1, 40), Next: next, Notes: []string{"a note"}}
	plan, err := pitr.MakePlan(pitr.Before("DROP DATABASE shop"), cut, []pitr.Stretch{stretch(t, 5, 50)}, []pitr.Base{base(t, 30)}, pitr.Options{})
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, plan.Print(&text))
	for _, part := range []string{"just before DROP DATABASE shop", "b030", "9.7.4", "3.0 MiB", "10 transactions, about 1000 B", origin + ":31-40",
		"gtid_executed = " + origin + ":1-40", "left out  2026-11-21T14:41:00.000000Z", "a note"} {
		require.Contains(t, text.String(), part)
	}
	plan.Cut.Next = nil
	doc, err := json.Marshal(plan)
	require.NoError(t, err)
	var back pitr.Plan
	require.NoError(t, json.Unmarshal(doc, &back))
	require.True(t, back.Expect.Equal(plan.Expect))
	require.Equal(t, plan.Target, back.Target)
}
