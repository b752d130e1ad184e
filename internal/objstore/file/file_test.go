package file_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/file"
	"lastwrite/internal/objstore/storetest"
)

func open(t testing.TB, dir string) *file.Store {
	t.Helper()
	s, err := file.Open(file.Options{Root: dir, Create: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func body(s string) objstore.Body { return objstore.Bytes([]byte(s)) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) objstore.Store { return open(t, t.TempDir()) })
}

// TestPlainFiles: an object is a file at the path of its key, and the store's own
// files do not show.
func TestPlainFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "open")
	s := open(t, dir)
	_, err := s.PutIf(t.Context(), "log/1/0.seg", body("content"), objstore.IfAbsent())
	require.NoError(t, err)
	_, err = s.Put(t.Context(), "lease.json", body("lease"))
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(dir, "log", "1", "0.seg"))
	require.NoError(t, err)
	require.Equal(t, "content", string(got))
	var keys []string
	for info, err := range s.List(t.Context(), "", "") {
		require.NoError(t, err)
		keys = append(keys, info.Key)
	}
	require.Equal(t, []string{"lease.json", "log/1/0.seg"}, keys)
	left, err := os.ReadDir(filepath.Join(dir, ".lastwrite", "tmp"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestSweep: temporary files of crashed writers go when they are old, those of others stay.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	s := open(t, dir)
	_, err := s.Put(t.Context(), "k", body("x"))
	require.NoError(t, err)
	tmp := filepath.Join(dir, ".lastwrite", "tmp")
	require.NoError(t, os.WriteFile(filepath.Join(tmp, "OLD"), []byte("x"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(tmp, "NEW"), []byte("x"), 0o600))
	old := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(tmp, "OLD"), old, old))
	open(t, dir)
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, "NEW", left[0].Name())
}

// TestVersions: versions only grow while an object lives, whatever the clock does, and
// a change by another program shows.
func TestVersions(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	seen := map[objstore.Version]bool{}
	last := time.Time{}
	for i := range 60 {
		v, err := s.Put(t.Context(), "k", body(fmt.Sprintf("%04d", i)))
		require.NoError(t, err)
		require.False(t, seen[v], "content %d has the version of an earlier one", i)
		seen[v] = true
		_, info, err := objstore.ReadAll(t.Context(), s, "k", 10)
		require.NoError(t, err)
		require.Equal(t, v, info.Version)
		require.True(t, info.Modified.After(last))
		last = info.Modified
	}

	ahead := time.Now().Add(time.Hour) // as a clock that ran ahead would have left it
	require.NoError(t, os.Chtimes(filepath.Join(dir, "k"), time.Time{}, ahead))
	_, info, err := objstore.ReadAll(t.Context(), s, "k", 10)
	require.NoError(t, err)
	require.False(t, seen[info.Version])
	v, err := s.PutIf(t.Context(), "k", body("next"), objstore.IfMatch(info.Version))
	require.NoError(t, err)
	require.NotEqual(t, info.Version, v)
	_, info, err = objstore.ReadAll(t.Context(), s, "k", 10)
	require.NoError(t, err)
	require.Equal(t, v, info.Version)
	require.True(t, info.Modified.After(ahead))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "k"), []byte("by hand"), 0o600))
	_, err = s.PutIf(t.Context(), "k", body("stale"), objstore.IfMatch(v))
	require.ErrorIs(t, err, objstore.ErrPrecondition)
}

// TestNoStore: a root that is missing is not an empty store.
func TestNoStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	_, err := file.Open(file.Options{Root: dir})
	require.ErrorIs(t, err, objstore.ErrNoStore)
	require.ErrorContains(t, err, dir)
	require.NoDirExists(t, dir)

	s := open(t, dir)
	require.NoError(t, os.RemoveAll(dir))
	_, _, err = s.Get(t.Context(), "cluster.json")
	require.ErrorIs(t, err, objstore.ErrNoStore)
	_, err = s.PutIf(t.Context(), "cluster.json", body("x"), objstore.IfAbsent())
	require.ErrorIs(t, err, objstore.ErrNoStore)
	for _, err := range s.List(t.Context(), "", "") {
		require.ErrorIs(t, err, objstore.ErrNoStore)
	}
	require.ErrorIs(t, s.Delete(t.Context(), "cluster.json"), objstore.ErrNoStore)

	notDir := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(notDir, nil, 0o600))
	_, err = file.Open(file.Options{Root: notDir, Create: true})
	require.ErrorContains(t, err, "not a directory")
	_, err = file.Open(file.Options{Root: "relative"})
	require.ErrorContains(t, err, "not an absolute path")
}

// TestLockWait: a compare-and-swap waits for another process's lock no longer than its
// context, and goes on when the lock is released.
func TestLockWait(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	v, err := s.Put(t.Context(), "k", body("one"))
	require.NoError(t, err)
	var held []*os.File
	for shard := range 64 {
		f, err := os.OpenFile(filepath.Join(dir, ".lastwrite", "lock", strconv.Itoa(shard)), os.O_RDWR|os.O_CREATE, 0o600)
		require.NoError(t, err)
		require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
		held = append(held, f)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = s.PutIf(ctx, "k", body("two"), objstore.IfMatch(v))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	done := make(chan error, 1)
	go func() {
		_, err := s.PutIf(t.Context(), "k", body("two"), objstore.IfMatch(v))
		done <- err
	}()
	for _, f := range held {
		require.NoError(t, f.Close())
	}
	require.NoError(t, <-done)
}

func BenchmarkPut64KiB(b *testing.B) {
	content := make([]byte, 64<<10)
	for _, writers := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := open(b, b.TempDir())
			next := make(chan int)
			errs := make(chan error, writers)
			b.SetBytes(int64(len(content)))
			b.ResetTimer()
			for range writers {
				go func() {
					for i := range next {
						if _, err := s.PutIf(b.Context(), fmt.Sprintf("log/1/%09d.seg", i), objstore.Bytes(content), objstore.IfAbsent()); err != nil {
							errs <- err
							return
						}
					}
					errs <- nil
				}()
			}
			for i := range b.N {
				next <- i
			}
			close(next)
			for range writers {
				require.NoError(b, <-errs)
			}
		})
	}
}

func BenchmarkSwap(b *testing.B) {
	s := open(b, b.TempDir())
	v, err := s.Put(b.Context(), "lease.json", body("0"))
	require.NoError(b, err)
	for i := 0; b.Loop(); i++ {
		v, err = s.PutIf(b.Context(), "lease.json", body(strconv.Itoa(i)), objstore.IfMatch(v))
		require.NoError(b, err)
	}
}

func BenchmarkGet64KiB(b *testing.B) {
	s := open(b, b.TempDir())
	_, err := s.Put(b.Context(), "k", objstore.Bytes(make([]byte, 64<<10)))
	require.NoError(b, err)
	b.SetBytes(64 << 10)
	for b.Loop() {
		_, _, err := objstore.ReadAll(b.Context(), s, "k", 1<<20)
		require.NoError(b, err)
	}
}
