package faulty_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/faulty"
	"lastwrite/internal/objstore/mem"
	"lastwrite/internal/objstore/storetest"
)

// TestConformance: without faults it is the store it decorates.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) objstore.Store { return faulty.New(mem.New(), 1) })
}

func body(s string) objstore.Body { return objstore.Bytes([]byte(s)) }

func content(t *testing.T, s objstore.Store, key string) string {
	t.Helper()
	got, _, err := objstore.ReadAll(t.Context(), s, key, 1<<20)
	require.NoError(t, err)
	return string(got)
}

func TestScript(t *testing.T) {
	inner := mem.New()
	s := faulty.New(inner, 1, faulty.Fault{
		Kind: faulty.ErrorBefore, Ops: []faulty.Op{faulty.Put}, Key: "log/", Skip: 1, Times: 2, Err: syscall.ENOSPC,
	})
	var outcome []bool
	for i := range 5 {
		_, err := s.Put(t.Context(), fmt.Sprintf("log/%d", i), body("x"))
		if err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
		}
		outcome = append(outcome, err == nil)
		_, err = s.Put(t.Context(), fmt.Sprintf("base/%d", i), body("x"))
		require.NoError(t, err, "another prefix")
	}
	require.Equal(t, []bool{true, false, false, true, true}, outcome)
	require.Equal(t, 10, s.Calls(faulty.Put))
	require.Equal(t, 2, s.Struck())
	s.Add(faulty.Fault{Kind: faulty.ErrorBefore, Times: faulty.Forever})
	require.ErrorIs(t, s.Delete(t.Context(), "log/0"), faulty.ErrInjected)
	s.Heal()
	require.NoError(t, s.Delete(t.Context(), "log/0"))
}

// TestKinds: what each kind does to the caller and to the store.
func TestKinds(t *testing.T) {
	t.Run("lost reply", func(t *testing.T) {
		inner := mem.New()
		s := faulty.New(inner, 1, faulty.Fault{Kind: faulty.ErrorAfter})
		_, err := s.PutIf(t.Context(), "k", body("x"), objstore.IfAbsent())
		require.ErrorIs(t, err, faulty.ErrInjected)
		require.Equal(t, "x", content(t, inner, "k"))
	})
	t.Run("torn put", func(t *testing.T) {
		inner := mem.New()
		s := faulty.New(inner, 1, faulty.Fault{Kind: faulty.TornPut})
		_, err := s.Put(t.Context(), "k", body("0123456789"))
		require.ErrorIs(t, err, faulty.ErrInjected)
		require.Equal(t, "01234", content(t, inner, "k"))
	})
	t.Run("short and broken read", func(t *testing.T) {
		inner := mem.New()
		s := faulty.New(inner, 1, faulty.Fault{Kind: faulty.ShortRead, At: 4}, faulty.Fault{Kind: faulty.BrokenRead, At: 4})
		_, err := inner.Put(t.Context(), "k", body("0123456789"))
		require.NoError(t, err)
		for _, want := range []error{nil, faulty.ErrInjected} {
			r, info, err := s.Get(t.Context(), "k")
			require.NoError(t, err)
			require.Equal(t, int64(10), info.Size)
			got, err := io.ReadAll(r)
			require.ErrorIs(t, err, want)
			require.Equal(t, "0123", string(got))
			require.NoError(t, r.Close())
		}
	})
	t.Run("one bit flipped", func(t *testing.T) {
		inner := mem.New()
		s := faulty.New(inner, 3, faulty.Fault{Kind: faulty.Corrupt, At: -1, Times: faulty.Forever})
		whole := bytes.Repeat([]byte{0}, 1000)
		_, err := inner.Put(t.Context(), "k", objstore.Bytes(whole))
		require.NoError(t, err)
		got := content(t, s, "k")
		bits := 0
		for _, b := range []byte(got) {
			for ; b != 0; b &= b - 1 {
				bits++
			}
		}
		require.Equal(t, 1, bits)
	})
	t.Run("hang and slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			inner := mem.New()
			s := faulty.New(inner, 1, faulty.Fault{Kind: faulty.Hang}, faulty.Fault{Kind: faulty.HangAfter},
				faulty.Fault{Kind: faulty.Slow, Delay: time.Second})
			for _, want := range []error{objstore.ErrNotExist, nil} {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				_, err := s.Put(ctx, "k", body("x"))
				cancel()
				require.ErrorIs(t, err, context.DeadlineExceeded)
				_, _, err = inner.Get(t.Context(), "k")
				require.ErrorIs(t, err, want)
			}
			start := time.Now()
			_, err := s.Put(t.Context(), "k", body("x"))
			require.NoError(t, err)
			require.Equal(t, time.Second, time.Since(start))
		})
	})
	t.Run("listing ends early", func(t *testing.T) {
		inner := mem.New()
		s := faulty.New(inner, 1, faulty.Fault{Kind: faulty.ErrorAfter, At: 1})
		for _, key := range []string{"a", "b", "c"} {
			_, err := inner.Put(t.Context(), key, body("x"))
			require.NoError(t, err)
		}
		var keys []string
		var last error
		for info, err := range s.List(t.Context(), "", "") {
			if last = err; err == nil {
				keys = append(keys, info.Key)
			}
		}
		require.Equal(t, []string{"a"}, keys)
		require.ErrorIs(t, last, faulty.ErrInjected)
	})
}

// TestSeed: the same seed strikes the same calls, in whatever order they come.
func TestSeed(t *testing.T) {
	strikes := func(seed uint64, backwards bool) string {
		s := faulty.New(mem.New(), seed, faulty.Fault{Kind: faulty.ErrorBefore, Times: faulty.Forever, Chance: 0.3})
		struck := make([]byte, 100)
		for i := range struck {
			if backwards {
				i = len(struck) - 1 - i
			}
			_, err := s.Put(t.Context(), fmt.Sprintf("k%d", i), body("x"))
			struck[i] = '.'
			if err != nil {
				struck[i] = 'X'
			}
		}
		return string(struck)
	}
	one := strikes(1, false)
	require.Equal(t, one, strikes(1, true))
	require.NotEqual(t, one, strikes(2, false))
	require.InDelta(t, 30, bytes.Count([]byte(one), []byte("X")), 15)
}
