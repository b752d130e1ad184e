package retry

import (
	"errors"
	"time"
)

// Options are the deadlines and waits of a Store. Zeros stand for the defaults.
type Options struct {
	// AttemptTimeout is how long an attempt may go without progress. Default 30 s.
	AttemptTimeout time.Duration
	// TotalTimeout is how long after the first attempt, or the last progress, another
	// attempt may begin. Default 2 min.
	TotalTimeout time.Duration
	// FirstWait is the mean wait before the second attempt; each further one is
	// twice as long, up to MaxWait. Every wait is varied at random by up to a half.
	// Defaults 100 ms and 10 s.
	FirstWait time.Duration
	MaxWait   time.Duration
	// Observe, if set, is told of every attempt that failed, with its number
	// from 1; a definite error, such as objstore.ErrNotExist, is an answer and no
	// failure. It is called from the caller's goroutine and must not block.
	Observe func(op, key string, attempt int, err error)
}

// WithDefaults returns o with the defaults in place of zeros.
func (o Options) WithDefaults() Options {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&o.AttemptTimeout, 30 * time.Second},
		{&o.TotalTimeout, 2 * time.Minute},
		{&o.FirstWait, 100 * time.Millisecond},
		{&o.MaxWait, 10 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if o.Observe == nil {
		o.Observe = func(string, string, int, error) {}
	}
	return o
}

// Validate refuses negative times.
func (o Options) Validate() error {
	if min(o.AttemptTimeout, o.TotalTimeout, o.FirstWait, o.MaxWait) < 0 {
		return errors.New("retry: negative time")
	}
	return nil
}
