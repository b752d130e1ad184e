package binlog

import "context"

// Batch is a run of events that follow each other without a gap in one file of one server.
//
// A batch has one owner. Whoever is handed a Batch must call Release once it is done
// with it; the bytes of its events are not to be touched afterwards.
type Batch struct {
	Server string  // server_uuid of the server whose file it is
	File   string  // base name of the log file
	Format *Format // in force for all events of the batch
	Events []Event

	buf  []byte
	pool *Pool
}

// Release hands the batch's memory back to the pool it came from. Further calls do nothing.
func (b *Batch) Release() {
	if b.pool == nil {
		return
	}
	p := b.pool
	b.pool = nil
	b.Events = b.Events[:0]
	b.Format = nil
	p.free <- b
}

// Buffer returns the batch's memory, for a reader to fill and point Events into.
func (b *Batch) Buffer() []byte { return b.buf }

// Bytes returns the number of event bytes in the batch.
func (b *Batch) Bytes() int {
	n := 0
	for i := range b.Events {
		n += len(b.Events[i].Raw)
	}
	return n
}

// Pool is a fixed set of batches. A reader that is ahead waits in Get until a batch is
// released, so memory is bounded by bytes, not by a number of events.
type Pool struct {
	free chan *Batch
	size int
}

// NewPool makes a pool of count batches with size bytes each.
func NewPool(count, size int) *Pool {
	p := &Pool{free: make(chan *Batch, count), size: size}
	for range count {
		p.free <- &Batch{}
	}
	return p
}

// Get returns an empty batch, waiting until one is free. It fails only when ctx ends.
func (p *Pool) Get(ctx context.Context) (*Batch, error) {
	var b *Batch
	select {
	case b = <-p.free:
	default:
		select {
		case b = <-p.free:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if b.buf == nil {
		b.buf = make([]byte, p.size)
	}
	return &Batch{Events: b.Events[:0], buf: b.buf, pool: p}, nil
}

// Source yields batches in order.
type Source interface {
	// Next returns the next batch, which the caller must release. It returns io.EOF
	// when there is no more.
	Next(ctx context.Context) (*Batch, error)
}

// Sink takes batches in order.
type Sink interface {
	// Write takes over the batch and releases it, also when it fails.
	Write(ctx context.Context, b *Batch) error
}
