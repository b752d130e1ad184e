package archive

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/binlog/binlogtest"
	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/faulty"
	"lastwrite/internal/objstore/mem"
)

const (
	serverA = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	serverB = "7b2c1a90-0000-11ef-8000-0242ac120002"
)

// small makes frames and segments so small that a short log has many of them.
func small(t *testing.T) Config {
	return Config{Cluster: "c1", SpoolDir: t.TempDir(), Holder: "test", FrameSize: 4 << 10, SegmentSize: 16 << 10, ManifestEvery: 4, Flush: time.Hour}
}

func openWriter(t *testing.T, store objstore.Store, cfg Config) *Writer {
	t.Helper()
	w, err := OpenWriter(t.Context(), store, cfg, Observer{})
	require.NoError(t, err)
	return w
}

// feed writes all that the writer lacks.
func feed(t *testing.T, w *Writer, l *binlogtest.Log, batch int) {
	t.Helper()
	at, err := w.Resume(t.Context())
	require.NoError(t, err)
	for _, b := range l.Batches(at, batch) {
		require.NoError(t, w.Write(t.Context(), b))
	}
}

// crash ends a writer as a killed process would: nothing more is stored.
func crash(w *Writer) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.Close(ctx)
}

// shop is a log of three files with all sorts of transactions.
func shop() *binlogtest.Log {
	l := binlogtest.New(serverA, binlog.GTIDSet{})
	for i := range 60 {
		switch i {
		case 10:
			l.InsertEvents("shop", "photos", 70<<10, 30<<10) // larger than a segment, events larger than a frame
		case 20, 40:
			l.Rotate()
		case 30:
			l.Statement("", "DROP DATABASE IF EXISTS nothing", false)
		case 35:
			l.Statement("shop", "DROP DATABASE shop", true)
		default:
			l.Insert("shop", []string{"orders", "lines"}[i%2], 200+i*40)
		}
	}
	return l
}

// requireExported proves that the archive holds the log byte for byte.
func requireExported(t *testing.T, store objstore.Store, l *binlogtest.Log) *Archive {
	t.Helper()
	a, err := Open(t.Context(), store, "c1")
	require.NoError(t, err)
	dir := t.TempDir()
	_, err = a.Export(t.Context(), ExportOptions{Dir: dir})
	require.NoError(t, err)
	for _, f := range l.Files {
		got, err := os.ReadFile(filepath.Join(dir, f.Name))
		require.NoError(t, err)
		require.Equal(t, len(f.Data), len(got), f.Name)
		require.True(t, string(f.Data) == string(got), "%s differs", f.Name)
	}
	require.Equal(t, l.Executed.Set().String(), a.Tail().Executed.String())
	r, err := a.Verify(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, r.Findings)
	require.Len(t, r.Stretches, 1)
	return a
}

func TestArchiveGivesBackTheLogByteForByte(t *testing.T) {
	for _, batch := range []int{512, 8 << 10, 1 << 20} {
		store, l := mem.New(), shop()
		w := openWriter(t, store, small(t))
		feed(t, w, l, batch)
		require.NoError(t, w.Close(t.Context()))
		a := requireExported(t, store, l)
		require.Greater(t, len(a.Entries()), 5)
	}
}

// The stream breaks at random places, the process is killed at random places; whole transactions go on without gap or repetition.
func TestArchiveSurvivesBrokenStreamsAndCrashes(t *testing.T) {
	for seed := range uint64(15) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		store, l, cfg := mem.New(), shop(), small(t)
		w := openWriter(t, store, cfg)
		for !w.at.Load().Executed.Equal(l.Executed.Set()) {
			at, err := w.Resume(t.Context())
			require.NoError(t, err)
			batches := l.Batches(at, 1<<(8+rnd.IntN(8)))
			for _, b := range batches[:rnd.IntN(len(batches)+1)] {
				require.NoError(t, w.Write(t.Context(), b))
				if rnd.IntN(20) == 0 {
					w.Flush()
				}
			}
			switch rnd.IntN(3) {
			case 0:
				crash(w)
				w = openWriter(t, store, cfg)
			case 1:
				require.NoError(t, w.Close(t.Context()))
				w = openWriter(t, store, cfg)
			}
		}
		require.NoError(t, w.Close(t.Context()))
		// what a crash took from the spool is read again
		w = openWriter(t, store, cfg)
		feed(t, w, l, 4<<10)
		require.NoError(t, w.Close(t.Context()))
		requireExported(t, store, l)
	}
}

func TestSecondWriterFencesTheFirst(t *testing.T) {
	store, l := mem.New(), shop()
	first := openWriter(t, store, small(t))
	batches := l.Batches(binlog.Cursor{}, 2<<10)
	for _, b := range batches[:len(batches)/2] {
		require.NoError(t, first.Write(t.Context(), b))
	}
	second := openWriter(t, store, small(t))
	require.Greater(t, second.Epoch(), first.Epoch())
	for _, b := range batches[len(batches)/2:] {
		if err := first.Write(t.Context(), b); err != nil {
			require.ErrorIs(t, err, ErrFenced)
			break
		}
	}
	first.Flush()
	<-first.Done()
	require.ErrorIs(t, first.Err(), ErrFenced)
	require.ErrorIs(t, first.Close(t.Context()), ErrFenced)

	feed(t, second, l, 2<<10)
	require.NoError(t, second.Close(t.Context()))
	requireExported(t, store, l)
}

func TestWritersThatStartTogetherAgreeOnOne(t *testing.T) {
	store, l := mem.New(), shop()
	writers := make(chan *Writer, 8)
	for range cap(writers) {
		cfg := small(t)
		go func() {
			w, err := OpenWriter(context.Background(), store, cfg, Observer{})
			if err != nil {
				t.Error(err)
			}
			writers <- w
		}()
	}
	ok := 0
	for range cap(writers) {
		w := <-writers
		var err error
		if _, err = w.Resume(t.Context()); err == nil {
			for _, b := range l.Batches(*w.at.Load(), 4<<10) {
				if err = w.Write(t.Context(), b); err != nil {
					break
				}
			}
		}
		if err := errors.Join(err, w.Close(t.Context())); err == nil {
			ok++
		} else {
			require.ErrorIs(t, err, ErrFenced)
		}
	}
	require.Positive(t, ok)
	w := openWriter(t, store, small(t))
	feed(t, w, l, 4<<10)
	require.NoError(t, w.Close(t.Context()))
	requireExported(t, store, l)
}

func TestSpoolIsUsedByOneWriterAtATime(t *testing.T) {
	store, cfg := mem.New(), small(t)
	w := openWriter(t, store, cfg)
	_, err := OpenWriter(t.Context(), store, cfg, Observer{})
	require.ErrorIs(t, err, ErrBusy)
	require.NoError(t, w.Close(t.Context()))
	require.NoError(t, openWriter(t, store, cfg).Close(t.Context()))
}

func TestSpoolFailureStopsAndGoesOnWhereItStopped(t *testing.T) {
	store, l, cfg := mem.New(), shop(), small(t)
	w := openWriter(t, store, cfg)
	batches := l.Batches(binlog.Cursor{}, 2<<10)
	for _, b := range batches[:len(batches)/3] {
		require.NoError(t, w.Write(t.Context(), b))
	}
	moved := cfg.SpoolDir + ".away"
	require.NoError(t, os.Rename(cfg.SpoolDir, moved))
	var err error
	for _, b := range batches[len(batches)/3:] {
		if err = w.Write(t.Context(), b); err != nil {
			break
		}
	}
	if err == nil { // the failure comes with a frame that is still on its way
		w.Flush()
		require.Eventually(t, func() bool { return w.State().Failing != nil }, 10*time.Second, time.Millisecond)
	} else {
		require.ErrorIs(t, err, ErrSpool)
	}
	require.NoError(t, os.Rename(moved, cfg.SpoolDir))
	feed(t, w, l, 2<<10)
	require.NoError(t, w.Close(t.Context()))
	requireExported(t, store, l)
}

// The store fails before and after it has acted. Nothing is lost, stored twice, or taken for another writer's.
func TestArchiveOutlastsAFailingStore(t *testing.T) {
	for seed := range uint64(10) {
		l := shop()
		store := faulty.New(mem.New(), seed)
		w := openWriter(t, store, small(t))
		w.uploader.pause = func(int) time.Duration { return time.Microsecond }
		store.Add(
			faulty.Fault{Kind: faulty.ErrorBefore, Ops: []faulty.Op{faulty.PutIf}, Chance: 0.3, Times: faulty.Forever},
			faulty.Fault{Kind: faulty.ErrorAfter, Ops: []faulty.Op{faulty.PutIf}, Chance: 0.3, Times: faulty.Forever},
			faulty.Fault{Kind: faulty.ErrorBefore, Ops: []faulty.Op{faulty.GetRange}, Chance: 0.3, Times: faulty.Forever},
		)
		feed(t, w, l, 4<<10)
		require.NoError(t, w.Close(t.Context()))
		require.Positive(t, store.Struck())
		store.Heal()
		requireExported(t, store, l)
	}
}

// A full spool makes the source wait, and no more than that.
func TestFullSpoolWaitsForTheStore(t *testing.T) {
	store, l, cfg := faulty.New(mem.New(), 1), shop(), small(t)
	cfg.SpoolMax = 20 << 10
	w := openWriter(t, store, cfg)
	w.uploader.pause = func(int) time.Duration { return time.Millisecond }
	store.Add(faulty.Fault{Kind: faulty.ErrorBefore, Ops: []faulty.Op{faulty.PutIf}, Times: faulty.Forever})
	written := make(chan error)
	go func() {
		for _, b := range l.Batches(binlog.Cursor{}, 4<<10) {
			if err := w.Write(context.Background(), b); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	require.Eventually(t, func() bool { return w.State().SpoolBytes > cfg.SpoolMax-8<<10 && w.State().Failing != nil }, 10*time.Second, time.Millisecond)
	select {
	case err := <-written:
		t.Fatal("the source did not wait", err)
	default:
	}
	require.LessOrEqual(t, w.State().SpoolBytes, cfg.SpoolMax)
	store.Heal()
	require.NoError(t, <-written)
	require.NoError(t, w.Close(t.Context()))
	requireExported(t, store, l)
}

func TestFlushBoundsTheDelay(t *testing.T) {
	store, l, cfg := mem.New(), shop(), small(t)
	cfg.Flush, cfg.SegmentSize = 20*time.Millisecond, 1<<30
	stored := make(chan *Entry, 100)
	w, err := OpenWriter(t.Context(), store, cfg, Observer{Stored: func(e *Entry, _ time.Duration) { stored <- e }})
	require.NoError(t, err)
	feed(t, w, l, 1<<20)
	for {
		if e := <-stored; e.Executed().Equal(l.Executed.Set()) {
			break
		}
	}
	require.NoError(t, w.Close(t.Context()))
	requireExported(t, store, l)
}

func TestMissingTransactionsAreAGap(t *testing.T) {
	store, cfg := mem.New(), small(t)
	l := shop()
	w := openWriter(t, store, cfg)
	feed(t, w, l, 4<<10)
	require.NoError(t, w.Close(t.Context()))

	presumed := binlogtest.New(serverB, binlog.GTIDSet{})
	g := presumed.Insert("x", "y", 10)
	after := binlogtest.New(serverB, l.Executed.Set().Add(g))
	for range 3 { // other transactions than the presumed one
		after.Insert("shop", "orders", 100)
	}
	w = openWriter(t, store, cfg)
	_, err := w.Resume(t.Context())
	require.NoError(t, err)
	err = w.Write(t.Context(), after.Batches(binlog.Cursor{}, 1<<20)[0])
	require.ErrorIs(t, err, ErrGap)
	require.ErrorContains(t, err, g.String())
	require.NoError(t, w.Close(t.Context()))
}

func TestAcceptedGapBeginsANewStretch(t *testing.T) {
	store, cfg := mem.New(), small(t)
	l := shop()
	w := openWriter(t, store, cfg)
	feed(t, w, l, 4<<10)
	require.NoError(t, w.Close(t.Context()))

	gone, err := binlog.ParseGTIDSet(serverB + ":100-200")
	require.NoError(t, err)
	after := binlogtest.New(serverB, l.Executed.Set().Union(gone))
	first := after.Insert("shop", "orders", 100)
	after.Insert("shop", "orders", 100)

	cfg.AcceptGap = true
	var told string
	w, err = OpenWriter(t.Context(), store, cfg, Observer{Gap: func(missing, _, _ string, _ uint64) { told = missing }})
	require.NoError(t, err)
	_, err = w.Resume(t.Context())
	require.NoError(t, err)
	for _, b := range after.Batches(binlog.Cursor{}, 1<<20) {
		require.NoError(t, w.Write(t.Context(), b))
	}
	require.NoError(t, w.Close(t.Context()))
	require.Equal(t, gone.String(), told)

	a, err := Open(t.Context(), store, "c1")
	require.NoError(t, err)
	st := a.Stretches()
	require.Len(t, st, 2)
	require.Equal(t, gone.String(), st[1].Before.Subtract(st[0].Executed).String())
	cut, err := a.CutBefore(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, 1, cut.Stretch)
	require.Nil(t, cut.Last)
	r, err := a.Verify(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, r.Findings, 1)
	require.Contains(t, r.Findings[0].Problem, "gap")
}

func TestTransactionsThatComeAgainAreRefused(t *testing.T) {
	store, l := mem.New(), shop()
	w := openWriter(t, store, small(t))
	feed(t, w, l, 4<<10)
	other := binlogtest.New(serverA, l.Executed.Set()) // the same GTIDs in another file
	other.Insert("shop", "orders", 10)
	var err error
	for _, b := range other.Batches(binlog.Cursor{}, 1<<20) {
		b.File = "binlog.000099"
		if err = w.Write(t.Context(), b); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, ErrDiverged)
	require.NoError(t, w.Close(t.Context()))
}

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	store := mem.New()
	_, err := Open(t.Context(), store, "c1")
	require.ErrorIs(t, err, ErrNoArchive)
	_, err = store.Put(t.Context(), "c1/cluster.json", objstore.Bytes([]byte(`{"format":99}`)))
	require.NoError(t, err)
	_, err = Open(t.Context(), store, "c1")
	require.ErrorIs(t, err, ErrFormat)
	_, err = OpenWriter(t.Context(), store, small(t), Observer{})
	require.ErrorIs(t, err, ErrFormat)
	require.Error(t, ValidCluster("a/b"))
}
