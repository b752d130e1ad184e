package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

const (
	// cacheLayout is raised whenever what a cache entry holds changes shape; entries of another
	// layout are not used.
	cacheLayout = 1
	// markerFile is the last file written into an entry: an entry without it is not complete.
	markerFile = "complete.json"
	// lockPoll is how often a process that waits for another one's fetch looks again.
	lockPoll = 100 * time.Millisecond
)

// CacheDir is where fetched and built components are kept between runs:
// lastwrite-lab below the user's cache directory ($XDG_CACHE_HOME, else ~/.cache).
func CacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache directory: %w", err)
	}
	return filepath.Join(base, "lastwrite-lab"), nil
}

// marker says what a complete cache entry holds.
type marker struct {
	Layout   int               `json:"layout"`
	Suite    string            `json:"suite,omitempty"`
	Packages map[string]string `json:"packages,omitempty"`
	Version  string            `json:"version"`
	Made     time.Time         `json:"made"`
}

// readMarker returns the marker of an entry; false if the entry is absent, unfinished or of another layout.
func readMarker(entry string) (marker, bool) {
	var m marker
	text, err := os.ReadFile(filepath.Join(entry, markerFile))
	if err != nil || json.Unmarshal(text, &m) != nil {
		return marker{}, false
	}
	return m, m.Layout == cacheLayout
}

// newestEntry finds the most recently made complete entry among those matching the pattern.
func newestEntry(cache, pattern string) (string, marker, bool) {
	var best string
	var found marker
	entries, _ := filepath.Glob(filepath.Join(cache, pattern))
	for _, entry := range entries {
		if m, ok := readMarker(entry); ok && m.Made.After(found.Made) {
			best, found = entry, m
		}
	}
	return best, found, best != ""
}

// install makes an entry: fill works in a fresh directory next to it, and its return value names the
// entry. The marker is written last and the directory renamed into place whole, so a process killed at
// any moment leaves nothing that looks finished. The caller holds the cache's lock for this kind of entry.
func install(cache, kind string, fill func(work string) (name string, m marker, err error)) (string, error) {
	leftovers, _ := filepath.Glob(filepath.Join(cache, ".make-"+kind+"-*"))
	for _, dir := range leftovers {
		_ = os.RemoveAll(dir) // of a process that died: the lock is ours
	}
	work, err := os.MkdirTemp(cache, ".make-"+kind+"-*")
	if err != nil {
		return "", fmt.Errorf("make a cache entry: %w", err)
	}
	defer os.RemoveAll(work)
	name, m, err := fill(work)
	if err != nil {
		return "", err
	}
	m.Layout, m.Made = cacheLayout, time.Now().UTC()
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode a cache marker: %w", err)
	}
	if err := os.WriteFile(filepath.Join(work, markerFile), append(text, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("write a cache marker: %w", err)
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return "", fmt.Errorf("open a cache entry for reading: %w", err)
	}
	entry := filepath.Join(cache, name)
	if err := os.RemoveAll(entry); err != nil {
		return "", fmt.Errorf("clear an unfinished cache entry: %w", err)
	}
	if err := os.Rename(work, entry); err != nil {
		return "", fmt.Errorf("put a cache entry into place: %w", err)
	}
	return entry, nil
}

// lockCache takes the exclusive lock for one kind of entry, waiting for whoever holds it, so that test
// binaries that start together fetch once. The lock dies with its holder.
func lockCache(ctx context.Context, cache, kind string, log zerolog.Logger) (unlock func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(cache, kind+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the cache: %w", err)
	}
	ticker := time.NewTicker(lockPoll)
	defer ticker.Stop()
	for told := false; ; told = true {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			_ = file.Close()
			return nil, fmt.Errorf("lock the cache: %w", err)
		}
		if !told {
			log.Info().Str("what", kind).Msg("another process is preparing this; waiting for it")
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("wait for the cache lock: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}
