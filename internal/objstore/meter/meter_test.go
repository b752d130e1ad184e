package meter_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/faulty"
	"lastwrite/internal/objstore/mem"
	"lastwrite/internal/objstore/meter"
	"lastwrite/internal/objstore/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) objstore.Store { return meter.New(mem.New()) })
}

func TestCounts(t *testing.T) {
	s := meter.New(faulty.New(mem.New(), 1, faulty.Fault{Kind: faulty.BrokenRead, Skip: 2, At: 4}))
	body := objstore.Bytes([]byte("0123456789"))
	for i := range 1001 {
		_, err := s.Put(t.Context(), fmt.Sprintf("k/%d", i), body)
		require.NoError(t, err)
	}
	_, err := s.PutIf(t.Context(), "k/0", body, objstore.IfAbsent())
	require.ErrorIs(t, err, objstore.ErrPrecondition)
	_, _, err = objstore.ReadAll(t.Context(), s, "k/0", 100)
	require.NoError(t, err)
	r, _, err := s.GetRange(t.Context(), "k/0", -3, 3)
	require.NoError(t, err)
	_, err = r.Read(make([]byte, 100))
	require.NoError(t, err)
	require.NoError(t, r.Close())
	_, _, err = objstore.ReadAll(t.Context(), s, "k/0", 100)
	require.ErrorIs(t, err, faulty.ErrInjected)
	for _, prefix := range []string{"k/", "nothing"} {
		for _, err := range s.List(t.Context(), prefix, "") {
			require.NoError(t, err)
		}
	}
	require.NoError(t, s.Delete(t.Context(), "k/0"))
	require.Equal(t, meter.Snapshot{
		Get:    meter.Count{Requests: 3, Failures: 1, Bytes: 10 + 3 + 4},
		Put:    meter.Count{Requests: 1002, Failures: 1, Bytes: 10010},
		List:   meter.Count{Requests: 3},
		Delete: meter.Count{Requests: 1},
	}, s.Snapshot())
}
