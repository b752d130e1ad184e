package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"syscall"

	"lastwrite/internal/objstore"
)

var (
	// errStore marks every error that an object store returned, so that the edge can tell it from others.
	errStore = errors.New("object store")
	// errStoreFull is what an error of a store is too when there is no room there.
	errStoreFull = errors.New("object store is full")
)

// storeError is an error of the store; its text is unchanged.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// Is makes errors.Is find errStore, and errStoreFull.
func (e storeError) Is(target error) bool {
	return target == errStore || target == errStoreFull && (errors.Is(e.error, syscall.ENOSPC) || errors.Is(e.error, syscall.EDQUOT))
}

func ofStore(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return storeError{err}
}

// markedStore is a store whose errors say that they are a store's.
type markedStore struct{ inner objstore.Store }

var _ objstore.Store = markedStore{}

// Get implements objstore.Store.
func (s markedStore) Get(ctx context.Context, key string) (io.ReadCloser, objstore.Info, error) {
	r, info, err := s.inner.Get(ctx, key)
	return markReader(r), info, ofStore(err)
}

// GetRange implements objstore.Store.
func (s markedStore) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, objstore.Info, error) {
	r, info, err := s.inner.GetRange(ctx, key, offset, length)
	return markReader(r), info, ofStore(err)
}

// Put implements objstore.Store.
func (s markedStore) Put(ctx context.Context, key string, body objstore.Body) (objstore.Version, error) {
	v, err := s.inner.Put(ctx, key, body)
	return v, ofStore(err)
}

// PutIf implements objstore.Store.
func (s markedStore) PutIf(ctx context.Context, key string, body objstore.Body, cond objstore.Cond) (objstore.Version, error) {
	v, err := s.inner.PutIf(ctx, key, body, cond)
	return v, ofStore(err)
}

// List implements objstore.Store.
func (s markedStore) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objstore.Info, error] {
	return func(yield func(objstore.Info, error) bool) {
		for info, err := range s.inner.List(ctx, prefix, startAfter) {
			if !yield(info, ofStore(err)) {
				return
			}
		}
	}
}

// Delete implements objstore.Store.
func (s markedStore) Delete(ctx context.Context, key string) error {
	return ofStore(s.inner.Delete(ctx, key))
}

// markedReader marks the errors of reading; io.EOF is none.
type markedReader struct{ io.ReadCloser }

func markReader(r io.ReadCloser) io.ReadCloser {
	if r == nil {
		return nil
	}
	return markedReader{r}
}

func (r markedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = ofStore(err)
	}
	return n, err
}
