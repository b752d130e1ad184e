package objstore_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/faulty"
	"lastwrite/internal/objstore/mem"
)

// careless is a store that breaks one promise: each field, if set, stands in for a method.
type careless struct {
	objstore.Store
	putIf    func(ctx context.Context, key string, body objstore.Body, cond objstore.Cond) (objstore.Version, error)
	getRange func(ctx context.Context, key string, offset, length int64) (io.ReadCloser, objstore.Info, error)
	get      func(ctx context.Context, key string) (io.ReadCloser, objstore.Info, error)
	list     func(ctx context.Context, prefix, after string) iter.Seq2[objstore.Info, error]
	remove   func(ctx context.Context, key string) error
}

// PutIf implements objstore.Store.
func (c careless) PutIf(ctx context.Context, key string, body objstore.Body, cond objstore.Cond) (objstore.Version, error) {
	if c.putIf == nil {
		return c.Store.PutIf(ctx, key, body, cond)
	}
	return c.putIf(ctx, key, body, cond)
}

// Get implements objstore.Store.
func (c careless) Get(ctx context.Context, key string) (io.ReadCloser, objstore.Info, error) {
	if c.get == nil {
		return c.Store.Get(ctx, key)
	}
	return c.get(ctx, key)
}

// GetRange implements objstore.Store.
func (c careless) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, objstore.Info, error) {
	if c.getRange == nil {
		return c.Store.GetRange(ctx, key, offset, length)
	}
	return c.getRange(ctx, key, offset, length)
}

// List implements objstore.Store.
func (c careless) List(ctx context.Context, prefix, after string) iter.Seq2[objstore.Info, error] {
	if c.list == nil {
		return c.Store.List(ctx, prefix, after)
	}
	return c.list(ctx, prefix, after)
}

// Delete implements objstore.Store.
func (c careless) Delete(ctx context.Context, key string) error {
	if c.remove == nil {
		return c.Store.Delete(ctx, key)
	}
	return c.remove(ctx, key)
}

// TestProbeFindsBrokenPromises: each kind of unfit server is refused with its reason.
func TestProbeFindsBrokenPromises(t *testing.T) {
	for _, c := range []struct {
		reason string
		broken func(inner *mem.Store) careless
	}{
		{"ignores If-None-Match", func(s *mem.Store) careless {
			return careless{putIf: func(ctx context.Context, key string, body objstore.Body, _ objstore.Cond) (objstore.Version, error) {
				return s.Put(ctx, key, body)
			}}
		}},
		{"ignores If-Match: an object was overwritten", func(s *mem.Store) careless {
			return careless{putIf: func(ctx context.Context, key string, body objstore.Body, cond objstore.Cond) (objstore.Version, error) {
				if cond.Absent() {
					return s.PutIf(ctx, key, body, cond)
				}
				return s.Put(ctx, key, body)
			}}
		}},
		{"ignores If-Match on an absent object", func(s *mem.Store) careless {
			return careless{putIf: func(ctx context.Context, key string, body objstore.Body, cond objstore.Cond) (objstore.Version, error) {
				if _, _, err := s.Get(ctx, key); err != nil {
					return s.Put(ctx, key, body)
				}
				return s.PutIf(ctx, key, body, cond)
			}}
		}},
		{"If-None-Match on a key that was never used is refused", func(*mem.Store) careless {
			return careless{putIf: func(context.Context, string, objstore.Body, objstore.Cond) (objstore.Version, error) {
				return "", objstore.ErrPrecondition
			}}
		}},
		{"If-Match with the current version is refused", func(s *mem.Store) careless {
			return careless{putIf: func(ctx context.Context, key string, body objstore.Body, cond objstore.Cond) (objstore.Version, error) {
				return s.PutIf(ctx, key, body, objstore.IfAbsent())
			}}
		}},
		{"cannot be read back", func(*mem.Store) careless {
			return careless{get: func(context.Context, string) (io.ReadCloser, objstore.Info, error) {
				return nil, objstore.Info{}, objstore.ErrNotExist
			}}
		}},
		{"differs from what was written", func(*mem.Store) careless {
			return careless{get: func(context.Context, string) (io.ReadCloser, objstore.Info, error) {
				return io.NopCloser(bytes.NewReader([]byte("zz"))), objstore.Info{Size: 2}, nil
			}}
		}},
		{"ranges that count from the end", func(s *mem.Store) careless {
			return careless{getRange: func(ctx context.Context, key string, _, _ int64) (io.ReadCloser, objstore.Info, error) {
				return s.Get(ctx, key)
			}}
		}},
		{"a listing shows", func(s *mem.Store) careless {
			return careless{list: func(context.Context, string, string) iter.Seq2[objstore.Info, error] {
				return func(func(objstore.Info, error) bool) {}
			}}
		}},
		{"a listing after", func(s *mem.Store) careless {
			return careless{list: func(ctx context.Context, prefix, _ string) iter.Seq2[objstore.Info, error] {
				return s.List(ctx, prefix, "")
			}}
		}},
		{"does not delete", func(*mem.Store) careless {
			return careless{remove: func(context.Context, string) error { return nil }}
		}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			inner := mem.New()
			broken := c.broken(inner)
			broken.Store = inner
			err := objstore.Probe(t.Context(), broken, "cluster/")
			require.ErrorIs(t, err, objstore.ErrUnfit)
			require.ErrorContains(t, err, c.reason)
		})
	}
}

// TestProbePassesErrorsOn: a store that cannot be reached is not called unfit, and a
// failed probe leaves nothing behind.
func TestProbePassesErrorsOn(t *testing.T) {
	for _, op := range []faulty.Op{faulty.Get, faulty.GetRange, faulty.Put, faulty.PutIf, faulty.List, faulty.Delete} {
		inner := mem.New()
		err := objstore.Probe(t.Context(), faulty.New(inner, 1, faulty.Fault{
			Kind: faulty.ErrorBefore, Ops: []faulty.Op{op}, Err: objstore.ErrPermission,
		}), "")
		require.ErrorIs(t, err, objstore.ErrPermission, op)
		require.NotErrorIs(t, err, objstore.ErrUnfit, op)
		for info := range inner.List(t.Context(), "", "") {
			require.Fail(t, "left behind", info.Key)
		}
	}
}
