package archive

import (
	"fmt"
	"sync"
)

// occupancy counts the bytes in the spool, and lets the spool wait for the store when there are too many.
type occupancy struct {
	mu      sync.Mutex
	changed *sync.Cond
	bytes   int64
	waiting int // finished segments that the store has not confirmed
	stopped bool
}

func (o *occupancy) init() { o.changed = sync.NewCond(&o.mu) }

func (o *occupancy) add(n int64) {
	o.mu.Lock()
	o.bytes += n
	o.mu.Unlock()
	o.changed.Broadcast()
}

// pending counts a finished segment in (1) or out (-1).
func (o *occupancy) pending(n int, bytes int64) {
	o.mu.Lock()
	o.waiting += n
	o.bytes += bytes
	o.mu.Unlock()
	o.changed.Broadcast()
}

// wait blocks while n more bytes would exceed the limit and the store still has something to take. A transaction that alone
// is larger than the limit passes.
func (o *occupancy) wait(n, limit int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.bytes+n > limit && o.waiting > 0 && !o.stopped {
		o.changed.Wait()
	}
}

// interrupt ends all waiting, and allows it again.
func (o *occupancy) interrupt(on bool) {
	o.mu.Lock()
	o.stopped = on
	o.mu.Unlock()
	o.changed.Broadcast()
}

func (o *occupancy) read() (bytes int64, waiting int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes, o.waiting
}

func spoolError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrSpool, err)
}
