package retry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"

	"lastwrite/internal/objstore"
)

// ErrTimeout: an attempt made no progress for Options.AttemptTimeout.
var ErrTimeout = errors.New("no answer from the store in time")

// watch ends an attempt that makes no progress, by cancelling its context.
type watch struct {
	timer  *time.Timer
	limit  time.Duration
	cancel context.CancelFunc
	fired  atomic.Bool
}

// newWatch returns a running watch and the context it guards, below ctx.
func newWatch(ctx context.Context, limit time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{limit: limit, cancel: cancel}
	w.timer = time.AfterFunc(limit, func() {
		w.fired.Store(true)
		cancel()
	})
	return ctx, w
}

// touch notes progress, or the beginning of a wait for it.
func (w *watch) touch() { w.timer.Reset(w.limit) }

// rest stops the clock: nothing is expected of the store for now.
func (w *watch) rest() { w.timer.Stop() }

// end stops the clock and releases the context.
func (w *watch) end() {
	w.timer.Stop()
	w.cancel()
}

// explain says that it was the watch that ended the attempt. The error of the store is
// that of a cancelled context then and must not be taken for the caller's.
func (w *watch) explain(err error) error {
	if err == nil || !w.fired.Load() || objstore.Definite(err) {
		return err
	}
	return fmt.Errorf("%w: none for %s (%v)", ErrTimeout, w.limit, err)
}

// try is one attempt. If it returns nil with keep set, its context lives on and the watch is
// the callee's to end.
type try func(ctx context.Context, w *watch) (keep bool, err error)

// campaign is the attempts at one operation.
type campaign struct {
	store   *Store
	op, key string
	waits   *backoff.ExponentialBackOff
	start   time.Time // of the first attempt since the last progress
	n       int       // attempts since the last progress
}

func (s *Store) campaign(op, key string) *campaign {
	c := &campaign{store: s, op: op, key: key, waits: &backoff.ExponentialBackOff{
		InitialInterval:     s.opts.FirstWait,
		RandomizationFactor: 0.5,
		Multiplier:          2,
		MaxInterval:         s.opts.MaxWait,
	}}
	c.progress()
	c.n = 0
	return c
}

// progress starts the deadlines and waits again, within the attempt that made it.
func (c *campaign) progress() {
	c.start, c.n = time.Now(), 1
	c.waits.Reset()
}

// run makes attempts until one succeeds, fails for good, or time is up.
func (c *campaign) run(ctx context.Context, attempt try) error {
	for {
		c.n++
		err := c.once(ctx, attempt)
		if err == nil {
			return nil
		}
		if !objstore.Definite(err) { // else it is an answer
			c.store.opts.Observe(c.op, c.key, c.n, err)
		}
		if over := ctx.Err(); over != nil && !errors.Is(err, over) {
			return fmt.Errorf("%w: %w", over, err)
		}
		if ctx.Err() != nil || permanent(err) {
			return err
		}
		wait := c.waits.NextBackOff()
		if elapsed := time.Since(c.start); c.n > 1 && elapsed+wait > c.store.opts.TotalTimeout {
			return fmt.Errorf("gave up after %d attempts in %s: %w", c.n, elapsed.Round(time.Millisecond), err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("%w after %d attempts, the last: %w", ctx.Err(), c.n, err)
		}
	}
}

func (c *campaign) once(ctx context.Context, attempt try) error {
	ctx, w := newWatch(ctx, c.store.opts.AttemptTimeout)
	keep, err := attempt(ctx, w)
	if err != nil || !keep {
		w.end()
	}
	return w.explain(err)
}

// permanent reports whether the same attempt would fail again.
func permanent(err error) bool {
	return objstore.Permanent(err) || errors.Is(err, errBody) ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
