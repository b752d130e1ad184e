package retry

import (
	"context"
	"errors"
	"fmt"
	"io"

	"lastwrite/internal/objstore"
)

// opener opens what a reader reads.
type opener func(ctx context.Context) (io.ReadCloser, objstore.Info, error)

// open opens a reader that goes on where it was when its connection breaks. span
// gives the bytes of the object that it reads.
func (s *Store) open(ctx context.Context, op, key string, span func(objstore.Info) (from, to int64), open opener) (io.ReadCloser, objstore.Info, error) {
	r := &reader{}
	err := s.campaign(op, key).run(ctx, func(ctx context.Context, w *watch) (bool, error) {
		inner, info, err := open(ctx)
		if err != nil {
			return false, err
		}
		w.rest()
		r.inner, r.watch, r.info = inner, w, info
		return true, nil
	})
	if err != nil {
		return nil, objstore.Info{}, err
	}
	r.at, r.end = span(r.info)
	r.again = func(p []byte) (int, error) { return s.resume(ctx, op, r, p) }
	return r, r.info, nil
}

// reader reads the bytes [at, end) of one version of an object.
type reader struct {
	info    objstore.Info
	at, end int64
	inner   io.ReadCloser // nil after it broke
	watch   *watch        // of inner
	again   func(p []byte) (int, error)
	failed  error // for good
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	switch {
	case r.failed != nil:
		return 0, r.failed
	case r.at >= r.end:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	n, err := r.read(p)
	if n == 0 && err != nil {
		r.drop()
		if n, err = r.again(p); err != nil {
			r.failed = err
			return 0, err
		}
	}
	r.at += int64(n)
	return n, nil
}

// read reads from the connection there is; 0 bytes always come with an error.
func (r *reader) read(p []byte) (int, error) {
	if r.inner == nil {
		return 0, io.ErrUnexpectedEOF
	}
	r.watch.touch()
	defer r.watch.rest()
	n, err := r.inner.Read(p[:min(int64(len(p)), r.end-r.at)])
	if n > 0 {
		return n, nil // an error comes again with the next read
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return 0, r.watch.explain(err)
}

// drop gives up a broken connection.
func (r *reader) drop() {
	if r.inner != nil {
		r.watch.end()
		_ = r.inner.Close()
		r.inner = nil
	}
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.failed = errors.New("read from a closed reader")
	if r.inner == nil {
		return nil
	}
	err := r.inner.Close()
	r.watch.end()
	r.inner = nil
	return err
}

// resume opens what is left of the object, if it is still the same, and reads the first
// bytes of it: only these show that the new connection is any better.
func (s *Store) resume(ctx context.Context, op string, r *reader, p []byte) (int, error) {
	var n int
	err := s.campaign(op, r.info.Key).run(ctx, func(ctx context.Context, w *watch) (bool, error) {
		inner, info, err := s.inner.GetRange(ctx, r.info.Key, r.at, r.end-r.at)
		if err != nil {
			return false, err
		}
		r.inner, r.watch = inner, w
		if info.Version != r.info.Version {
			err = fmt.Errorf("read %s: %w", r.info.Key, objstore.ErrChanged)
		} else {
			n, err = r.read(p)
		}
		if err != nil {
			r.drop()
			return false, err
		}
		return true, nil
	})
	return n, err
}
