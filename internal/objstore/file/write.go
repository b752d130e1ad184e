package file

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"lastwrite/internal/objstore"
)

const (
	// copyChunk is how much is written between two looks at the context.
	copyChunk = 256 << 10
	// syncEvery is how much is written between two fsyncs of a large file, so that the
	// last one is short and the page cache is not filled with what nobody reads.
	syncEvery = 32 << 20
)

// Put implements objstore.Store.
func (s *Store) Put(ctx context.Context, key string, body objstore.Body) (objstore.Version, error) {
	v, err := s.write(ctx, key, body, s.replace)
	if err != nil {
		return "", fmt.Errorf("put %s: %w", key, err)
	}
	return v, nil
}

// PutIf implements objstore.Store.
func (s *Store) PutIf(ctx context.Context, key string, body objstore.Body, cond objstore.Cond) (objstore.Version, error) {
	err := cond.Validate()
	place := s.create
	if v, match := cond.Match(); match {
		place = s.swapper(v)
	}
	var v objstore.Version
	if err == nil {
		v, err = s.write(ctx, key, body, place)
	}
	if err != nil {
		return "", fmt.Errorf("put %s %s: %w", key, cond, err)
	}
	return v, nil
}

// write goes through the steps of the package documentation.
func (s *Store) write(ctx context.Context, key string, body objstore.Body, place placer) (objstore.Version, error) {
	if err := objstore.ValidateKey(key); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	for _, dir := range []string{tmpDir, lockDir, path.Dir(key)} {
		if err := s.ensureDir(dir); err != nil {
			return "", s.missing(err, key)
		}
	}
	tmp := path.Join(tmpDir, rand.Text())
	// After a rename there is nothing to remove; else it is of no use to anybody.
	defer func() { _ = s.root.Remove(tmp) }()
	if err := s.writeTemp(ctx, tmp, body); err != nil {
		return "", classify(err)
	}
	v, err := place(ctx, tmp, key)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.ensureAgain(path.Dir(key)); err != nil {
			return "", s.missing(err, key)
		}
		v, err = place(ctx, tmp, key)
	}
	if err != nil && !errors.Is(err, objstore.ErrPrecondition) {
		return "", s.missing(err, key)
	}
	if syncErr := s.syncDir(path.Dir(key)); syncErr != nil {
		return "", classify(syncErr)
	}
	return v, err
}

// ensureAgain makes a directory that was there and is not any more.
func (s *Store) ensureAgain(dir string) error {
	for _, d := range []string{tmpDir, lockDir, dir} {
		s.forgetDir(d)
		if err := s.ensureDir(d); err != nil {
			return err
		}
	}
	return nil
}

// writeTemp writes body to a new file, stamps it and makes it durable.
func (s *Store) writeTemp(ctx context.Context, name string, body objstore.Body) error {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	err = copyBody(ctx, f, body)
	if err == nil {
		err = s.root.Chtimes(name, time.Time{}, time.Now())
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func copyBody(ctx context.Context, f *os.File, body objstore.Body) error {
	size := body.Size()
	buf := make([]byte, min(size, copyChunk))
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(size-at, int64(len(buf)))
		if got, err := body.ReadAt(buf[:n], at); int64(got) < n {
			return fmt.Errorf("read body: %w", err)
		}
		if _, err := f.Write(buf[:n]); err != nil {
			return err
		}
		at += n
		if at%syncEvery == 0 {
			if err := f.Sync(); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.remove(ctx, key); err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}

func (s *Store) remove(ctx context.Context, key string) error {
	if err := objstore.ValidateKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.ensureDir(lockDir); err != nil {
		return s.missing(err, key)
	}
	unlock, err := s.locks.lock(ctx, key)
	if err != nil {
		return classify(err)
	}
	defer unlock()
	stat, err := s.root.Lstat(key)
	if err == nil && stat.IsDir() {
		return nil // the parent of other keys is not an object
	}
	if err == nil {
		err = s.root.Remove(key)
	}
	if err != nil {
		if err := s.absent(err); !errors.Is(err, objstore.ErrNotExist) {
			return err
		}
		return nil
	}
	return classify(s.syncDir(path.Dir(key)))
}
