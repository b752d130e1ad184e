package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"lastwrite/internal/objstore"
)

// orderKeys are those where the order of a directory walk is not the order of
// keys: "-", "." and "+" come before the slash, "0" and "_" after it.
func orderKeys() []string {
	return []string{
		"a-b/x", "a/b", "a/b-", "a/b.c", "a/c/d", "a.b", "a+/z", "a0", "ab", "a_", "b", "A", "a/b0/1", "a/ä", "a/z", "a/日", "é",
	}
}

func listOrder(t *testing.T, s objstore.Store) {
	require.Empty(t, list(t, s, "", ""), "an empty store lists nothing")
	for _, key := range orderKeys() {
		put(t, s, key, "x")
	}
	want := slices.Sorted(slices.Values(orderKeys()))
	require.Equal(t, want, list(t, s, "", ""))
	for i, after := range want {
		require.Equal(t, want[i+1:], append([]string{}, list(t, s, "", after)...), "after %s", after)
	}
	seen := 0
	for _, err := range s.List(t.Context(), "", "") {
		require.NoError(t, err)
		seen++
		if seen == 3 {
			break
		}
	}
	require.Equal(t, 3, seen, "a caller may stop early")
}

func listPrefix(t *testing.T, s objstore.Store) {
	for _, key := range orderKeys() {
		put(t, s, key, "x")
	}
	sorted := slices.Sorted(slices.Values(orderKeys()))
	prefixes := []string{"a", "a/", "a/b", "a/b-", "a/c/", "a-", "A", "b", "b/", "z", "a/c/d/", "nowhere/at/all"}
	for _, prefix := range prefixes {
		for _, after := range append([]string{"", "0", "a", "a/", "a/b", "a/bzzz", "a/c", "zzz"}, sorted...) {
			var want []string
			for _, key := range sorted {
				if len(key) >= len(prefix) && key[:len(prefix)] == prefix && key > after {
					want = append(want, key)
				}
			}
			require.Equal(t, want, list(t, s, prefix, after), "prefix %q after %q", prefix, after)
		}
	}
}

func listPages(t *testing.T, s objstore.Store) {
	const n = 1050
	var group errgroup.Group
	group.SetLimit(16)
	want := make([]string, n)
	for i := range n {
		want[i] = fmt.Sprintf("log/%02d/%06d.seg", i/1020, i)
		group.Go(func() error {
			_, err := s.PutIf(t.Context(), want[i], text(want[i]), objstore.IfAbsent())
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, want, list(t, s, "", ""))
	require.Equal(t, want[:1020], list(t, s, "log/00/", ""))
	require.Equal(t, want[31:], list(t, s, "log/", want[30]))
	require.Equal(t, want[n-1:], list(t, s, "log/", want[n-2]))
}
