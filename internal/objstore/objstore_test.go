package objstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/faulty"
	"lastwrite/internal/objstore/mem"
)

func TestValidateKey(t *testing.T) {
	for _, key := range []string{"a", "a/b", "log/1/000.seg", "a..b/c.", "日本", "a b", strings.Repeat("x", objstore.MaxSegmentLen)} {
		require.NoError(t, objstore.ValidateKey(key), "%q", key)
		require.NoError(t, objstore.ValidatePrefix(key), "%q", key)
		require.NoError(t, objstore.ValidatePrefix(key+"/"), "%q", key)
	}
	for key, reason := range map[string]string{
		"": "empty", "/a": "empty segment", "a/": "empty segment", "a//b": "empty segment",
		".": "dot", "a/..": "dot", ".lastwrite/tmp": "dot", "a\tb": "U+0009", "a\u200bb": "U+200B", "a\xff": "UTF-8",
		strings.Repeat("x", 251): "segment of 251 bytes", strings.Repeat("a/", 450) + "b": "901 bytes",
	} {
		err := objstore.ValidateKey(key)
		require.ErrorIs(t, err, objstore.ErrInvalidKey, "%q", key)
		require.ErrorContains(t, err, reason, "%q", key)
	}
	require.NoError(t, objstore.ValidatePrefix(""))
	for _, prefix := range []string{"/", "//", "a//", "../", "."} {
		require.ErrorIs(t, objstore.ValidatePrefix(prefix), objstore.ErrInvalidKey, "%q", prefix)
	}
}

// FuzzKey: a valid key never leaves its directory, and every beginning of it that
// does not end in a dot after a slash is a valid prefix.
func FuzzKey(f *testing.F) {
	for _, key := range []string{"a/b", "../x", "a/./b", "a\x00", "ä/.", strings.Repeat("k", 300)} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if objstore.ValidateKey(key) != nil {
			return
		}
		require.LessOrEqual(t, len(key), objstore.MaxKeyLen)
		require.NotContains(t, "/"+key+"/", "/../")
		require.NotContains(t, "/"+key+"/", "/./")
		require.NotContains(t, "/"+key+"/", "//")
		require.NotContains(t, key, "\x00")
		for i := range key {
			require.NoError(t, objstore.ValidatePrefix(key[:i]))
		}
	})
}

func TestSpan(t *testing.T) {
	for _, c := range []struct{ offset, length, size, start, n int64 }{
		{0, 5, 10, 0, 5},
		{8, 5, 10, 8, 2},
		{-3, 3, 10, 7, 3},
		{-3, 1, 10, 7, 1},
		{-30, 3, 10, 0, 3},
		{math.MinInt64, math.MaxInt64, 10, 0, 10},
		{9, math.MaxInt64, 10, 9, 1},
	} {
		start, n, err := objstore.Span(c.offset, c.length, c.size)
		require.NoError(t, err)
		require.Equal(t, [2]int64{c.start, c.n}, [2]int64{start, n}, "%+v", c)
	}
	for _, c := range [][3]int64{{10, 1, 10}, {0, 1, 0}, {-1, 1, 0}, {0, 0, 10}, {0, -1, 10}, {math.MaxInt64, 1, 10}} {
		_, _, err := objstore.Span(c[0], c[1], c[2])
		require.ErrorIs(t, err, objstore.ErrRange, "%v", c)
	}
}

func TestCond(t *testing.T) {
	absent, match := objstore.IfAbsent(), objstore.IfMatch("v1")
	require.True(t, absent.Holds(false, ""))
	require.False(t, absent.Holds(true, "v1"))
	require.True(t, match.Holds(true, "v1"))
	require.False(t, match.Holds(true, "v2"))
	require.False(t, match.Holds(false, "v1"))
	for _, none := range []objstore.Cond{{}, objstore.IfMatch("")} {
		require.False(t, none.Holds(true, ""))
		require.False(t, none.Holds(false, ""))
		require.ErrorIs(t, none.Validate(), objstore.ErrInvalidCond)
	}
}

func TestDefinite(t *testing.T) {
	require.True(t, objstore.Definite(fmt.Errorf("put: %w", objstore.ErrPermission)))
	require.False(t, objstore.Definite(context.DeadlineExceeded))
	require.False(t, objstore.Definite(errors.New("connection reset")))
	open := fmt.Errorf("%w: %w", objstore.ErrOpen, objstore.ErrPermission)
	require.False(t, objstore.Definite(open))
	require.True(t, objstore.Permanent(open))
}

// TestReadShort: a reader that ends early is an error, not a short content.
func TestReadShort(t *testing.T) {
	s := faulty.New(mem.New(), 1, faulty.Fault{Kind: faulty.ShortRead, At: 3, Times: faulty.Forever})
	_, err := s.Put(t.Context(), "k", objstore.Bytes([]byte("0123456789")))
	require.NoError(t, err)
	_, _, err = objstore.ReadAll(t.Context(), s, "k", 100)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, _, err = objstore.SameContent(t.Context(), s, "k", objstore.Bytes([]byte("0123456789")))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestSameContent(t *testing.T) {
	s := mem.New()
	content := []byte(strings.Repeat("0123456789", 100_000))
	v, err := s.Put(t.Context(), "k", objstore.Bytes(content))
	require.NoError(t, err)
	info, same, err := objstore.SameContent(t.Context(), s, "k", objstore.Bytes(content))
	require.NoError(t, err)
	require.True(t, same)
	require.Equal(t, v, info.Version)
	other := append([]byte{}, content...)
	other[len(other)-1] ^= 1
	for _, different := range [][]byte{other, content[1:], nil} {
		_, same, err = objstore.SameContent(t.Context(), s, "k", objstore.Bytes(different))
		require.NoError(t, err)
		require.False(t, same)
	}
	_, same, err = objstore.SameContent(t.Context(), s, "absent", objstore.Bytes(nil))
	require.NoError(t, err)
	require.False(t, same)
}
