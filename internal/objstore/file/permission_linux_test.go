package file_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/file"
)

// asNobody runs f on a thread that has no rights beyond those of an ordinary user.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const nobody = 65534
	_, err := unix.SetfsuidRetUid(nobody)
	require.NoError(t, err)
	defer func() { _, _ = unix.SetfsuidRetUid(0) }()
	f()
}

// TestPermission: a store that may only be read serves reads and refuses writes.
func TestPermission(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	s := open(t, dir)
	_, err := s.Put(t.Context(), "log/k", body("x"))
	require.NoError(t, err)
	for _, path := range []string{dir, filepath.Join(dir, "log"), filepath.Join(dir, ".lastwrite"),
		filepath.Join(dir, ".lastwrite", "tmp"), filepath.Join(dir, ".lastwrite", "lock")} {
		require.NoError(t, os.Chmod(path, 0o555))
		t.Cleanup(func() { require.NoError(t, os.Chmod(path, 0o755)) })
	}
	require.NoError(t, os.Chmod(filepath.Join(dir, "log", "k"), 0o444))
	asNobody(t, func() {
		s, err := file.Open(file.Options{Root: dir, Create: true})
		require.NoError(t, err)
		content, _, err := objstore.ReadAll(t.Context(), s, "log/k", 10)
		require.NoError(t, err)
		require.Equal(t, "x", string(content))
		_, err = s.Put(t.Context(), "log/k", body("y"))
		require.ErrorIs(t, err, objstore.ErrPermission)
		_, err = s.PutIf(t.Context(), "log/l", body("y"), objstore.IfAbsent())
		require.ErrorIs(t, err, objstore.ErrPermission)
		require.ErrorIs(t, s.Delete(t.Context(), "log/k"), objstore.ErrPermission)
		require.ErrorIs(t, objstore.Probe(t.Context(), s, ""), objstore.ErrPermission)
		require.NoError(t, s.Close())
	})
	require.NoError(t, os.Chmod(filepath.Join(dir, "log", "k"), 0o000))
	asNobody(t, func() {
		_, _, err := s.Get(t.Context(), "log/k")
		require.ErrorIs(t, err, objstore.ErrPermission)
	})
}
