package archive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"lastwrite/binlog"
	"lastwrite/binlog/segment"
	"lastwrite/internal/objstore"
)

// Writer appends to a cluster's archive. It is the only one that can: opening a Writer ends every earlier one.
type Writer struct {
	cfg      Config
	spool    *spool
	pipeline *pipeline
	uploader *uploader
	epoch    uint64

	mu      sync.Mutex // guards builder, closing
	builder *builder
	closing bool
	dirty   chan struct{}

	cancel  context.CancelCauseFunc
	group   *errgroup.Group
	flusher sync.WaitGroup
	once    sync.Once
	ended   chan struct{}
	err     error // why the writer ended; read after ended is closed
	at      atomic.Pointer[binlog.Cursor]
}

// OpenWriter claims the archive for this process, finds where to go on, and stores what a crash left finished in the spool.
//
// Errors: ErrBusy, ErrSpool, ErrFormat, and the store's. ctx bounds the opening only; the writer
// works until Close.
func OpenWriter(ctx context.Context, store objstore.Store, cfg Config, observer Observer) (*Writer, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	sp, err := openSpool(cfg.SpoolDir)
	if err != nil {
		return nil, err
	}
	w, err := open(ctx, store, cfg, observer, sp)
	if err != nil {
		sp.close()
		return nil, err
	}
	return w, nil
}

func open(ctx context.Context, store objstore.Store, cfg Config, observer Observer, sp *spool) (*Writer, error) {
	l := layout{cfg.Cluster}
	c := claimer{scanner: scanner{store, l}, holder: cfg.Holder, now: time.Now, every: cfg.ManifestEvery}
	epoch, tail, err := c.claim(ctx)
	if err != nil {
		return nil, fmt.Errorf("claim the archive: %w", err)
	}
	if observer.Claimed != nil {
		observer.Claimed(epoch, tail)
	}
	u := &uploader{
		store: store, layout: l, epoch: epoch, observer: observer, last: tail, wake: make(chan struct{}, 1), pause: backoff,
		catalog: &cataloguer{store: store, layout: l, every: cfg.ManifestEvery},
	}
	at := binlog.Cursor{}
	if tail != nil {
		at = tail.cursor()
	}
	kept, at, err := adopt(ctx, sp, at, observer)
	if err != nil {
		return nil, err
	}
	w := &Writer{cfg: cfg, spool: sp, uploader: u, epoch: epoch, dirty: make(chan struct{}, 1), ended: make(chan struct{})}
	w.pipeline = newPipeline(cfg, sp, at, u.enqueue)
	u.occupied = &w.pipeline.occupied
	for _, s := range kept {
		u.occupied.add(s.summary.StoredBytes)
		u.enqueue(s)
	}
	w.builder = newBuilder(cfg, w.pipeline, at)
	w.builder.gap = observer.Gap
	w.at.Store(&at)
	w.start(context.WithoutCancel(ctx))
	return w, nil
}

// backoff is the pause after a failed attempt to store a segment: up to half a minute, with jitter.
func backoff(attempt int) time.Duration {
	d := min(100*time.Millisecond<<min(attempt, 10), 30*time.Second)
	return d/2 + rand.N(d/2)
}

// adopt keeps the finished segments in the spool that continue the archive, and removes the others.
func adopt(ctx context.Context, sp *spool, at binlog.Cursor, observer Observer) ([]sealed, binlog.Cursor, error) {
	paths, err := sp.leftovers()
	if err != nil {
		return nil, at, err
	}
	var kept []sealed
	for _, path := range paths {
		s, err := verifyLeftover(ctx, path)
		if err == nil {
			err = continues(at, s)
		}
		if err == nil {
			kept = append(kept, sealed{path, s})
			at = (&Entry{Summary: s}).cursor()
			continue
		}
		if observer.Dropped != nil {
			observer.Dropped(path, err.Error())
		}
		if err := os.Remove(path); err != nil {
			return nil, at, spoolError(err)
		}
	}
	return kept, at, nil
}

func verifyLeftover(ctx context.Context, path string) (segment.Summary, error) {
	f, err := os.Open(path)
	if err != nil {
		return segment.Summary{}, spoolError(err)
	}
	defer f.Close()
	return segment.Verify(ctx, f)
}

func continues(at binlog.Cursor, s segment.Summary) error {
	if at.Fresh() || !s.Known || !s.Before.Equal(at.Executed) || len(s.Spans) == 0 {
		return errors.New("does not continue the archive")
	}
	first := s.Spans[0]
	same := first.Server == at.Server && first.File == at.File && first.Start == at.Offset
	if !same && first.Start != binlog.FileHeaderSize {
		return errors.New("does not continue the archive")
	}
	return nil
}

func (w *Writer) start(ctx context.Context) {
	ctx, w.cancel = context.WithCancelCause(ctx)
	w.group, ctx = errgroup.WithContext(ctx)
	w.group.Go(func() error {
		defer w.uploader.close()
		return w.pipeline.run(ctx)
	})
	w.group.Go(func() error {
		err := w.uploader.run(ctx)
		w.end(err)
		return err
	})
	w.flusher.Go(func() { w.flushLoop(ctx) })
}

// end notes why nothing more can be stored.
func (w *Writer) end(err error) {
	w.once.Do(func() {
		w.err = err
		close(w.ended)
	})
}

// flushLoop closes segments that have waited long enough.
func (w *Writer) flushLoop(ctx context.Context) {
	for {
		select {
		case <-w.dirty:
		case <-ctx.Done():
			return
		}
		if sleep(ctx, w.cfg.Flush) != nil {
			return
		}
		w.Flush()
	}
}

// Epoch is the writer's epoch.
func (w *Writer) Epoch() uint64 { return w.epoch }

// Done is closed when the writer has ended, by Close or because it was fenced. Err then tells why.
func (w *Writer) Done() <-chan struct{} { return w.ended }

// Err tells why the writer has ended: most likely ErrFenced. It is nil after Close, and before Done is closed.
func (w *Writer) Err() error {
	select {
	case <-w.ended:
		return w.err
	default:
		return nil
	}
}

// Resume drops what is unfinished and returns the place where the next Write must continue. After a
// failure of the spool it goes back to the last finished segment.
func (w *Writer) Resume(context.Context) (binlog.Cursor, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return binlog.Cursor{}, err
	}
	if w.pipeline.err() != nil {
		w.builder.reset(w.pipeline.rewind())
	} else {
		w.builder.discard()
	}
	w.pipeline.occupied.interrupt(false)
	at := w.builder.cursor()
	w.at.Store(&at)
	return at, nil
}

// usable is called with mu held.
func (w *Writer) usable() error {
	if err := w.Err(); err != nil {
		return err
	}
	if w.closing {
		return os.ErrClosed
	}
	return nil
}

// Write takes the next events. It waits while the spool is full. Errors: ErrGap, ErrDiverged, ErrAnonymous, ErrSpool,
// ErrFenced, binlog.ErrTorn; after any of them Resume must come before the next Write.
func (w *Writer) Write(ctx context.Context, b *binlog.Batch) error {
	defer b.Release()
	defer context.AfterFunc(ctx, func() { w.pipeline.occupied.interrupt(true) })()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return err
	}
	if err := w.pipeline.err(); err != nil {
		return err
	}
	if err := w.builder.write(b); err != nil {
		return err
	}
	at := w.builder.cursor()
	w.at.Store(&at)
	if w.builder.dirty() {
		select {
		case w.dirty <- struct{}{}:
		default:
		}
	}
	return nil
}

// Flush closes the open segment now, without waiting for the store to have it.
func (w *Writer) Flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.usable() == nil {
		w.builder.flush()
	}
}

// Close stores what is whole and ends the writer. When ctx ends first, what is not stored stays in the spool, for
// the next writer or to be read from the source again.
func (w *Writer) Close(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { w.cancel(context.Cause(ctx)) })()
	w.mu.Lock()
	again := w.closing
	if !again {
		w.closing = true
		if w.pipeline.err() == nil {
			w.builder.flush()
		}
		w.pipeline.close()
	}
	w.mu.Unlock()
	err := w.group.Wait()
	w.cancel(os.ErrClosed)
	w.flusher.Wait()
	w.end(os.ErrClosed)
	if again {
		return err
	}
	return errors.Join(err, w.spool.close())
}

// State is what a Writer can say of itself.
type State struct {
	Epoch        uint64
	Stored       *Entry        // last segment confirmed by the store; nil: none yet
	StoredAt     time.Time     // by this machine's clock; zero: by an earlier writer
	Cursor       binlog.Cursor // behind the last transaction taken
	SpoolBytes   int64
	SpoolPending int   // finished segments that the store has not confirmed
	Failing      error // why the store or the spool does not take more; nil: it does
}

// State returns the present state.
func (w *Writer) State() State {
	s := State{Epoch: w.epoch}
	s.SpoolBytes, s.SpoolPending = w.pipeline.occupied.read()
	u := w.uploader
	u.mu.Lock()
	s.Stored, s.StoredAt, s.Failing = u.last, u.at, u.failing
	u.mu.Unlock()
	if err := w.pipeline.err(); err != nil {
		s.Failing = err
	}
	s.Cursor = *w.at.Load()
	return s
}
