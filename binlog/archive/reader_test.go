package archive

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/binlog/statement"
	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/mem"
)

func archived(t *testing.T) (*Archive, []*Found) {
	store, l := mem.New(), shop()
	w := openWriter(t, store, small(t))
	feed(t, w, l, 4<<10)
	require.NoError(t, w.Close(t.Context()))
	a := requireExported(t, store, l)
	return a, find(t, a, Query{})
}

func find(t *testing.T, a *Archive, q Query) (out []*Found) {
	t.Helper()
	for f, err := range a.Transactions(t.Context(), q) {
		require.NoError(t, err)
		out = append(out, f)
	}
	return out
}

func TestSearch(t *testing.T) {
	a, all := archived(t)
	require.Len(t, all, 58)
	require.True(t, slices.IsSortedFunc(all, func(x, y *Found) int { return int(x.GTID.N - y.GTID.N) }))

	pattern, err := statement.ParsePattern("drop schema shop")
	require.NoError(t, err)
	drop := find(t, a, Query{Pattern: &pattern})
	require.Len(t, drop, 1)
	require.Equal(t, "DROP DATABASE shop", drop[0].Statements[0].Text)
	require.True(t, drop[0].Statements[0].Changed)
	require.Equal(t, "binlog.000002", drop[0].File)

	require.Len(t, find(t, a, Query{Destructive: true}), 2)
	require.Len(t, find(t, a, Query{Kinds: []string{"drop-database"}}), 2)
	require.Len(t, find(t, a, Query{Table: "photos"}), 1)
	require.Len(t, find(t, a, Query{Schema: "shop", Ops: binlog.Delete}), 0)
	require.Len(t, find(t, a, Query{Schema: "shop", Ops: binlog.Insert}), 56)
	require.Len(t, find(t, a, Query{From: all[5].Committed, To: all[9].Committed}), 5)
	require.Len(t, find(t, a, Query{GTIDs: binlog.NewGTIDSet(all[3].GTID, all[50].GTID)}), 2)

	newest := find(t, a, Query{Reverse: true, Limit: 3})
	require.Equal(t, []binlog.GTID{all[57].GTID, all[56].GTID, all[55].GTID}, []binlog.GTID{newest[0].GTID, newest[1].GTID, newest[2].GTID})
}

func TestCuts(t *testing.T) {
	a, all := archived(t)
	ctx := t.Context()
	upTo := func(n int) string {
		b := binlog.NewGTIDSetBuilder(binlog.GTIDSet{})
		for _, f := range all[:n] {
			b.Add(f.GTID)
		}
		return b.Set().String()
	}
	for i, f := range all {
		before, err := a.CutBefore(ctx, f.GTID)
		require.NoError(t, err)
		require.Equal(t, upTo(i), before.Executed.String())
		require.Equal(t, f.GTID, before.Next.GTID)
		require.Equal(t, i == 0, before.Last == nil)

		after, err := a.CutAfter(ctx, f.GTID)
		require.NoError(t, err)
		require.Equal(t, upTo(i+1), after.Executed.String())
		require.Equal(t, f.GTID, after.Last.GTID)

		at, err := a.CutAt(ctx, f.Committed)
		require.NoError(t, err)
		require.Equal(t, upTo(i+1), at.Executed.String())
	}
	latest, err := a.Latest(ctx)
	require.NoError(t, err)
	require.Equal(t, upTo(len(all)), latest.Executed.String())
	require.Equal(t, all[len(all)-1].GTID, latest.Last.GTID)

	_, err = a.CutAt(ctx, all[0].Committed.Add(-time.Second))
	require.ErrorIs(t, err, ErrOutsideWindow)
	_, err = a.CutBefore(ctx, binlog.GTID{SID: all[0].GTID.SID, N: 999})
	require.ErrorIs(t, err, ErrNotFound)
}

func TestLogServesJustWhatIsAskedFor(t *testing.T) {
	a, all := archived(t)
	skip := all[12].GTID
	have := binlog.NewGTIDSet(all[0].GTID, all[1].GTID)
	b := binlog.NewGTIDSetBuilder(binlog.GTIDSet{})
	for i, f := range all[:40] {
		if i != 12 {
			b.Add(f.GTID)
		}
	}
	src, err := a.Log(b.Set(), have).Open(t.Context(), have)
	require.NoError(t, err)
	got := gtids(t, src)
	require.True(t, got.Equal(b.Set().Subtract(have)), got.String())
	require.False(t, got.Has(skip))

	_, err = a.Log(b.Set().Add(binlog.GTID{SID: skip.SID, N: 4711}), have).Open(t.Context(), have)
	require.ErrorIs(t, err, ErrNotFound)
}

// gtids drains a source through an assembler and returns the whole transactions in it.
func gtids(t *testing.T, src binlog.Source) binlog.GTIDSet {
	t.Helper()
	got := binlog.NewGTIDSetBuilder(binlog.GTIDSet{})
	asm := binlog.NewAssembler()
	for {
		b, err := src.Next(t.Context())
		if err != nil {
			require.ErrorContains(t, err, "EOF")
			require.False(t, asm.Open())
			return got.Set()
		}
		for i := range b.Events {
			step, err := asm.Add(&b.Events[i], b.Format)
			require.NoError(t, err)
			if step == binlog.End {
				require.True(t, got.Add(asm.Transaction().GTID))
			}
		}
		b.Release()
	}
}

func TestVerifyFindsAFlippedBit(t *testing.T) {
	store, l := mem.New(), shop()
	w := openWriter(t, store, small(t))
	feed(t, w, l, 4<<10)
	require.NoError(t, w.Close(t.Context()))
	a, err := Open(t.Context(), store, "c1")
	require.NoError(t, err)
	e := a.Entries()[2]
	data, _, err := objstore.ReadAll(t.Context(), store, e.Key, 1<<30)
	require.NoError(t, err)
	for _, at := range []int{9, len(data) / 3, len(data) - 70, len(data) - 1} {
		bad := slices.Clone(data)
		bad[at] ^= 4
		_, err = store.Put(t.Context(), e.Key, objstore.Bytes(bad))
		require.NoError(t, err)
		r, err := a.Verify(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, r.Findings, 1, "bit at %d", at)
		require.Equal(t, e.Key, r.Findings[0].Key)
		require.Equal(t, e.Summary.Added.String(), r.Findings[0].Transactions)
	}
}

func TestExportSaysWhatItCannotGive(t *testing.T) {
	store, l := mem.New(), shop()
	l.Files = l.Files[1:] // the archive begins with the second file
	w := openWriter(t, store, small(t))
	feed(t, w, l, 4<<10)
	require.NoError(t, w.Close(t.Context()))
	a, err := Open(t.Context(), store, "c1")
	require.NoError(t, err)
	dir := t.TempDir()
	_, err = a.Export(t.Context(), ExportOptions{Dir: dir, Files: []string{"binlog.000001"}})
	require.ErrorIs(t, err, ErrNotFound)
	done, err := a.Export(t.Context(), ExportOptions{Dir: dir, Files: []string{"binlog.000002"}})
	require.NoError(t, err)
	require.Len(t, done, 1)
	_, err = a.Export(t.Context(), ExportOptions{Dir: dir, Files: []string{"binlog.000002"}})
	require.ErrorContains(t, err, "exists")
}
