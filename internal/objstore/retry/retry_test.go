package retry_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/faulty"
	"lastwrite/internal/objstore/mem"
	"lastwrite/internal/objstore/retry"
	"lastwrite/internal/objstore/storetest"
)

// TestConformance: over a store that fails in every way that can be put right, the
// promises hold.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) objstore.Store {
		const often = 0.1
		faults := []faulty.Fault{
			{Kind: faulty.ErrorBefore, Times: faulty.Forever, Chance: often},
			{Kind: faulty.ShortRead, At: -1, Times: faulty.Forever, Chance: often},
			{Kind: faulty.BrokenRead, At: -1, Times: faulty.Forever, Chance: often},
			{Kind: faulty.Hang, Times: 2, Chance: 0.01},
		}
		// The test "if absent" writes the same bytes twice, which after a lost reply
		// nobody can tell apart; the package documentation says so.
		if !strings.HasSuffix(t.Name(), "/if_absent") {
			faults = append(faults,
				faulty.Fault{Kind: faulty.ErrorAfter, Times: faulty.Forever, Chance: often},
				faulty.Fault{Kind: faulty.HangAfter, Times: 2, Chance: 0.01})
		}
		store, err := retry.New(faulty.New(mem.New(), 1, faults...), retry.Options{
			AttemptTimeout: 300 * time.Millisecond, FirstWait: time.Microsecond, MaxWait: time.Millisecond,
		})
		require.NoError(t, err)
		return store
	})
}

// observed is what a test's observer saw.
type observed struct {
	op, key string
	attempt int
	err     error
}

// bench is a faulty store under retry, inside a bubble with its own clock.
type bench struct {
	mem    *mem.Store
	faulty *faulty.Store
	*retry.Store
	seen []observed
}

func newBench(t *testing.T, faults ...faulty.Fault) *bench {
	t.Helper()
	b := &bench{mem: mem.New()}
	b.faulty = faulty.New(b.mem, 7, faults...)
	store, err := retry.New(b.faulty, retry.Options{Observe: func(op, key string, attempt int, err error) {
		b.seen = append(b.seen, observed{op, key, attempt, err})
	}})
	require.NoError(t, err)
	b.Store = store
	return b
}

// bubble runs a test on a virtual clock.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

var bytesOf = func(s string) objstore.Body { return objstore.Bytes([]byte(s)) }

func TestLostReply(t *testing.T) {
	for _, kind := range []faulty.Kind{faulty.ErrorAfter, faulty.HangAfter} {
		bubble(t, "our own write is not a lost race", func(t *testing.T) {
			b := newBench(t, faulty.Fault{Kind: kind, Ops: []faulty.Op{faulty.PutIf}})
			v, err := b.PutIf(t.Context(), "k", bytesOf("ours"), objstore.IfAbsent())
			require.NoError(t, err)
			content, info, err := objstore.ReadAll(t.Context(), b.mem, "k", 100)
			require.NoError(t, err)
			require.Equal(t, "ours", string(content))
			require.Equal(t, info.Version, v)
			require.Equal(t, 2, b.faulty.Calls(faulty.PutIf))
			require.Len(t, b.seen, 1)
		})
		bubble(t, "another's write is", func(t *testing.T) {
			b := newBench(t, faulty.Fault{Kind: kind, Ops: []faulty.Op{faulty.PutIf}})
			_, err := b.mem.Put(t.Context(), "k", bytesOf("other"))
			require.NoError(t, err)
			_, err = b.PutIf(t.Context(), "k", bytesOf("ours!"), objstore.IfAbsent())
			require.ErrorIs(t, err, objstore.ErrPrecondition)
			require.ErrorIs(t, err, objstore.ErrOpen, "ours may have been there in between")
		})
		bubble(t, "compare-and-swap", func(t *testing.T) {
			b := newBench(t, faulty.Fault{Kind: kind, Ops: []faulty.Op{faulty.PutIf}})
			v1, err := b.mem.Put(t.Context(), "k", bytesOf("one"))
			require.NoError(t, err)
			v2, err := b.PutIf(t.Context(), "k", bytesOf("two"), objstore.IfMatch(v1))
			require.NoError(t, err)
			_, err = b.PutIf(t.Context(), "k", bytesOf("three"), objstore.IfMatch(v2))
			require.NoError(t, err)
		})
	}
	bubble(t, "the look itself is tried again", func(t *testing.T) {
		b := newBench(t,
			faulty.Fault{Kind: faulty.ErrorAfter, Ops: []faulty.Op{faulty.PutIf}},
			faulty.Fault{Kind: faulty.ErrorBefore, Ops: []faulty.Op{faulty.Get}, Times: 2})
		_, err := b.PutIf(t.Context(), "k", bytesOf("ours"), objstore.IfAbsent())
		require.NoError(t, err)
		require.Equal(t, 4, b.faulty.Calls(faulty.PutIf))
	})
	bubble(t, "a definite error at the first attempt is not looked into", func(t *testing.T) {
		b := newBench(t)
		_, err := b.mem.Put(t.Context(), "k", bytesOf("same"))
		require.NoError(t, err)
		_, err = b.PutIf(t.Context(), "k", bytesOf("same"), objstore.IfAbsent())
		require.ErrorIs(t, err, objstore.ErrPrecondition)
		require.Zero(t, b.faulty.Calls(faulty.Get))
	})
	bubble(t, "a definite error after an open one is open", func(t *testing.T) {
		b := newBench(t,
			faulty.Fault{Kind: faulty.ErrorAfter, Ops: []faulty.Op{faulty.PutIf}},
			faulty.Fault{Kind: faulty.ErrorBefore, Ops: []faulty.Op{faulty.PutIf}, Err: objstore.ErrPermission})
		_, err := b.PutIf(t.Context(), "k", bytesOf("x"), objstore.IfAbsent())
		require.ErrorIs(t, err, objstore.ErrPermission)
		require.ErrorIs(t, err, objstore.ErrOpen)
		require.False(t, objstore.Definite(err))
		require.Equal(t, 2, b.faulty.Calls(faulty.PutIf), "permission is not tried again")
	})
}

func TestDeadlines(t *testing.T) {
	bubble(t, "an attempt that hangs is ended", func(t *testing.T) {
		b := newBench(t, faulty.Fault{Kind: faulty.Hang})
		start := time.Now()
		_, err := b.Put(t.Context(), "k", bytesOf("x"))
		require.NoError(t, err)
		require.InDelta(t, 30.1, time.Since(start).Seconds(), 0.06)
		require.ErrorIs(t, b.seen[0].err, retry.ErrTimeout)
		require.NotErrorIs(t, b.seen[0].err, context.Canceled)
	})
	bubble(t, "the total deadline is kept", func(t *testing.T) {
		b := newBench(t, faulty.Fault{Kind: faulty.ErrorBefore, Times: faulty.Forever})
		start := time.Now()
		err := b.Delete(t.Context(), "k")
		require.ErrorIs(t, err, faulty.ErrInjected)
		require.ErrorContains(t, err, "gave up after")
		require.LessOrEqual(t, time.Since(start), 2*time.Minute)
		require.Greater(t, time.Since(start), 100*time.Second)
		require.InDelta(t, 18, len(b.seen), 5, "waits grow to 10 s")
		for i, o := range b.seen {
			require.Equal(t, observed{"delete", "k", i + 1, o.err}, o)
		}
	})
	bubble(t, "the caller's context is above them", func(t *testing.T) {
		b := newBench(t, faulty.Fault{Kind: faulty.Hang, Times: faulty.Forever})
		ctx, cancel := context.WithTimeout(t.Context(), 42*time.Second)
		defer cancel()
		start := time.Now()
		_, _, err := b.Get(ctx, "k")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 42*time.Second, time.Since(start))
	})
	bubble(t, "a slow body is not a hanging store", func(t *testing.T) {
		b := newBench(t)
		start := time.Now()
		_, err := b.Put(t.Context(), "k", slowBody{bytesOf(strings.Repeat("x", 100)), 29 * time.Second})
		require.NoError(t, err)
		require.Equal(t, 29*time.Second, time.Since(start))
	})
}

// slowBody takes its time for each read.
type slowBody struct {
	objstore.Body
	delay time.Duration
}

// ReadAt implements io.ReaderAt.
func (b slowBody) ReadAt(p []byte, at int64) (int, error) {
	<-time.After(b.delay)
	return b.Body.ReadAt(p, at)
}

func TestPermanent(t *testing.T) {
	for _, permanent := range []error{
		objstore.ErrNotExist, objstore.ErrPrecondition, objstore.ErrPermission, objstore.ErrNoStore,
		objstore.ErrInvalidKey, objstore.ErrTooLarge, objstore.ErrRefused, syscall.ENOSPC,
	} {
		bubble(t, permanent.Error(), func(t *testing.T) {
			b := newBench(t, faulty.Fault{Kind: faulty.ErrorBefore, Times: faulty.Forever, Err: permanent})
			_, err := b.Put(t.Context(), "k", bytesOf("x"))
			require.ErrorIs(t, err, permanent)
			require.Equal(t, 1, b.faulty.Calls(faulty.Put))
		})
	}
}

func TestReader(t *testing.T) {
	const content = "0123456789abcdefghij"
	breaks := func(kind faulty.Kind) []faulty.Fault {
		return []faulty.Fault{
			{Kind: kind, Ops: []faulty.Op{faulty.Get}, At: 7},
			{Kind: faulty.ErrorBefore, Ops: []faulty.Op{faulty.GetRange}, Times: 2},
			{Kind: kind, Ops: []faulty.Op{faulty.GetRange}, At: 5},
			{Kind: kind, Ops: []faulty.Op{faulty.GetRange}, At: 0, Times: 3},
		}
	}
	for _, kind := range []faulty.Kind{faulty.ShortRead, faulty.BrokenRead} {
		bubble(t, "goes on where it broke", func(t *testing.T) {
			b := newBench(t, breaks(kind)...)
			_, err := b.mem.Put(t.Context(), "k", bytesOf(content))
			require.NoError(t, err)
			got, info, err := objstore.ReadAll(t.Context(), b, "k", 100)
			require.NoError(t, err)
			require.Equal(t, content, string(got))
			require.Equal(t, int64(len(content)), info.Size)
			require.Equal(t, 7, b.faulty.Struck())
		})
	}
	bubble(t, "a range goes on within the range", func(t *testing.T) {
		b := newBench(t, faulty.Fault{Kind: faulty.BrokenRead, At: 3, Times: 2})
		_, err := b.mem.Put(t.Context(), "k", bytesOf(content))
		require.NoError(t, err)
		r, _, err := b.GetRange(t.Context(), "k", -12, 10)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, content[8:18], string(got))
		require.NoError(t, r.Close())
		_, err = r.Read(make([]byte, 1))
		require.Error(t, err, "after Close")
	})
	bubble(t, "never splices two contents", func(t *testing.T) {
		b := newBench(t, faulty.Fault{Kind: faulty.BrokenRead, At: 7})
		_, err := b.mem.Put(t.Context(), "k", bytesOf(content))
		require.NoError(t, err)
		r, _, err := b.Get(t.Context(), "k")
		require.NoError(t, err)
		_, err = b.mem.Put(t.Context(), "k", bytesOf(strings.ToUpper(content)))
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.ErrorIs(t, err, objstore.ErrChanged)
		require.Equal(t, content[:7], string(got))
	})
	bubble(t, "gives up in the end", func(t *testing.T) {
		b := newBench(t, faulty.Fault{Kind: faulty.BrokenRead, Times: faulty.Forever})
		_, err := b.mem.Put(t.Context(), "k", bytesOf(content))
		require.NoError(t, err)
		_, _, err = objstore.ReadAll(t.Context(), b, "k", 100)
		require.ErrorIs(t, err, faulty.ErrInjected)
	})
	bubble(t, "an idle caller is not a hanging store", func(t *testing.T) {
		b := newBench(t)
		_, err := b.mem.Put(t.Context(), "k", bytesOf(content))
		require.NoError(t, err)
		r, _, err := b.Get(t.Context(), "k")
		require.NoError(t, err)
		<-time.After(time.Hour)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, content, string(got))
		require.NoError(t, r.Close())
		require.Empty(t, b.seen)
	})
}

func TestListGoesOn(t *testing.T) {
	bubble(t, "behind the last key", func(t *testing.T) {
		b := newBench(t, faulty.Fault{Kind: faulty.ErrorAfter, Ops: []faulty.Op{faulty.List}, At: 2, Times: 3})
		want := []string{"a", "b", "c", "d", "e", "f", "g"}
		for _, key := range want {
			_, err := b.mem.Put(t.Context(), key, bytesOf(key))
			require.NoError(t, err)
		}
		var got []string
		for info, err := range b.List(t.Context(), "", "") {
			require.NoError(t, err)
			<-time.After(time.Minute) // what the caller does with it is not the store's time
			got = append(got, info.Key)
		}
		require.Equal(t, want, got)
		require.Equal(t, 3, b.faulty.Struck())
	})
	bubble(t, "ends with the error", func(t *testing.T) {
		b := newBench(t, faulty.Fault{Kind: faulty.ErrorBefore, Times: faulty.Forever})
		var last error
		for _, err := range b.List(t.Context(), "", "") {
			require.NoError(t, last, "an error is the last element")
			last = err
		}
		require.ErrorIs(t, last, faulty.ErrInjected)
	})
}

func TestOptions(t *testing.T) {
	_, err := retry.New(mem.New(), retry.Options{MaxWait: -1})
	require.Error(t, err)
	require.False(t, errors.Is(err, objstore.ErrUnfit))
}
