package stream

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"lastwrite/binlog"
	"lastwrite/replica/node"
)

// session connects, reads until something fails, and says what.
func (s *Stream) session(ctx context.Context, sink Sink) error {
	s.monitor.phase(Connecting, nil)
	at, err := sink.Resume(ctx)
	if err != nil {
		return sinkError(ctx, err)
	}
	n, err := s.meet(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = n.Close() }()
	source, encrypt, err := s.inspect(ctx, n)
	if err != nil {
		return err
	}
	from, err := plan(at, source, s.cfg.From, s.cfg.AcceptGap)
	if err != nil {
		return err
	}
	dump, err := dumpCommand(from, s.cfg.ServerID, s.narrow)
	if err != nil {
		return err
	}
	l, err := open(ctx, s.cfg, source.identity, encrypt, dump)
	if err != nil {
		return err
	}
	defer l.close()
	s.announce(at, source, from)
	return s.pump(ctx, l, n, from, sink)
}

// meet opens the SQL connection.
func (s *Stream) meet(ctx context.Context) (*node.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	return node.Open(ctx, s.cfg.Source)
}

// inspect asks a source what it has, and whether it is fit.
func (s *Stream) inspect(ctx context.Context, n *node.Node) (f facts, encrypt bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	f.identity = n.Identity()
	if f.identity.ServerID == s.cfg.ServerID {
		return facts{}, false, fmt.Errorf("%w: %d is the source's own", ErrServerID, s.cfg.ServerID)
	}
	if err := n.CheckPrivileges(ctx, node.Streaming()); err != nil {
		return facts{}, false, err
	}
	findings, err := n.CheckSource(ctx)
	if err != nil {
		return facts{}, false, err
	}
	if err := s.admit(f.identity, findings); err != nil {
		return facts{}, false, err
	}
	if encrypt, err = n.Encrypted(ctx); err != nil {
		return facts{}, false, err
	}
	// Committing transactions may have reached us before they count as executed.
	owned, err := n.GTIDOwned(ctx)
	if err != nil {
		return facts{}, false, err
	}
	if f.executed, err = n.GTIDExecuted(ctx); err != nil {
		return facts{}, false, err
	}
	f.executed = f.executed.Union(owned)
	if f.purged, err = n.GTIDPurged(ctx); err != nil {
		return facts{}, false, err
	}
	f.logs, err = n.BinaryLogs(ctx)
	return f, encrypt, err
}

// admit refuses a source that is not fit. What is merely not good is logged when it is new.
func (s *Stream) admit(source node.Identity, findings []node.Finding) error {
	before := s.State()
	s.monitor.note(source, findings)
	var refusals []string
	for _, f := range findings {
		if f.Severity == node.Refusal {
			refusals = append(refusals, f.String())
		}
	}
	if len(refusals) > 0 {
		return fmt.Errorf("%w: %s", ErrNotSource, strings.Join(refusals, "; "))
	}
	known := map[node.Finding]bool{}
	if before.Source.UUID == source.UUID {
		for _, f := range before.Findings {
			known[f] = true
		}
	}
	for _, f := range findings {
		if known[f] {
			continue
		}
		event := s.log.Warn()
		if f.Severity == node.Advice {
			event = s.log.Info()
		}
		event.Str("setting", f.Setting).Str("remedy", f.Remedy).Msg("source " + f.Setting + " " + f.Problem)
	}
	return nil
}

// announce tells people that the log flows.
func (s *Stream) announce(at binlog.Cursor, source facts, from start) {
	event := s.log.Info()
	if !at.Fresh() && from.byGTID() {
		event = s.log.Warn().Str("before", at.Server)
	}
	event = event.Str("source", s.cfg.Source.Endpoint.String()).Str("server", source.identity.UUID).
		Str("version", source.identity.Version.String()).Str("from", from.reason)
	if from.byGTID() {
		event = event.Int64("known", from.have.Count())
	} else {
		event = event.Str("file", from.at.File).Uint64("pos", from.at.Offset)
	}
	event.Msg("streaming")
	s.monitor.phase(Streaming, func(st *State) {
		st.Sessions++
		if !from.byGTID() {
			st.Received = from.at
		}
	})
}

// pump moves batches from the link to the sink, both at work at once and the source watched from the side, until one of them fails.
func (s *Stream) pump(ctx context.Context, l *link, n *node.Node, from start, sink Sink) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(reading, l.close)()

	// There are never more batches than the pool has, so that sending does not block.
	queue := make(chan *binlog.Batch, s.cfg.BatchCount)
	r := &reader{
		packets: l.packets(), pool: s.pool, server: n.Identity().UUID, start: from, heard: s.monitor.heard,
		emit: func(b *binlog.Batch) {
			s.monitor.received(b)
			queue <- b
		},
	}
	var g errgroup.Group
	var readErr, sinkErr, watchErr error
	g.Go(func() error {
		defer stop()
		defer close(queue)
		readErr = node.Classify(r.run(reading))
		return nil
	})
	g.Go(func() error {
		defer stop()
		watchErr = s.watch(reading, n)
		return nil
	})
	g.Go(func() error {
		for b := range queue {
			if sinkErr != nil {
				b.Release()
				continue
			}
			if sinkErr = sinkError(ctx, sink.Write(ctx, b)); sinkErr != nil {
				stop()
			}
		}
		return nil
	})
	_ = g.Wait()
	// The first that failed ended the others.
	return cmp.Or(sinkErr, watchErr, readErr)
}
