package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lastwrite/binlog"
	"lastwrite/replica/node"
)

// Both are faults: the next session finds out what has happened.
var (
	// errStalled says that the source goes on writing its log, and says that it is alive, but does not send it.
	errStalled = errors.New("the source does not send what it has")
	// errChanged says that the source's log is not the one that is being read, or not any more.
	errChanged = errors.New("the source has less than it has sent")
)

// watch compares now and then how far the source's log goes with how far we are, until ctx ends, and returns
// an error when the dump must be given up. A dump does not notice that its files were taken away (RESET BINARY LOGS AND
// GTIDS): it then sends heartbeats for ever, and from them alone all would seem well.
func (s *Stream) watch(ctx context.Context, n *node.Node) error {
	ticker := time.NewTicker(s.cfg.CheckEvery)
	defer ticker.Stop()
	var last look
	stalled := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now, err := s.look(ctx, n)
		if err != nil {
			s.log.Debug().Err(err).Msg("cannot ask the source for its position") // the dump has its own deadline
			continue
		}
		if behind(now.end, now.received) {
			return fmt.Errorf("%w: its log ends at %s, and was read up to %s", errChanged, now.end, now.received)
		}
		if stalled++; !last.stalledUntil(now) {
			stalled = 0
		}
		if stalled == patience {
			return fmt.Errorf("%w: its log goes to %s, sent was %s", errStalled, now.end, now.received)
		}
		last = now
	}
}

// patience is how many checks in a row must find the source stalled. One is not enough: the end of the log moves
// when a transaction is written, but replicas get it only when it is on disk.
const patience = 3

// look is how far we were, and then how far the source was.
type look struct {
	received binlog.Position
	heard    time.Time
	end      binlog.Position
}

func (s *Stream) look(ctx context.Context, n *node.Node) (look, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CheckEvery)
	defer cancel()
	// In this order: the source's end can only have moved on.
	before := s.State()
	end, err := n.LogPosition(ctx)
	if err != nil {
		return look{}, err
	}
	s.monitor.ended(end)
	return look{received: before.Received, heard: before.HeardAt, end: end}, nil
}

// stalledUntil tells whether the source had something to send then, said since that it had sent all, and sent nothing. A sink
// that is slow holds up heartbeats too, so that it does not look like this.
func (l look) stalledUntil(now look) bool {
	return behind(l.received, l.end) && l.received == now.received && now.heard.After(l.heard)
}

// behind tells whether a comes before b in one server's log.
func behind(a, b binlog.Position) bool {
	if a.File == b.File {
		return a.Offset < b.Offset
	}
	return later(b.File, a.File)
}
