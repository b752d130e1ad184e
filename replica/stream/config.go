package stream

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"lastwrite/replica/node"
)

// From says where an archive that holds nothing yet begins.
type From string

// The beginnings.
const (
	FromOldest  From = "oldest"  // the oldest log file the source still has
	FromCurrent From = "current" // the start of the log file the source writes now
)

// Config configures a Stream.
type Config struct {
	Source node.Config // the server to read from

	ServerID uint32 // ours, unique among all replicas of the source; not 0
	UUID     string // ours, always the same; see the package documentation
	HostName string // shown by SHOW REPLICAS; at most 255 bytes

	Heartbeat   time.Duration // how long the source may be silent; default 5 s
	ReadTimeout time.Duration // silence after which the link is given up; default 4 heartbeats, more than 2
	CheckEvery  time.Duration // how often the end of the source's log is compared with what was read; default 10 s
	BackoffMin  time.Duration // wait before the first reconnect; default 200 ms
	BackoffMax  time.Duration // longest wait between attempts to connect; default 30 s

	BatchSize  int // bytes of one batch; default 1 MiB, at least 64 KiB
	BatchCount int // batches in memory at most; default 16, at least 2

	From      From // default FromOldest
	AcceptGap bool // go on behind a gap (replica.ErrPurged) instead of refusing
}

const (
	minBatchSize = 64 << 10
	maxHostName  = 255 // HOSTNAME_LENGTH
)

// WithDefaults fills in what was left open.
func (c Config) WithDefaults() Config {
	setDefault(&c.Heartbeat, 5*time.Second)
	setDefault(&c.ReadTimeout, 4*c.Heartbeat)
	setDefault(&c.CheckEvery, 10*time.Second)
	setDefault(&c.BackoffMin, 200*time.Millisecond)
	setDefault(&c.BackoffMax, 30*time.Second)
	setDefault(&c.BatchSize, 1<<20)
	setDefault(&c.BatchCount, 16)
	setDefault(&c.From, FromOldest)
	return c
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Validate checks a configuration that has its defaults.
func (c Config) Validate() error {
	if err := c.Source.Validate(); err != nil {
		return err
	}
	if _, err := uuid.Parse(c.UUID); err != nil {
		return fmt.Errorf("replica uuid %q: %w", c.UUID, err)
	}
	switch {
	case c.ServerID == 0:
		return errors.New("server id must not be 0")
	case len(c.HostName) > maxHostName:
		return fmt.Errorf("host name has %d bytes, at most %d are allowed", len(c.HostName), maxHostName)
	case c.Heartbeat < time.Millisecond:
		return fmt.Errorf("heartbeat %s: must be at least 1ms", c.Heartbeat)
	case c.ReadTimeout <= 2*c.Heartbeat:
		return fmt.Errorf("read timeout %s: must be more than two heartbeats (%s)", c.ReadTimeout, 2*c.Heartbeat)
	case c.CheckEvery < time.Millisecond:
		return fmt.Errorf("check every %s: must be at least 1ms", c.CheckEvery)
	case c.BackoffMin <= 0 || c.BackoffMax < c.BackoffMin:
		return fmt.Errorf("backoff from %s to %s: must grow from more than 0", c.BackoffMin, c.BackoffMax)
	case c.BatchSize < minBatchSize:
		return fmt.Errorf("batch size %d: must be at least %d bytes", c.BatchSize, minBatchSize)
	case c.BatchCount < 2:
		return fmt.Errorf("batch count %d: must be at least 2", c.BatchCount)
	case c.From != FromOldest && c.From != FromCurrent:
		return fmt.Errorf("from %q: want %s or %s", c.From, FromOldest, FromCurrent)
	}
	return nil
}
