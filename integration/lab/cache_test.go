package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// An entry appears whole or not at all: a failed or interrupted attempt leaves nothing that is taken for it, and is cleared away.
func TestCacheEntryAppearsWhole(t *testing.T) {
	cache := t.TempDir()
	dead := filepath.Join(cache, ".make-thing-dead")
	require.NoError(t, os.Mkdir(dead, 0o755))
	half := filepath.Join(cache, "thing-1")
	require.NoError(t, os.Mkdir(half, 0o755))
	_, _, ok := newestEntry(cache, "thing-*")
	require.False(t, ok, "a directory without a marker is not an entry")

	refused := errors.New("refused")
	_, err := install(cache, "thing", func(string) (string, marker, error) { return "thing-1", marker{}, refused })
	require.ErrorIs(t, err, refused)
	require.NoDirExists(t, dead)
	_, _, ok = newestEntry(cache, "thing-*")
	require.False(t, ok)

	entry, err := install(cache, "thing", func(work string) (string, marker, error) {
		return "thing-1", marker{Version: "1"}, os.WriteFile(filepath.Join(work, "file"), nil, 0o644)
	})
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(entry, "file"))
	found, m, ok := newestEntry(cache, "thing-*")
	require.True(t, ok)
	require.Equal(t, entry, found)
	require.Equal(t, "1", m.Version)
}

// The newest complete entry is used, and one of another layout is not.
func TestNewestCacheEntryIsUsed(t *testing.T) {
	cache := t.TempDir()
	for _, name := range []string{"thing-2", "thing-1"} {
		_, err := install(cache, "thing", func(string) (string, marker, error) { return name, marker{Version: name}, nil })
		require.NoError(t, err)
	}
	require.NoError(t, os.Mkdir(filepath.Join(cache, "thing-3"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(cache, "thing-3", markerFile), []byte(`{"layout":99,"made":"2099-01-01T00:00:00Z"}`), 0o644))
	_, m, ok := newestEntry(cache, "thing-*")
	require.True(t, ok)
	require.Equal(t, "thing-1", m.Version)
}

// The lock admits one; a second waits until its context is over, and gets it when it is free.
func TestCacheLockAdmitsOne(t *testing.T) {
	cache := t.TempDir()
	unlock, err := lockCache(t.Context(), cache, "thing", zerolog.Nop())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = lockCache(ctx, cache, "thing", zerolog.Nop())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	unlock()
	unlock, err = lockCache(t.Context(), cache, "thing", zerolog.Nop())
	require.NoError(t, err)
	unlock()
}

// A complete cache needs neither apt nor a network, which here do not exist.
func TestCompleteCacheIsUsedOffline(t *testing.T) {
	plat, err := platformFor(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		t.Skip(err)
	}
	t.Setenv("PATH", t.TempDir())
	cache := t.TempDir()
	_, _, err = fetchMySQL(t.Context(), cache, zerolog.Nop())
	require.ErrorIs(t, err, ErrUnsupported, "with an empty cache there is no apt to be used")
	require.ErrorContains(t, err, MysqldEnv)

	entry, err := install(cache, "mysql", func(string) (string, marker, error) {
		return "mysql-sid-9.9.9-1-" + plat.arch, marker{Suite: "sid", Version: "9.9.9-1"}, nil
	})
	require.NoError(t, err)
	found, m, err := fetchMySQL(t.Context(), cache, zerolog.Nop())
	require.NoError(t, err)
	require.Equal(t, entry, found)
	require.Equal(t, "9.9.9-1", m.Version)
}
