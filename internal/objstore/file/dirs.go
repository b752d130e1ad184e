package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// sweepAge is how long a temporary file must have been left alone before it is taken
// for the remains of a crash. A writer touches its file with each chunk.
const sweepAge = time.Hour

// createRoot makes the root directory and those above it, each durable in its
// parent.
func createRoot(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := createRoot(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	return syncClose(f)
}

// ensureDir makes dir, a slash-separated path below the root, and its parents, and
// sees to it that they survive a crash. A directory that is already there
// may have been made by a writer that has not synced it yet, so the first use by
// this process syncs it in any case.
func (s *Store) ensureDir(dir string) error {
	if dir == "." {
		return nil
	}
	if _, known := s.durable.Load(dir); known {
		return nil
	}
	parent := path.Dir(dir)
	if err := s.ensureDir(parent); err != nil {
		return err
	}
	if err := s.root.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := s.syncDir(parent); err != nil {
		return err
	}
	s.durable.Store(dir, struct{}{})
	return nil
}

// forgetDir drops what is known about dir and its parents: somebody removed one.
func (s *Store) forgetDir(dir string) {
	for ; dir != "."; dir = path.Dir(dir) {
		s.durable.Delete(dir)
	}
}

// syncDir makes the names in dir durable.
func (s *Store) syncDir(dir string) error {
	f, err := s.root.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	if err := syncClose(f); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

func syncClose(f *os.File) error {
	return errors.Join(f.Sync(), f.Close())
}

// sweep removes old temporary files. It is housekeeping: a store that cannot be
// written to is still good for reading, so nothing is reported.
func (s *Store) sweep() {
	f, err := s.root.Open(tmpDir)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return
	}
	for _, entry := range entries {
		stat, err := entry.Info()
		if err == nil && time.Since(stat.ModTime()) > sweepAge {
			_ = s.root.Remove(path.Join(tmpDir, entry.Name()))
		}
	}
}
