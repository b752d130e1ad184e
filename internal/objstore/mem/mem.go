package mem

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lastwrite/internal/objstore"
)

// pageSize is how many objects one look at the store lists, as S3 does: between
// pages the store may change.
const pageSize = 1000

// Store keeps objects in memory. The zero Store is not usable, see New.
type Store struct {
	mu      sync.RWMutex
	objects map[string]object
	keys    []string // of objects, sorted
	writes  uint64   // source of versions
}

var _ objstore.Store = (*Store)(nil)

// object is never changed once it is stored.
type object struct {
	content []byte
	info    objstore.Info
}

// New returns an empty store.
func New() *Store {
	return &Store{objects: make(map[string]object)}
}

// Get implements objstore.Store.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, objstore.Info, error) {
	o, err := s.lookup(ctx, key)
	if err != nil {
		return nil, objstore.Info{}, fmt.Errorf("get %s: %w", key, err)
	}
	return newReader(ctx, o.content), o.info, nil
}

// GetRange implements objstore.Store.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, objstore.Info, error) {
	o, err := s.lookup(ctx, key)
	if err != nil {
		return nil, objstore.Info{}, fmt.Errorf("get range of %s: %w", key, err)
	}
	start, n, err := objstore.Span(offset, length, o.info.Size)
	if err != nil {
		return nil, objstore.Info{}, fmt.Errorf("get range of %s: %w", key, err)
	}
	return newReader(ctx, o.content[start:start+n]), o.info, nil
}

func (s *Store) lookup(ctx context.Context, key string) (object, error) {
	if err := ctx.Err(); err != nil {
		return object{}, err
	}
	if err := objstore.ValidateKey(key); err != nil {
		return object{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, ok := s.objects[key]
	if !ok {
		return object{}, objstore.ErrNotExist
	}
	return o, nil
}

// Put implements objstore.Store.
func (s *Store) Put(ctx context.Context, key string, body objstore.Body) (objstore.Version, error) {
	v, err := s.write(ctx, key, body, nil)
	if err != nil {
		return "", fmt.Errorf("put %s: %w", key, err)
	}
	return v, nil
}

// PutIf implements objstore.Store.
func (s *Store) PutIf(ctx context.Context, key string, body objstore.Body, cond objstore.Cond) (objstore.Version, error) {
	if err := cond.Validate(); err != nil {
		return "", fmt.Errorf("put %s: %w", key, err)
	}
	v, err := s.write(ctx, key, body, &cond)
	if err != nil {
		return "", fmt.Errorf("put %s %s: %w", key, cond, err)
	}
	return v, nil
}

// write stores body if cond, where there is one, holds.
func (s *Store) write(ctx context.Context, key string, body objstore.Body, cond *objstore.Cond) (objstore.Version, error) {
	if err := objstore.ValidateKey(key); err != nil {
		return "", err
	}
	content := make([]byte, body.Size())
	if n, err := body.ReadAt(content, 0); n < len(content) {
		return "", fmt.Errorf("read body: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, exists := s.objects[key]
	if cond != nil && !cond.Holds(exists, old.info.Version) {
		return "", objstore.ErrPrecondition
	}
	if !exists {
		if err := s.insertKey(key); err != nil {
			return "", err
		}
	}
	s.writes++
	info := objstore.Info{
		Key:      key,
		Size:     int64(len(content)),
		Version:  objstore.Version("m" + strconv.FormatUint(s.writes, 10)),
		Modified: time.Now(),
	}
	s.objects[key] = object{content: content, info: info}
	return info.Version, nil
}

// insertKey adds key in its place, unless it is a parent or a child of another.
func (s *Store) insertKey(key string) error {
	for at := strings.IndexByte(key, '/'); at >= 0; {
		if _, taken := s.objects[key[:at]]; taken {
			return fmt.Errorf("%w: its parent %q is an object", objstore.ErrInvalidKey, key[:at])
		}
		next := strings.IndexByte(key[at+1:], '/')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	dir := key + "/"
	if i, _ := slices.BinarySearch(s.keys, dir); i < len(s.keys) && strings.HasPrefix(s.keys[i], dir) {
		return fmt.Errorf("%w: it is a parent of %q", objstore.ErrInvalidKey, s.keys[i])
	}
	i, _ := slices.BinarySearch(s.keys, key)
	s.keys = slices.Insert(s.keys, i, key)
	return nil
}

// List implements objstore.Store.
func (s *Store) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objstore.Info, error] {
	return func(yield func(objstore.Info, error) bool) {
		if err := objstore.ValidatePrefix(prefix); err != nil {
			yield(objstore.Info{}, fmt.Errorf("list %q: %w", prefix, err))
			return
		}
		for after := startAfter; ; {
			if err := ctx.Err(); err != nil {
				yield(objstore.Info{}, fmt.Errorf("list %q: %w", prefix, err))
				return
			}
			page := s.page(prefix, after)
			for _, info := range page {
				if !yield(info, nil) {
					return
				}
				after = info.Key
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

// page returns the first objects under prefix after a key.
func (s *Store) page(prefix, after string) []objstore.Info {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, _ := slices.BinarySearch(s.keys, max(prefix, after))
	var infos []objstore.Info
	for ; i < len(s.keys) && len(infos) < pageSize && strings.HasPrefix(s.keys[i], prefix); i++ {
		if s.keys[i] > after {
			infos = append(infos, s.objects[s.keys[i]].info)
		}
	}
	return infos
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	err := objstore.ValidateKey(key)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[key]; !ok {
		return nil
	}
	delete(s.objects, key)
	i, _ := slices.BinarySearch(s.keys, key)
	s.keys = slices.Delete(s.keys, i, i+1)
	return nil
}

// newReader reads content until ctx ends, as a network reader does.
func newReader(ctx context.Context, content []byte) io.ReadCloser {
	return objstore.BindReader(ctx, io.NopCloser(bytes.NewReader(content)))
}
