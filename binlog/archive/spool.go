package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// spool is the directory where segments are put together.
//
//	lock           held by the process that uses the directory
//	<n>.open       a segment being written
//	<n>.seg        a finished segment that is not confirmed in the store
type spool struct {
	dir  string
	lock *os.File
	next uint64
}

const (
	openSuffix   = ".open"
	sealedSuffix = ".seg"
)

// openSpool takes the directory for this process. It returns ErrBusy when another one has it, ErrSpool when it cannot be used.
func openSpool(dir string) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpool, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpool, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrBusy, dir)
		}
		return nil, fmt.Errorf("%w: lock %s: %w", ErrSpool, dir, err)
	}
	return &spool{dir: dir, lock: lock}, nil
}

func (s *spool) close() error { return s.lock.Close() }

// leftovers removes unfinished segments and returns the finished ones, oldest first.
func (s *spool) leftovers() ([]string, error) {
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpool, err)
	}
	var sealed []string
	for _, n := range names {
		path := filepath.Join(s.dir, n.Name())
		switch {
		case strings.HasSuffix(n.Name(), openSuffix):
			if err := os.Remove(path); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrSpool, err)
			}
		case strings.HasSuffix(n.Name(), sealedSuffix):
			sealed = append(sealed, path)
			if i, ok := number(filepath.ToSlash(path), sealedSuffix); ok {
				s.next = max(s.next, i+1)
			}
		}
	}
	slices.Sort(sealed)
	return sealed, nil
}

// create opens the file of a new segment.
func (s *spool) create() (*os.File, error) {
	path := filepath.Join(s.dir, fmt.Sprintf("%012d%s", s.next, openSuffix))
	s.next++
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpool, err)
	}
	return f, nil
}

// finish marks a segment as finished and returns its new path.
func (s *spool) finish(f *os.File) (string, error) {
	path := strings.TrimSuffix(f.Name(), openSuffix) + sealedSuffix
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrSpool, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return "", fmt.Errorf("%w: %w", ErrSpool, err)
	}
	return path, nil
}

// drop gives an unfinished segment up.
func (s *spool) drop(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}
