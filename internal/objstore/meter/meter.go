package meter

import (
	"context"
	"io"
	"iter"
	"sync/atomic"

	"lastwrite/internal/objstore"
)

// pageSize is how many objects S3 lists in one answer.
const pageSize = 1000

// Count is what one kind of operation has come to since the start.
type Count struct {
	Requests int64 // calls, failed ones included
	Failures int64 // calls that returned an error, or readers that broke
	Bytes    int64 // of content sent or received
}

// Snapshot is the counts at one moment.
type Snapshot struct {
	Get    Count // Get and GetRange; Bytes were received
	Put    Count // Put and PutIf; Bytes were accepted by the store
	List   Count // Bytes is 0
	Delete Count // Bytes is 0
}

// Store counts the calls to the store it wraps.
type Store struct {
	inner                  objstore.Store
	get, put, list, remove counter
}

var _ objstore.Store = (*Store)(nil)

type counter struct{ requests, failures, bytes atomic.Int64 }

func (c *counter) done(bytes int64, err error) {
	c.requests.Add(1)
	if err != nil {
		c.failures.Add(1)
		return
	}
	c.bytes.Add(bytes)
}

func (c *counter) count() Count {
	return Count{Requests: c.requests.Load(), Failures: c.failures.Load(), Bytes: c.bytes.Load()}
}

// New wraps inner.
func New(inner objstore.Store) *Store { return &Store{inner: inner} }

// Snapshot returns the counts. They are read one by one while others may grow.
func (s *Store) Snapshot() Snapshot {
	return Snapshot{Get: s.get.count(), Put: s.put.count(), List: s.list.count(), Delete: s.remove.count()}
}

// Get implements objstore.Store.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, objstore.Info, error) {
	return s.read(s.inner.Get(ctx, key))
}

// GetRange implements objstore.Store.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, objstore.Info, error) {
	return s.read(s.inner.GetRange(ctx, key, offset, length))
}

func (s *Store) read(r io.ReadCloser, info objstore.Info, err error) (io.ReadCloser, objstore.Info, error) {
	s.get.done(0, err)
	if err != nil {
		return nil, objstore.Info{}, err
	}
	return &reader{ReadCloser: r, count: &s.get}, info, nil
}

// reader counts what is read.
type reader struct {
	io.ReadCloser
	count *counter
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.count.bytes.Add(int64(n))
	if err != nil && err != io.EOF {
		r.count.failures.Add(1)
	}
	return n, err
}

// Put implements objstore.Store.
func (s *Store) Put(ctx context.Context, key string, body objstore.Body) (objstore.Version, error) {
	v, err := s.inner.Put(ctx, key, body)
	s.put.done(body.Size(), err)
	return v, err
}

// PutIf implements objstore.Store.
func (s *Store) PutIf(ctx context.Context, key string, body objstore.Body, cond objstore.Cond) (objstore.Version, error) {
	v, err := s.inner.PutIf(ctx, key, body, cond)
	s.put.done(body.Size(), err)
	return v, err
}

// List implements objstore.Store.
func (s *Store) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objstore.Info, error] {
	return func(yield func(objstore.Info, error) bool) {
		seen := 0
		for info, err := range s.inner.List(ctx, prefix, startAfter) {
			if err != nil {
				s.list.failures.Add(1)
			}
			if seen%pageSize == 0 {
				s.list.requests.Add(1)
			}
			seen++
			if !yield(info, err) {
				return
			}
		}
		if seen == 0 {
			s.list.requests.Add(1)
		}
	}
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	err := s.inner.Delete(ctx, key)
	s.remove.done(0, err)
	return err
}
