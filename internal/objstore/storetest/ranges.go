package storetest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
)

func ranges(t *testing.T, s objstore.Store) {
	put(t, s, "k", "0123456789")
	for _, c := range []struct {
		offset, length int64
		want           string // "" is ErrRange
	}{
		{0, 10, "0123456789"},
		{0, 1, "0"},
		{3, 4, "3456"},
		{9, 1, "9"},
		{9, 5, "9"},
		{4, 100, "456789"},
		{4, math.MaxInt64, "456789"},
		{-1, 1, "9"},
		{-4, 4, "6789"},
		{-4, 2, "67"},
		{-4, 100, "6789"},
		{-10, 10, "0123456789"},
		{-100, 100, "0123456789"},
		{-100, 3, "012"},
		{math.MinInt64, 10, "0123456789"},
		{10, 1, ""},
		{11, 5, ""},
		{math.MaxInt64, 1, ""},
		{math.MaxInt64, math.MaxInt64, ""},
		{0, 0, ""},
		{2, -1, ""},
		{-3, 0, ""},
	} {
		got, info, err := readRange(t.Context(), s, "k", c.offset, c.length)
		if c.want == "" {
			require.ErrorIs(t, err, objstore.ErrRange, "%d at %d", c.length, c.offset)
			continue
		}
		require.NoError(t, err, "%d at %d", c.length, c.offset)
		require.Equal(t, c.want, got, "%d at %d", c.length, c.offset)
		require.Equal(t, int64(10), info.Size, "the size of the whole object")
	}
	_, whole := read(t, s, "k")
	_, part, err := readRange(t.Context(), s, "k", 2, 2)
	require.NoError(t, err)
	require.Equal(t, whole.Version, part.Version)
	require.Equal(t, whole.Key, part.Key)
}

// largeContent is big enough to go in several parts where a store has parts.
const largeContent = 40<<20 + 12345

func large(t *testing.T, s objstore.Store) {
	if testing.Short() {
		t.Skip("large objects")
	}
	content := noise(largeContent, 3)
	v, err := s.PutIf(t.Context(), "base/1/data", objstore.Bytes(content), objstore.IfAbsent())
	require.NoError(t, err)
	same(t, s, "base/1/data", content, v)
	other := noise(largeContent-1, 4)
	_, err = s.PutIf(t.Context(), "base/1/data", objstore.Bytes(other), objstore.IfAbsent())
	require.ErrorIs(t, err, objstore.ErrPrecondition)

	const part = 16 << 20
	got, info, err := readRange(t.Context(), s, "base/1/data", part-3, 6)
	require.NoError(t, err)
	require.Equal(t, string(content[part-3:part+3]), got)
	require.Equal(t, int64(largeContent), info.Size)
	got, _, err = readRange(t.Context(), s, "base/1/data", -100, 100)
	require.NoError(t, err)
	require.Equal(t, string(content[largeContent-100:]), got)

	w, err := s.PutIf(t.Context(), "base/1/data", objstore.Bytes(other), objstore.IfMatch(v))
	require.NoError(t, err)
	require.NotEqual(t, v, w)
	_, err = s.PutIf(t.Context(), "base/1/data", objstore.Bytes(content[1:]), objstore.IfMatch(v))
	require.ErrorIs(t, err, objstore.ErrPrecondition)
	same(t, s, "base/1/data", other, w)

	w, err = s.Put(t.Context(), "base/1/data", objstore.Bytes(content))
	require.NoError(t, err)
	same(t, s, "base/1/data", content, w)
}

// same requires that the object has this content and version.
func same(t *testing.T, s objstore.Store, key string, content []byte, v objstore.Version) {
	t.Helper()
	info, equal, err := objstore.SameContent(t.Context(), s, key, objstore.Bytes(content))
	require.NoError(t, err)
	require.True(t, equal, "content of %s, %d bytes", key, info.Size)
	require.Equal(t, v, info.Version)
}
