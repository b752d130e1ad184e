package main

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"lastwrite/binlog/archive"
	"lastwrite/replica/stream"
)

const (
	// tellEvery is how often a working daemon says how much it has archived.
	tellEvery = time.Minute
	// remindEvery is how often a lasting trouble is said again.
	remindEvery = time.Minute
	// lookEvery is how often the spool is looked at.
	lookEvery = 2 * time.Second
)

// story turns the events of the stream and the archive into a log that a person can follow: each change once, lasting trouble once a
// minute, work in sums.
type story struct {
	log zerolog.Logger
	now func() time.Time

	mu       sync.Mutex
	failing  time.Time // since when the store has taken nothing; zero: it takes
	reminded time.Time
	told     time.Time // when sums were last written
	segments int
	trans    int64
	raw      int64
	stored   int64
	last     *archive.Entry
	full     bool // the spool was full at the last look
}

func newStory(log zerolog.Logger, now func() time.Time) *story {
	return &story{log: log, now: now, told: now()}
}

// observer is what the archive's writer tells.
func (s *story) observer() archive.Observer {
	return archive.Observer{
		Claimed: func(epoch uint64, tail *archive.Entry) {
			event := s.log.Info().Uint64("epoch", epoch)
			if tail == nil {
				event.Msg("archive opened; it is empty")
				return
			}
			event.Str("stored", positionOf(archive.State{Stored: tail})).Str("committed", when(tail.Summary.MaxCommitted)).
				Int64("transactions", tail.Executed().Count()).Msg("archive opened")
		},
		Stored:  s.noteStored,
		Failing: s.noteFailing,
		Gap: func(missing, server, file string, at uint64) {
			s.log.Warn().Str("missing", missing).Str("server", server).Str("file", file).Uint64("pos", at).
				Msg("a gap was accepted: these transactions are not in the archive, and moments inside the gap cannot be restored")
		},
		Dropped: func(path, reason string) {
			s.log.Info().Str("path", path).Str("reason", reason).Msg("a leftover of the spool is read from the source again")
		},
	}
}

func (s *story) noteStored(e *archive.Entry, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.Debug().Str("segment", e.Key).Int64("transactions", e.Summary.Transactions).Int64("bytes", e.Summary.RawBytes).
		Int64("stored_bytes", e.Summary.StoredBytes).Dur("took_ms", took).Msg("segment stored")
	first := s.last == nil
	s.last = e
	s.segments++
	s.trans += e.Summary.Transactions
	s.raw += e.Summary.RawBytes
	s.stored += e.Summary.StoredBytes
	if !s.failing.IsZero() {
		s.log.Info().Str("outage", span(s.now().Sub(s.failing))).Msg("the store takes segments again")
		s.failing = time.Time{}
	}
	if first {
		s.sums("archiving")
	}
}

func (s *story) noteFailing(what string, err error, attempt int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.failing.IsZero() {
		s.failing = now
	} else if now.Sub(s.reminded) < remindEvery {
		return
	}
	s.reminded = now
	s.log.Warn().Err(err).Str("object", what).Int("attempt", attempt).Str("since", span(now.Sub(s.failing))).
		Msg("the store takes nothing; trying on, what comes in waits in the spool")
}

// sums writes what was archived since the last time. It is called with mu held.
func (s *story) sums(message string) {
	event := s.log.Info().Int64("transactions", s.trans).Int64("bytes", s.raw).Int64("stored_bytes", s.stored).Int("segments", s.segments)
	if s.last != nil {
		event = event.Str("stored", positionOf(archive.State{Stored: s.last}))
		if n := s.last.Summary.Transactions; n > 0 {
			event = event.Str("committed", when(s.last.Summary.MaxCommitted))
		}
	}
	event.Msg(message)
	s.segments, s.trans, s.raw, s.stored, s.told = 0, 0, 0, 0, s.now()
}

// phase is told what the stream does; the stream logs its own faults.
func (s *story) phase(state stream.State) {
	s.log.Debug().Str("phase", string(state.Phase)).Msg("stream")
}

// tellNowAndThen writes the sums of each minute in which there was something, and looks at the spool.
func (s *story) tellNowAndThen(ctx context.Context, d *daemon) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.look(d.writer.State(), d.app.cfg.Spool.Max)
		}
	}
}

// look says when the spool has become full, and when it has room again.
func (s *story) look(state archive.State, most int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A segment under way takes room too, so the spool is full before the last byte.
	full := state.SpoolPending > 0 && state.SpoolBytes >= most/10*9
	if full != s.full {
		s.full = full
		event := s.log.Warn()
		text := "the spool is full: the source has to wait until the store takes segments"
		if !full {
			event, text = s.log.Info(), "the spool has room again"
		}
		event.Int64("spool_bytes", state.SpoolBytes).Int64("spool_max", most).Int("segments", state.SpoolPending).Msg(text)
	}
	if s.segments > 0 && s.now().Sub(s.told) >= tellEvery {
		s.sums("archived")
	}
}
