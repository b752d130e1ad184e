package archive

import (
	"errors"
	"fmt"
	"time"

	"lastwrite/binlog/segment"
)

// Config says how a Writer works. The zero value of a field means its default.
type Config struct {
	Cluster     string
	SpoolDir    string        // exists; used by one Writer at a time
	Holder      string        // who writes, for people: host name and process
	Flush       time.Duration // longest time a whole transaction waits for its segment to be closed; default 1 s
	SegmentSize int64         // raw bytes after which a segment is closed; default 64 MiB
	FrameSize   int           // raw bytes compressed together; default 1 MiB
	SpoolMax    int64         // stored bytes in the spool above which the source has to wait; default 4 GiB
	Level       segment.Level // compression; default segment.Fastest
	// ManifestEvery is the number of segments one manifest summarises; default 256.
	ManifestEvery int
	// AcceptGap lets the writer go on where transactions are missing: a new stretch begins.
	AcceptGap bool
}

// WithDefaults fills in what is not set.
func (c Config) WithDefaults() Config {
	def := func(v, d int64) int64 {
		if v == 0 {
			return d
		}
		return v
	}
	c.Flush = time.Duration(def(int64(c.Flush), int64(time.Second)))
	c.SegmentSize = def(c.SegmentSize, 64<<20)
	c.FrameSize = int(def(int64(c.FrameSize), 1<<20))
	c.SpoolMax = def(c.SpoolMax, 4<<30)
	c.ManifestEvery = int(def(int64(c.ManifestEvery), 256))
	if c.Level == segment.None {
		c.Level = segment.Fastest
	}
	return c
}

// Validate refuses settings that cannot work.
func (c Config) Validate() error {
	if err := ValidCluster(c.Cluster); err != nil {
		return err
	}
	switch {
	case c.SpoolDir == "":
		return errors.New("spool directory is not set")
	case c.Flush < 10*time.Millisecond:
		return fmt.Errorf("flush %s is too short: at least 10ms", c.Flush)
	case c.FrameSize < 4<<10 || c.FrameSize > segment.MaxFrame:
		return fmt.Errorf("frame size of %d bytes: want 4 KiB to %d MiB", c.FrameSize, segment.MaxFrame>>20)
	case c.SegmentSize < int64(c.FrameSize):
		return fmt.Errorf("segment size of %d bytes is less than a frame of %d", c.SegmentSize, c.FrameSize)
	case c.ManifestEvery < 1:
		return fmt.Errorf("%d segments in a manifest: at least 1", c.ManifestEvery)
	}
	return nil
}

// Observer is told what a Writer does. Fields may be nil; calls come from the writer's goroutines and must not block.
type Observer struct {
	Claimed func(epoch uint64, tail *Entry)                      // the writer may write; tail is the last segment before it, or nil
	Stored  func(e *Entry, took time.Duration)                   // a segment is safe in the store
	Failing func(what string, err error, attempt int)            // the store did not take it; it is tried again
	Gap     func(missing string, server, file string, at uint64) // a gap was accepted
	Dropped func(path string, reason string)                     // a leftover of the spool was not used
}
