package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"lastwrite/internal/objstore"
)

const (
	dirMode  = 0o750 // as MySQL's own data directory: what is inside is as secret
	fileMode = 0o640

	private = ".lastwrite" // no valid key begins with a dot
	tmpDir  = private + "/tmp"
	lockDir = private + "/lock"
)

// Store keeps objects in a directory, see the package documentation.
type Store struct {
	root    *os.Root
	durable sync.Map // directories, by path, that this process knows to be on disk
	locks   *locks
}

var _ objstore.Store = (*Store)(nil)

// Open opens the store and removes what crashed writers left behind. The caller
// closes it after the last reader.
func Open(o Options) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Create {
		if err := createRoot(filepath.Clean(o.Root)); err != nil {
			return nil, fmt.Errorf("create file store: %w", classify(err))
		}
	}
	root, err := os.OpenRoot(o.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open file store: %w: no directory %s", objstore.ErrNoStore, o.Root)
	}
	if err != nil {
		return nil, fmt.Errorf("open file store: %w", classify(err))
	}
	s := &Store{root: root, locks: newLocks(root)}
	s.sweep()
	return s, nil
}

// Close releases the directory. Readers that are still open stay usable.
func (s *Store) Close() error { return s.root.Close() }

// Get implements objstore.Store.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, objstore.Info, error) {
	f, info, err := s.open(ctx, key)
	if err != nil {
		return nil, objstore.Info{}, fmt.Errorf("get %s: %w", key, err)
	}
	return objstore.BindReader(ctx, f), info, nil
}

// GetRange implements objstore.Store.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, objstore.Info, error) {
	f, info, err := s.open(ctx, key)
	if err != nil {
		return nil, objstore.Info{}, fmt.Errorf("get range of %s: %w", key, err)
	}
	start, n, err := objstore.Span(offset, length, info.Size)
	if err != nil {
		_ = f.Close()
		return nil, objstore.Info{}, fmt.Errorf("get range of %s: %w", key, err)
	}
	section := struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, start, n), f}
	return objstore.BindReader(ctx, section), info, nil
}

// open opens the file of an object; what is described is what was opened.
func (s *Store) open(ctx context.Context, key string) (*os.File, objstore.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, objstore.Info{}, err
	}
	if err := objstore.ValidateKey(key); err != nil {
		return nil, objstore.Info{}, err
	}
	f, err := s.root.Open(key)
	if err != nil {
		return nil, objstore.Info{}, s.absent(err)
	}
	stat, err := f.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = objstore.ErrNotExist
	}
	if err != nil {
		_ = f.Close()
		return nil, objstore.Info{}, err
	}
	return f, describe(key, stat), nil
}

// describe makes the description of an object from that of its file.
func describe(key string, stat fs.FileInfo) objstore.Info {
	return objstore.Info{Key: key, Size: stat.Size(), Version: version(stat), Modified: stat.ModTime()}
}

// version is the modification time in nanoseconds and the size, in base 36.
func version(stat fs.FileInfo) objstore.Version {
	return objstore.Version(strconv.FormatInt(stat.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(stat.Size(), 36))
}

// absent turns "no such file" into ErrNotExist, unless it is the store that is gone.
func (s *Store) absent(err error) error {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return classify(err)
	}
	if s.gone() {
		return fmt.Errorf("%w: directory %s was removed", objstore.ErrNoStore, s.root.Name())
	}
	return objstore.ErrNotExist
}

// gone reports whether the root directory, which is held open, was removed.
func (s *Store) gone() bool {
	info, err := s.root.Stat(".")
	if err != nil {
		return true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}

// classify adds the sentinel that belongs to an error of the file system.
func classify(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: %w", objstore.ErrPermission, err)
	case errors.Is(err, syscall.ENAMETOOLONG):
		return fmt.Errorf("%w: %w", objstore.ErrInvalidKey, err)
	case errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%w: %w", objstore.ErrTooLarge, err)
	default:
		return err
	}
}
