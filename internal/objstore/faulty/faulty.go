package faulty

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"lastwrite/internal/objstore"
)

// Store is a store that fails as it is told.
type Store struct {
	inner objstore.Store
	seed  uint64

	mu     sync.Mutex
	faults []*state
	added  int
	calls  map[call]int
	total  map[Op]int
	struck int
}

var _ objstore.Store = (*Store)(nil)

// call identifies calls that are counted together.
type call struct {
	op  Op
	key string
}

// hit is a fault that strikes, with the randomness that belongs to it; nil: none.
type hit struct {
	Fault
	dice *rand.Rand
}

// New returns a store that fails by faults and else does what inner does. Of
// several faults that match a call the first that strikes acts.
func New(inner objstore.Store, seed uint64, faults ...Fault) *Store {
	s := &Store{inner: inner, seed: seed, calls: make(map[call]int), total: make(map[Op]int)}
	s.Add(faults...)
	return s
}

// Add adds faults behind those that are there.
func (s *Store) Add(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		s.faults = append(s.faults, &state{Fault: f, index: s.added})
		s.added++
	}
}

// Heal removes all faults.
func (s *Store) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Calls returns how often an operation was called.
func (s *Store) Calls(op Op) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total[op]
}

// Struck returns how many calls were hit by a fault.
func (s *Store) Struck() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.struck
}

// next counts a call and finds the fault that strikes it.
func (s *Store) next(op Op, key string) *hit {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.calls[call{op, key}]
	s.calls[call{op, key}]++
	s.total[op]++
	for _, f := range s.faults {
		if !f.suits(op, key) {
			continue
		}
		d := dice(s.seed, f.index, op, key, n)
		if f.strikes(d) {
			s.struck++
			return &hit{f.Fault, d}
		}
	}
	return nil
}

// before is what h does before the store is reached; an error ends the call.
func (h *hit) before(ctx context.Context) error {
	if h == nil {
		return nil
	}
	switch h.Kind {
	case ErrorBefore:
		return h.err()
	case Hang:
		<-ctx.Done()
		return ctx.Err()
	case Slow:
		select {
		case <-time.After(h.Delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// after is what h does once the store has answered.
func (h *hit) after(ctx context.Context) error {
	if h == nil {
		return nil
	}
	switch h.Kind {
	case ErrorAfter:
		return h.err()
	case HangAfter:
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// run does one call under the fault that strikes it.
func (s *Store) run(ctx context.Context, op Op, key string, do func(*hit) error) error {
	h := s.next(op, key)
	if err := h.before(ctx); err != nil {
		return fmt.Errorf("%s %s: %w", op, key, err)
	}
	err := do(h)
	if lost := h.after(ctx); lost != nil { // whatever the store said
		return fmt.Errorf("%s %s: %w", op, key, lost)
	}
	return err
}

// Get implements objstore.Store.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, objstore.Info, error) {
	return s.read(ctx, Get, key, func() (io.ReadCloser, objstore.Info, error) { return s.inner.Get(ctx, key) })
}

// GetRange implements objstore.Store.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, objstore.Info, error) {
	return s.read(ctx, GetRange, key, func() (io.ReadCloser, objstore.Info, error) {
		return s.inner.GetRange(ctx, key, offset, length)
	})
}

func (s *Store) read(ctx context.Context, op Op, key string, open func() (io.ReadCloser, objstore.Info, error)) (io.ReadCloser, objstore.Info, error) {
	var r io.ReadCloser
	var info objstore.Info
	err := s.run(ctx, op, key, func(h *hit) (err error) {
		if r, info, err = open(); err == nil {
			r = h.reader(r, info.Size)
		}
		return err
	})
	if err != nil {
		if r != nil {
			_ = r.Close()
		}
		return nil, objstore.Info{}, err
	}
	return r, info, nil
}

// Put implements objstore.Store.
func (s *Store) Put(ctx context.Context, key string, body objstore.Body) (objstore.Version, error) {
	return s.write(ctx, Put, key, body, func(body objstore.Body) (objstore.Version, error) {
		return s.inner.Put(ctx, key, body)
	})
}

// PutIf implements objstore.Store.
func (s *Store) PutIf(ctx context.Context, key string, body objstore.Body, cond objstore.Cond) (objstore.Version, error) {
	return s.write(ctx, PutIf, key, body, func(body objstore.Body) (objstore.Version, error) {
		return s.inner.PutIf(ctx, key, body, cond)
	})
}

func (s *Store) write(ctx context.Context, op Op, key string, body objstore.Body, put func(objstore.Body) (objstore.Version, error)) (objstore.Version, error) {
	var v objstore.Version
	err := s.run(ctx, op, key, func(h *hit) (err error) {
		if h == nil || h.Kind != TornPut {
			v, err = put(body)
			return err
		}
		if _, err := put(io.NewSectionReader(body, 0, body.Size()/2)); err != nil {
			return err
		}
		return fmt.Errorf("%s %s: torn: %w", op, key, h.err())
	})
	if err != nil {
		return "", err
	}
	return v, nil
}

// List implements objstore.Store.
func (s *Store) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objstore.Info, error] {
	return func(yield func(objstore.Info, error) bool) {
		h := s.next(List, prefix)
		if err := h.before(ctx); err != nil {
			yield(objstore.Info{}, fmt.Errorf("list %q: %w", prefix, err))
			return
		}
		var seen int64
		for info, err := range s.inner.List(ctx, prefix, startAfter) {
			if err == nil && h != nil && seen == h.At {
				break
			}
			seen++
			if !yield(info, err) || err != nil {
				return
			}
		}
		if err := h.after(ctx); err != nil {
			yield(objstore.Info{}, fmt.Errorf("list %q: %w", prefix, err))
		}
	}
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	return s.run(ctx, Delete, key, func(*hit) error { return s.inner.Delete(ctx, key) })
}
