package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"lastwrite/binlog/segment"
	"lastwrite/internal/objstore"
)

// uploader stores finished segments, one after the other, in the order they were finished.
type uploader struct {
	store    objstore.Store
	layout   layout
	epoch    uint64
	next     uint64 // sequence number of the next segment
	observer Observer
	occupied *occupancy
	catalog  *cataloguer
	pause    func(attempt int) time.Duration

	mu      sync.Mutex
	wake    chan struct{}
	queue   []sealed
	closed  bool
	last    *Entry // the last stored segment
	at      time.Time
	failing error
}

// enqueue never blocks: what waits lies in the spool.
func (u *uploader) enqueue(s sealed) {
	u.mu.Lock()
	u.queue = append(u.queue, s)
	u.mu.Unlock()
	u.occupied.pending(1, 0)
	u.signal()
}

func (u *uploader) signal() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

func (u *uploader) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.signal()
}

// head returns the segment to store next; done tells that none will come.
func (u *uploader) head() (s sealed, ok, done bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.queue) > 0 {
		return u.queue[0], true, false
	}
	return sealed{}, false, u.closed
}

// run stores what is enqueued until close was called and the queue is empty. It fails with ErrFenced, or when ctx ends.
func (u *uploader) run(ctx context.Context) error {
	for {
		s, ok, done := u.head()
		switch {
		case done:
			return u.catalog.flush(ctx)
		case ok:
			if err := u.put(ctx, s); err != nil {
				return err
			}
			continue
		}
		select {
		case <-u.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// put stores one segment, trying until the store has it.
func (u *uploader) put(ctx context.Context, s sealed) error {
	started := time.Now()
	e := &Entry{Epoch: u.epoch, Seq: u.next, Key: u.layout.segment(u.epoch, u.next), Summary: s.summary}
	for attempt := 1; ; attempt++ {
		err := u.try(ctx, e, s.path)
		if err == nil {
			break
		}
		if errors.Is(err, objstore.ErrPrecondition) {
			if err = u.taken(ctx, e); err == nil || errors.Is(err, ErrFenced) {
				if err != nil {
					return err
				}
				break
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		u.fail(e.Key, err, attempt)
		if err := sleep(ctx, u.pause(attempt)); err != nil {
			return err
		}
	}
	return u.stored(ctx, e, s, time.Since(started))
}

func (u *uploader) try(ctx context.Context, e *Entry, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return spoolError(err)
	}
	defer f.Close()
	_, err = u.store.PutIf(ctx, e.Key, io.NewSectionReader(f, 0, e.Summary.StoredBytes), objstore.IfAbsent())
	return err
}

// taken looks at what stands in a segment's place: nil when it is this very segment, stored by an attempt whose answer was
// lost; ErrFenced when it is something else.
func (u *uploader) taken(ctx context.Context, e *Entry) error {
	there, seal, err := scanner{u.store, u.layout}.readEntry(ctx, e.Epoch, e.Seq)
	switch {
	case err != nil && !errors.Is(err, segment.ErrCorrupt):
		return err
	case err == nil && !seal && there != nil && there.Summary.SHA256 == e.Summary.SHA256:
		return nil
	}
	return fmt.Errorf("store %s: %w", e.Key, ErrFenced)
}

func (u *uploader) fail(what string, err error, attempt int) {
	u.mu.Lock()
	u.failing = err
	u.mu.Unlock()
	if u.observer.Failing != nil {
		u.observer.Failing(what, err, attempt)
	}
}

// stored notes that the store has confirmed the segment, and only then takes it out of the spool.
func (u *uploader) stored(ctx context.Context, e *Entry, s sealed, took time.Duration) error {
	u.mu.Lock()
	u.queue = u.queue[1:]
	u.next++
	u.last, u.at, u.failing = e, time.Now(), nil
	u.mu.Unlock()
	err := os.Remove(s.path)
	u.occupied.pending(-1, -e.Summary.StoredBytes)
	if u.observer.Stored != nil {
		u.observer.Stored(e, took)
	}
	if err != nil {
		return spoolError(err)
	}
	if err := u.catalog.add(ctx, e); err != nil {
		u.fail("manifest", err, 1) // the segments say the same; the next manifest is tried with these in it
	}
	return nil
}

// sleep waits, unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
