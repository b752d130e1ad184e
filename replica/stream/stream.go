package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rs/zerolog"

	"lastwrite/binlog"
)

// Sink takes what a Stream reads.
type Sink interface {
	// Resume drops what was handed over of an unfinished transaction, and tells where the
	// next Write goes on; a fresh cursor when there is nothing yet.
	Resume(ctx context.Context) (binlog.Cursor, error)
	// Write takes over the batch and releases it, also when it fails. Batches come in the order of the log. Each goes on where
	// the last ended, or begins a file, or, behind transactions that the cursor said are known, begins further on.
	Write(ctx context.Context, b *binlog.Batch) error
}

// Stream reads the log of one source.
type Stream struct {
	cfg     Config
	log     zerolog.Logger
	pool    *binlog.Pool
	monitor monitor
	narrow  uint64 // largest offset to ask for with the command that has 32 bits for it
}

// New makes a Stream. The configuration is completed by its defaults; observe may be nil.
func New(cfg Config, log zerolog.Logger, observe Observer) (*Stream, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure the stream: %w", err)
	}
	return &Stream{
		cfg: cfg, log: log,
		pool:    binlog.NewPool(cfg.BatchCount, cfg.BatchSize),
		monitor: monitor{observe: observe, state: State{Phase: Stopped}},
		narrow:  math.MaxUint32,
	}, nil
}

// State returns the present state. It may be called at any time.
func (s *Stream) State() State { return s.monitor.get() }

// Run reads the source's log into sink until ctx ends, and then returns nil. It returns an error only for what waiting does not
// mend: ErrNotSource, ErrDifferentServer, ErrServerID, ErrSink, a *PurgedError, an *AheadError, the sentinels of package
// replica about access, privileges, TLS and version, and damage that is met again at the same place.
func (s *Stream) Run(ctx context.Context, sink Sink) error {
	pause := &backoff.ExponentialBackOff{
		InitialInterval: s.cfg.BackoffMin, MaxInterval: s.cfg.BackoffMax, Multiplier: 2, RandomizationFactor: 0.5,
	}
	pause.Reset()
	var faults faults
	for {
		began := time.Now()
		err := s.session(ctx, sink)
		if ctx.Err() != nil {
			s.monitor.phase(Stopped, nil)
			return nil
		}
		if isRefusal(err) || faults.lasting(err, s.State().Received) {
			s.monitor.phase(Stopped, fault(err))
			return err
		}
		if time.Since(began) > s.cfg.BackoffMax {
			pause.Reset() // it worked for a while: this is something new
		}
		wait := pause.NextBackOff()
		s.monitor.phase(Waiting, fault(err))
		s.log.Warn().Err(err).Stringer("retry_in", wait.Round(time.Millisecond)).Msg("stream interrupted")
		if sleep(ctx, wait) != nil {
			s.monitor.phase(Stopped, nil)
			return nil
		}
	}
}

func fault(err error) func(*State) {
	return func(s *State) { s.LastFault, s.LastFaultAt = err, time.Now() }
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// faults counts errors that come again at the same place of the log.
type faults struct {
	at    binlog.Position
	count int
}

// lasting tells whether err has come too often behind the position at.
func (f *faults) lasting(err error, at binlog.Position) bool {
	limit := lasting(err)
	if limit == 0 {
		return false
	}
	if at != f.at {
		f.at, f.count = at, 0
	}
	f.count++
	return f.count >= limit
}

// sinkError marks an error of the sink, unless it is only the end of ctx.
func sinkError(ctx context.Context, err error) error {
	if err == nil || (ctx.Err() != nil && errors.Is(err, context.Cause(ctx))) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrSink, err)
}
