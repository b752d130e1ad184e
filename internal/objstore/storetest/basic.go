package storetest

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
)

func putGet(t *testing.T, s objstore.Store) {
	start := time.Now()
	v := put(t, s, "log/1/000.seg", "first")
	content, info := read(t, s, "log/1/000.seg")
	require.Equal(t, "first", content)
	require.Equal(t, "log/1/000.seg", info.Key)
	require.Equal(t, int64(5), info.Size)
	require.Equal(t, v, info.Version)
	require.WithinDuration(t, start, info.Modified, time.Minute)

	w := put(t, s, "log/1/000.seg", "second, longer")
	require.NotEqual(t, v, w, "the content was replaced")
	content, info = read(t, s, "log/1/000.seg")
	require.Equal(t, "second, longer", content)
	require.Equal(t, w, info.Version)

	_, _, err := objstore.ReadAll(t.Context(), s, "log/1/000.seg", 5)
	require.ErrorIs(t, err, objstore.ErrTooLarge)
}

func empty(t *testing.T, s objstore.Store) {
	put(t, s, "empty", "")
	content, info := read(t, s, "empty")
	require.Empty(t, content)
	require.Zero(t, info.Size)
	for _, r := range [][2]int64{{0, 1}, {-1, 1}, {-5, 5}, {3, 1}} {
		_, _, err := s.GetRange(t.Context(), "empty", r[0], r[1])
		require.ErrorIs(t, err, objstore.ErrRange, "range %v", r)
	}
	require.Equal(t, []string{"empty"}, list(t, s, "", ""))
}

func absentObject(t *testing.T, s objstore.Store) {
	_, _, err := s.Get(t.Context(), "no/such")
	require.ErrorIs(t, err, objstore.ErrNotExist)
	_, _, err = s.GetRange(t.Context(), "no/such", 0, 1)
	require.ErrorIs(t, err, objstore.ErrNotExist)
	put(t, s, "no/other", "x")
	_, _, err = s.Get(t.Context(), "no/such")
	require.ErrorIs(t, err, objstore.ErrNotExist)
	_, _, err = s.Get(t.Context(), "no")
	require.ErrorIs(t, err, objstore.ErrNotExist, "a parent is not an object")
	_, _, err = s.Get(t.Context(), "no/other/below")
	require.ErrorIs(t, err, objstore.ErrNotExist, "an object has no children")
	_, err = s.PutIf(t.Context(), "no/such", text("x"), objstore.IfMatch("1-1"))
	require.ErrorIs(t, err, objstore.ErrPrecondition)
}

func invalidKeys(t *testing.T, s objstore.Store) {
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "../a", ".hidden", "a/.b",
		"a\nb", "a\x00b", "a\xffb", strings.Repeat("x", objstore.MaxSegmentLen+1),
		strings.Repeat("x/", objstore.MaxKeyLen/2) + "xx",
	} {
		_, _, err := s.Get(t.Context(), key)
		require.ErrorIs(t, err, objstore.ErrInvalidKey, "%q", key)
		_, _, err = s.GetRange(t.Context(), key, 0, 1)
		require.ErrorIs(t, err, objstore.ErrInvalidKey, "%q", key)
		_, err = s.Put(t.Context(), key, text("x"))
		require.ErrorIs(t, err, objstore.ErrInvalidKey, "%q", key)
		_, err = s.PutIf(t.Context(), key, text("x"), objstore.IfAbsent())
		require.ErrorIs(t, err, objstore.ErrInvalidKey, "%q", key)
		require.ErrorIs(t, s.Delete(t.Context(), key), objstore.ErrInvalidKey, "%q", key)
	}
	for _, prefix := range []string{"/", "a//", "../", "a\nb"} {
		require.ErrorIs(t, listError(t.Context(), s, prefix), objstore.ErrInvalidKey, "%q", prefix)
	}
	require.Empty(t, list(t, s, "", ""))
}

func oddKeys(t *testing.T, s objstore.Store) {
	keys := []string{
		"a b/c d", "plus+and%20percent/%2F", "query?x=1&y=2", "hash#mark", "quote'\"`", `back\slash`,
		"co:lon;semi,comma", "star*/[set]{x}|^<>", "-dash/--", "~tilde", "x..y/z...", "umlaut/äöü", "日本/語", "emoji/🐬",
		"mysql/@002e#p#p0.ibd", "#innodb_redo/#ib_redo0_tmp", "trailing /space ", "dollar$/ex!cl", "(1)", "=", "_",
		strings.Repeat("x", objstore.MaxSegmentLen),
		strings.Repeat(strings.Repeat("y", 49)+"/", objstore.MaxKeyLen/50-1) + "end",
	}
	for _, key := range keys {
		put(t, s, key, "content of "+key)
	}
	for _, key := range keys {
		content, info := read(t, s, key)
		require.Equal(t, "content of "+key, content)
		require.Equal(t, key, info.Key)
	}
	require.ElementsMatch(t, keys, list(t, s, "", ""))
	for _, key := range keys {
		require.Equal(t, []string{key}, list(t, s, key, ""))
		require.NoError(t, s.Delete(t.Context(), key))
	}
	require.Empty(t, list(t, s, "", ""))
}

// parentKey: a store holds both, or refuses the second; it never loses the first.
func parentKey(t *testing.T, s objstore.Store) {
	put(t, s, "a/b", "child")
	if _, err := s.Put(t.Context(), "a", text("parent")); err != nil {
		require.ErrorIs(t, err, objstore.ErrInvalidKey)
	}
	if _, err := s.PutIf(t.Context(), "a/b/c", text("grandchild"), objstore.IfAbsent()); err != nil {
		require.ErrorIs(t, err, objstore.ErrInvalidKey)
	}
	content, _ := read(t, s, "a/b")
	require.Equal(t, "child", content)
}

func deleteTwice(t *testing.T, s objstore.Store) {
	put(t, s, "d/x", "1")
	put(t, s, "d/y", "2")
	require.NoError(t, s.Delete(t.Context(), "d/x"))
	require.NoError(t, s.Delete(t.Context(), "d/x"))
	require.NoError(t, s.Delete(t.Context(), "never/there"))
	require.NoError(t, s.Delete(t.Context(), "d"), "a parent is not an object")
	_, _, err := s.Get(t.Context(), "d/x")
	require.ErrorIs(t, err, objstore.ErrNotExist)
	require.Equal(t, []string{"d/y"}, list(t, s, "", ""))
	_, err = s.PutIf(t.Context(), "d/x", text("again"), objstore.IfAbsent())
	require.NoError(t, err)
}

func ifAbsent(t *testing.T, s objstore.Store) {
	v, err := s.PutIf(t.Context(), "k/a", text("one"), objstore.IfAbsent())
	require.NoError(t, err)
	_, err = s.PutIf(t.Context(), "k/a", text("two"), objstore.IfAbsent())
	require.ErrorIs(t, err, objstore.ErrPrecondition)
	_, err = s.PutIf(t.Context(), "k/a", text("one"), objstore.IfAbsent())
	require.ErrorIs(t, err, objstore.ErrPrecondition, "the same content does not make it ours")
	content, info := read(t, s, "k/a")
	require.Equal(t, "one", content)
	require.Equal(t, v, info.Version)
}

func ifMatch(t *testing.T, s objstore.Store) {
	v1 := put(t, s, "k", "one")
	v2, err := s.PutIf(t.Context(), "k", text("two"), objstore.IfMatch(v1))
	require.NoError(t, err)
	require.NotEqual(t, v1, v2)
	_, err = s.PutIf(t.Context(), "k", text("three"), objstore.IfMatch(v1))
	require.ErrorIs(t, err, objstore.ErrPrecondition)
	content, info := read(t, s, "k")
	require.Equal(t, "two", content)
	require.Equal(t, v2, info.Version)
	for listed, err := range s.List(t.Context(), "k", "") {
		require.NoError(t, err)
		require.Equal(t, v2, listed.Version, "listing and reading agree on the version")
		require.Equal(t, int64(3), listed.Size)
	}
	require.NoError(t, s.Delete(t.Context(), "k"))
	_, err = s.PutIf(t.Context(), "k", text("four"), objstore.IfMatch(v2))
	require.ErrorIs(t, err, objstore.ErrPrecondition, "what is gone matches nothing")
}

func noCondition(t *testing.T, s objstore.Store) {
	_, err := s.PutIf(t.Context(), "k", text("x"), objstore.Cond{})
	require.ErrorIs(t, err, objstore.ErrInvalidCond)
	_, err = s.PutIf(t.Context(), "k", text("x"), objstore.IfMatch(""))
	require.ErrorIs(t, err, objstore.ErrInvalidCond)
	require.Empty(t, list(t, s, "", ""))
}

func brokenBody(t *testing.T, s objstore.Store) {
	body := brokenReader{bytes.NewReader(noise(3<<20, 1))}
	_, err := s.Put(t.Context(), "k", body)
	require.ErrorIs(t, err, errBroken)
	_, err = s.PutIf(t.Context(), "k", body, objstore.IfAbsent())
	require.ErrorIs(t, err, errBroken)
	require.Empty(t, list(t, s, "", ""))

	v := put(t, s, "k", "whole")
	_, err = s.PutIf(t.Context(), "k", body, objstore.IfMatch(v))
	require.ErrorIs(t, err, errBroken)
	content, _ := read(t, s, "k")
	require.Equal(t, "whole", content)
}

func cancelled(t *testing.T, s objstore.Store) {
	v := put(t, s, "k", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := s.Get(ctx, "k")
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = s.GetRange(ctx, "k", 0, 1)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Put(ctx, "k", text("y"))
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.PutIf(ctx, "k", text("y"), objstore.IfMatch(v))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.Delete(ctx, "k"), context.Canceled)
	require.ErrorIs(t, listError(ctx, s, ""), context.Canceled)
	content, _ := read(t, s, "k")
	require.Equal(t, "x", content)
}

func readerCancelled(t *testing.T, s objstore.Store) {
	_, err := s.Put(t.Context(), "k", objstore.Bytes(noise(8<<20, 2)))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, _, err := s.Get(ctx, "k")
	require.NoError(t, err)
	_, err = io.ReadFull(r, make([]byte, 100))
	require.NoError(t, err)
	cancel()
	_, err = io.Copy(io.Discard, r)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, r.Close())
}
