package server

import (
	"context"
	"errors"
	"io"

	"lastwrite/binlog"
)

// item is a batch, or the reason why there is none: io.EOF or a refusal.
type item struct {
	batch *binlog.Batch
	err   error
}

// feed reads a Source in a goroutine of its own, so that one batch is read while another is sent, and heartbeats
// go on while reading takes its time.
type feed struct {
	items  chan item // closed after the last one
	cancel context.CancelFunc
}

func startFeed(ctx context.Context, lg Log, request dumpRequest) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{items: make(chan item, 1), cancel: cancel}
	go func() {
		defer close(f.items)
		if err := f.read(ctx, lg, request); err != nil {
			f.put(ctx, item{err: err})
		}
	}()
	return f
}

// stop ends the goroutine, waits for it and gives back what it had read.
func (f *feed) stop() {
	f.cancel()
	for it := range f.items {
		if it.batch != nil {
			it.batch.Release()
		}
	}
}

func (f *feed) read(ctx context.Context, lg Log, request dumpRequest) error {
	src, err := lg.Open(ctx, request.have)
	if err != nil {
		return refuse("cannot open the log: %w", err)
	}
	if c, ok := src.(io.Closer); ok {
		defer func() { _ = c.Close() }()
	}
	skipping := request.file != "" && !request.auto // a replica's file name means nothing with auto-position
	for {
		b, err := src.Next(ctx)
		switch {
		case errors.Is(err, io.EOF) && skipping:
			return refuse("could not find log file %q in the log", request.file)
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			return refuse("cannot read the log: %w", err)
		}
		skipping = skipping && b.File != request.file
		if skipping {
			b.Release()
		} else if !f.put(ctx, item{batch: b}) {
			return nil
		}
	}
}

// put hands an item on, or drops it when nobody waits for it any more.
func (f *feed) put(ctx context.Context, it item) bool {
	select {
	case f.items <- it:
		return true
	case <-ctx.Done():
		if it.batch != nil {
			it.batch.Release()
		}
		return false
	}
}
