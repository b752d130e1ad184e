package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"lastwrite/internal/objstore"
)

// placer gives a finished temporary file the name of key, or returns ErrPrecondition.
type placer func(ctx context.Context, tmp, key string) (objstore.Version, error)

// create is the placer of IfAbsent. link(2) fails where the name is taken, so no lock
// is needed, and two processes cannot both succeed.
func (s *Store) create(_ context.Context, tmp, key string) (objstore.Version, error) {
	stat, err := s.root.Lstat(tmp) // not of key and later: that may be replaced by then
	if err != nil {
		return "", err
	}
	err = s.root.Link(tmp, key)
	if errors.Is(err, fs.ErrExist) {
		err = s.taken(key, stat)
	}
	return version(stat), err
}

// taken says by what a name is taken: an object, the directory of others, or, on
// a network file system that sent link(2) twice, by the file that was to take it.
func (s *Store) taken(key string, mine fs.FileInfo) error {
	stat, err := s.root.Lstat(key)
	switch {
	case err == nil && stat.IsDir():
		return fmt.Errorf("%w: %q is a parent of other keys", objstore.ErrInvalidKey, key)
	case err == nil && os.SameFile(stat, mine):
		return nil
	default:
		return objstore.ErrPrecondition
	}
}

// swapper returns the placer of IfMatch: under the lock of the key nobody else
// replaces or deletes between the look and the rename.
func (s *Store) swapper(want objstore.Version) placer {
	return func(ctx context.Context, tmp, key string) (objstore.Version, error) {
		return s.underLock(ctx, tmp, key, func(old fs.FileInfo) error {
			if old == nil || version(old) != want {
				return objstore.ErrPrecondition
			}
			return nil
		})
	}
}

// replace is the placer of Put. It locks too: a Put between the look and the rename
// of a compare-and-swap would be lost.
func (s *Store) replace(ctx context.Context, tmp, key string) (objstore.Version, error) {
	return s.underLock(ctx, tmp, key, func(fs.FileInfo) error { return nil })
}

// underLock renames tmp to key if check, called with what is there now or nil,
// allows it.
func (s *Store) underLock(ctx context.Context, tmp, key string, check func(old fs.FileInfo) error) (objstore.Version, error) {
	unlock, err := s.locks.lock(ctx, key)
	if err != nil {
		return "", err
	}
	defer unlock()
	old, err := s.current(key)
	if err != nil {
		return "", err
	}
	if err := check(old); err != nil {
		return "", err
	}
	stamped, err := s.stampAfter(tmp, old)
	if err != nil {
		return "", err
	}
	if err := s.root.Rename(tmp, key); err != nil {
		return "", err
	}
	return version(stamped), nil
}

// current describes the file at key, nil where there is none.
func (s *Store) current(key string) (fs.FileInfo, error) {
	stat, err := s.root.Lstat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, nil
	case err != nil:
		return nil, err
	case stat.IsDir():
		return nil, fmt.Errorf("%w: %q is a parent of other keys", objstore.ErrInvalidKey, key)
	}
	return stat, nil
}

// stampAfter makes the modification time of tmp greater than that of old, by
// the smallest step that the file system can tell apart, and returns what it is.
func (s *Store) stampAfter(tmp string, old fs.FileInfo) (fs.FileInfo, error) {
	stat, err := s.root.Lstat(tmp)
	if err != nil || old == nil || stat.ModTime().After(old.ModTime()) {
		return stat, err
	}
	for _, step := range []time.Duration{1, time.Microsecond, time.Millisecond, time.Second, 2 * time.Second} {
		if err := s.root.Chtimes(tmp, time.Time{}, old.ModTime().Add(step)); err != nil {
			return nil, err
		}
		if stat, err = s.root.Lstat(tmp); err != nil {
			return nil, err
		}
		if stat.ModTime().After(old.ModTime()) {
			return stat, s.syncFile(tmp)
		}
	}
	return nil, fmt.Errorf("the file system keeps no modification times: %s stays at %s", tmp, stat.ModTime())
}

func (s *Store) syncFile(name string) error {
	f, err := s.root.Open(name)
	if err != nil {
		return err
	}
	return syncClose(f)
}

// missing explains an error that a write met on the way to its place.
func (s *Store) missing(err error, key string) error {
	switch {
	case s.gone():
		return fmt.Errorf("%w: directory %s was removed", objstore.ErrNoStore, s.root.Name())
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: a parent of %q is an object", objstore.ErrInvalidKey, key)
	default:
		return classify(err)
	}
}
