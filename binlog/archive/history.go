package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"lastwrite/binlog/segment"
	"lastwrite/internal/objstore"
)

// sideBySide is the number of requests under way at once when many objects are read.
const sideBySide = 8

// epochLog is what the store has of one epoch.
type epochLog struct {
	epoch       uint64
	entries     []*Entry // dense from 0
	manifested  int      // entries that a manifest holds
	sealed      bool
	sealWritten bool // a manifest says that it is sealed
}

// next is the sequence number of the first free place.
func (e *epochLog) next() uint64 { return uint64(len(e.entries)) }

// scanner reads an archive's catalog.
type scanner struct {
	store  objstore.Store
	layout layout
}

// epochs lists the claimed epochs, lowest first.
func (s scanner) epochs(ctx context.Context) ([]uint64, error) {
	var out []uint64
	for info, err := range s.store.List(ctx, s.layout.epochs(), "") {
		if err != nil {
			return nil, fmt.Errorf("list epochs: %w", err)
		}
		if e, ok := number(info.Key, ".json"); ok {
			out = append(out, e)
		}
	}
	return out, nil
}

// manifests lists the keys of the manifests of epochs from first on.
func (s scanner) manifests(ctx context.Context, first uint64) ([]string, error) {
	var keys []string
	for info, err := range s.store.List(ctx, s.layout.catalog(), s.layout.manifest(first, 0)[:len(s.layout.catalog())+8]) {
		if err != nil {
			return nil, fmt.Errorf("list manifests: %w", err)
		}
		keys = append(keys, info.Key)
	}
	return keys, nil
}

// load reads everything of the epochs from first on.
func (s scanner) load(ctx context.Context, first uint64) ([]*epochLog, error) {
	epochs, err := s.epochs(ctx)
	if err != nil {
		return nil, err
	}
	logs := map[uint64]*epochLog{}
	var out []*epochLog
	for _, e := range epochs {
		if e >= first {
			logs[e] = &epochLog{epoch: e}
			out = append(out, logs[e])
		}
	}
	if err := s.readManifests(ctx, first, logs); err != nil {
		return nil, err
	}
	for _, l := range out {
		if l.sealWritten {
			continue
		}
		if err := s.readTail(ctx, l); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s scanner) readManifests(ctx context.Context, first uint64, logs map[uint64]*epochLog) error {
	keys, err := s.manifests(ctx, first)
	if err != nil {
		return err
	}
	found := make([]manifest, len(keys))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(sideBySide)
	for i, key := range keys {
		g.Go(func() error {
			data, _, err := objstore.ReadAll(gctx, s.store, key, manifestLimit)
			if err != nil {
				return fmt.Errorf("read %s: %w", key, err)
			}
			if found[i], err = decodeManifest(s.layout, data); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, m := range found {
		l := logs[m.Epoch]
		if l == nil || m.First != l.next() {
			return fmt.Errorf("%s: begins with segment %d/%d, which does not follow", keys[i], m.Epoch, m.First)
		}
		l.entries = append(l.entries, m.Entries...)
		l.manifested = len(l.entries)
		l.sealWritten = m.Sealed
		l.sealed = m.Sealed
	}
	return nil
}

// readTail reads the segments that no manifest holds yet, up to the first free place or the seal.
func (s scanner) readTail(ctx context.Context, l *epochLog) error {
	after := ""
	if n := l.next(); n > 0 {
		after = s.layout.segment(l.epoch, n-1)
	}
	count := 0
	for info, err := range s.store.List(ctx, s.layout.log(l.epoch), after) {
		if err != nil {
			return fmt.Errorf("list segments of epoch %d: %w", l.epoch, err)
		}
		if seq, ok := number(info.Key, ".seg"); !ok || seq != l.next()+uint64(count) {
			break // behind a hole nothing counts
		}
		count++
	}
	// A listing may lag behind: go on asking by name where it ends.
	for {
		found, err := s.readRun(ctx, l, count)
		if err != nil || !found || l.sealed {
			return err
		}
		count = 1
	}
}

// readRun reads the next n segments, and tells whether all were there.
func (s scanner) readRun(ctx context.Context, l *epochLog, n int) (bool, error) {
	n = max(n, 1)
	entries := make([]*Entry, n)
	seals := make([]bool, n)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(sideBySide)
	for i := range n {
		g.Go(func() (err error) {
			entries[i], seals[i], err = s.readEntry(gctx, l.epoch, l.next()+uint64(i))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return false, err
	}
	for i := range n {
		if seals[i] {
			l.sealed = true
			return true, nil
		}
		if entries[i] == nil {
			return false, nil
		}
		l.entries = append(l.entries, entries[i])
	}
	return true, nil
}

// readEntry reads the index of one segment. Nothing is returned for a free place.
func (s scanner) readEntry(ctx context.Context, epoch, seq uint64) (e *Entry, seal bool, err error) {
	key := s.layout.segment(epoch, seq)
	index, err := segment.ReadIndex(ctx, Blob{Store: s.store, Key: key})
	switch {
	case err == nil:
		return &Entry{Epoch: epoch, Seq: seq, Key: key, Summary: index.Summary}, false, nil
	case errors.Is(err, objstore.ErrNotExist):
		return nil, false, nil
	}
	data, info, readErr := objstore.ReadAll(ctx, s.store, key, sealLimit)
	if readErr == nil && isSeal(data) {
		return nil, true, nil
	}
	return nil, false, fmt.Errorf("read segment %s (%d bytes): %w", key, info.Size, err)
}

// Blob reads one object as package segment wants it.
type Blob struct {
	Store objstore.Store
	Key   string
}

// ReadRange returns length bytes at offset; a negative offset counts from the end.
func (b Blob) ReadRange(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	r, _, err := b.Store.GetRange(ctx, b.Key, offset, length)
	return r, err
}

// last returns the last entry of all.
func last(logs []*epochLog) *Entry {
	for _, l := range slices.Backward(logs) {
		if n := len(l.entries); n > 0 {
			return l.entries[n-1]
		}
	}
	return nil
}
