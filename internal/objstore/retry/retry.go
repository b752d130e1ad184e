package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"lastwrite/internal/objstore"
)

// Store repeats what failed at the store it wraps.
type Store struct {
	inner objstore.Store
	opts  Options // with defaults
}

var _ objstore.Store = (*Store)(nil)

// New wraps inner. Its options must be valid.
func New(inner objstore.Store, o Options) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &Store{inner: inner, opts: o.WithDefaults()}, nil
}

// Put implements objstore.Store.
func (s *Store) Put(ctx context.Context, key string, content objstore.Body) (objstore.Version, error) {
	var v objstore.Version
	landed := false
	err := s.campaign("put", key).run(ctx, func(ctx context.Context, w *watch) (bool, error) {
		var err error
		v, err = s.inner.Put(ctx, key, body{content, w})
		return false, note(&landed, err)
	})
	if err != nil {
		return "", err
	}
	return v, nil
}

// PutIf implements objstore.Store.
func (s *Store) PutIf(ctx context.Context, key string, content objstore.Body, cond objstore.Cond) (objstore.Version, error) {
	var v objstore.Version
	landed := false // an earlier attempt may have written
	err := s.campaign("put", key).run(ctx, func(ctx context.Context, w *watch) (bool, error) {
		var err error
		v, err = s.inner.PutIf(ctx, key, body{content, w}, cond)
		if landed && errors.Is(err, objstore.ErrPrecondition) {
			v, err = s.resolve(ctx, key, body{content, w}, err)
			return false, err
		}
		return false, note(&landed, err)
	})
	if err != nil {
		return "", err
	}
	return v, nil
}

// note remembers that a write may have landed, and from then on marks every error.
func note(landed *bool, err error) error {
	if err == nil {
		return nil
	}
	if *landed && !errors.Is(err, objstore.ErrOpen) && objstore.Definite(err) {
		return fmt.Errorf("%w: %w", objstore.ErrOpen, err)
	}
	*landed = *landed || !objstore.Definite(err)
	return err
}

// resolve finds out whether it was an earlier attempt of our own that made the condition
// fail.
func (s *Store) resolve(ctx context.Context, key string, sent objstore.Body, lost error) (objstore.Version, error) {
	info, same, err := objstore.SameContent(ctx, s.inner, key, sent)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: find out whose write it was: %w (after: %v)", objstore.ErrOpen, err, lost)
	case !same: // lost, or won and replaced since
		return "", fmt.Errorf("%w: %w", objstore.ErrOpen, lost)
	default:
		return info.Version, nil
	}
}

// List implements objstore.Store.
func (s *Store) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objstore.Info, error] {
	return func(yield func(objstore.Info, error) bool) {
		c := s.campaign("list", prefix)
		last, stopped := startAfter, false
		err := c.run(ctx, func(ctx context.Context, w *watch) (bool, error) {
			for info, err := range s.inner.List(ctx, prefix, last) {
				if err != nil {
					return false, err
				}
				w.rest() // while the caller has it
				last = info.Key
				if !yield(info, nil) {
					stopped = true
					return false, nil
				}
				c.progress()
				w.touch()
			}
			return false, nil
		})
		if err != nil && !stopped {
			yield(objstore.Info{}, err)
		}
	}
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	return s.campaign("delete", key).run(ctx, func(ctx context.Context, _ *watch) (bool, error) {
		return false, s.inner.Delete(ctx, key)
	})
}

// Get implements objstore.Store.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, objstore.Info, error) {
	return s.open(ctx, "get", key, func(info objstore.Info) (int64, int64) { return 0, info.Size },
		func(ctx context.Context) (io.ReadCloser, objstore.Info, error) { return s.inner.Get(ctx, key) })
}

// GetRange implements objstore.Store.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, objstore.Info, error) {
	return s.open(ctx, "get range", key, func(info objstore.Info) (int64, int64) {
		start, n, err := objstore.Span(offset, length, info.Size)
		if err != nil { // the store has served it, so let it end where it ends
			return 0, 0
		}
		return start, start + n
	}, func(ctx context.Context) (io.ReadCloser, objstore.Info, error) {
		return s.inner.GetRange(ctx, key, offset, length)
	})
}
