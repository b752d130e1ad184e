package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/internal/objstore"
	"lastwrite/replica"
	"lastwrite/replica/node"
	"lastwrite/replica/stream"
)

// Waits between attempts at what may mend itself: an unreachable source at the start, a spool that cannot be written.
const (
	firstRetry = time.Second
	maxRetry   = 30 * time.Second
)

// daemon is what `lastwrite run` is made of, once its parts are there.
type daemon struct {
	app     *app
	id      identity
	started time.Time
	log     zerolog.Logger
	store   objstore.Store
	writer  *archive.Writer
	stream  *stream.Stream
	story   *story
}

// runDaemon starts everything in the order in which it can be refused without a trace: the store, the source, and only then the
// archive, whose opening takes it over from whoever wrote it.
func (a *app) runDaemon(ctx context.Context, acceptGap bool) (err error) {
	d := &daemon{app: a, id: newIdentity(a.cfg), started: a.now(), log: a.log}
	source, err := a.sourceConfig()
	if err != nil {
		return err
	}
	event := d.log.Info().Str("version", readVersion().Version).Str("cluster", a.cfg.Cluster).Str("store", a.cfg.Store).Str("spool", a.cfg.Spool.Dir)
	if a.path != "" {
		event = event.Str("config", a.path)
	}
	event.Msg("lastwrite starts")
	store, closeStore, err := a.openPatiently(ctx, true, daemonPatience)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	d.store = store
	if err := a.probeStore(ctx, store); err != nil {
		return err
	}
	if err := d.awaitSource(ctx, source); err != nil {
		return quietStop(ctx, err)
	}
	d.story = newStory(d.log, a.now)
	if err := d.open(ctx, source, acceptGap); err != nil {
		return quietStop(ctx, err)
	}
	return d.work(ctx)
}

// quietStop turns the end by a signal into success: that is how a daemon is meant to end.
func quietStop(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return nil
	}
	return err
}

// awaitSource returns when the source has let us in and is fit. While it cannot be reached it is waited for; a refusal and a name
// that does not exist are errors at once.
func (d *daemon) awaitSource(ctx context.Context, cfg node.Config) error {
	wait := newBackoff()
	for {
		err := checkSource(ctx, cfg)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, replica.ErrUnknownHost),
			!errors.Is(err, replica.ErrUnreachable) && !errors.Is(err, replica.ErrTooManyConnections):
			return err
		}
		pause := wait.NextBackOff()
		d.log.Warn().Err(err).Stringer("retry_in", pause.Round(time.Millisecond)).Msg("waiting for the source")
		if sleep(ctx, pause) != nil {
			return context.Cause(ctx)
		}
	}
}

func newBackoff() *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{InitialInterval: firstRetry, MaxInterval: maxRetry, Multiplier: 2, RandomizationFactor: 0.3}
	b.Reset()
	return b
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// checkSource logs in once and looks whether the server can be a source at all.
func checkSource(ctx context.Context, cfg node.Config) error {
	n, err := node.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = n.Close() }()
	if err := n.CheckPrivileges(ctx, node.Streaming()); err != nil {
		return err
	}
	findings, err := n.CheckSource(ctx)
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Severity == node.Refusal {
			return coded(fmt.Errorf("%w: %s %s", stream.ErrNotSource, f.Setting, f.Problem), exitSource, "%s", f.Remedy)
		}
	}
	return nil
}

// open takes the archive over and prepares the stream.
func (d *daemon) open(ctx context.Context, source node.Config, acceptGap bool) error {
	cfg := d.app.cfg
	var err error
	d.stream, err = stream.New(stream.Config{
		Source: source, ServerID: d.id.serverID, UUID: d.id.uuid, HostName: d.id.reportHost,
		Heartbeat: cfg.Source.Heartbeat, From: stream.From(cfg.Stream.From), AcceptGap: acceptGap,
	}, d.log, d.story.phase)
	if err != nil {
		return coded(err, exitUsage, "")
	}
	d.writer, err = archive.OpenWriter(ctx, d.store, archive.Config{
		Cluster: cfg.Cluster, SpoolDir: cfg.Spool.Dir, Holder: d.id.holder, Flush: cfg.Stream.Flush,
		SegmentSize: cfg.Stream.SegmentSize, SpoolMax: cfg.Spool.Max, AcceptGap: acceptGap,
	}, d.story.observer())
	return err
}

// work streams until ctx ends or there is no going on, then closes the archive.
func (d *daemon) work(ctx context.Context) error {
	status, err := serveStatus(d.app.cfg.Spool.Dir, d.document)
	if err != nil {
		d.log.Warn().Err(err).Msg("no status socket: lastwrite status will show only what the store knows")
	}
	defer status.close()

	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var group errgroup.Group
	group.Go(func() error {
		d.story.tellNowAndThen(running, d)
		return nil
	})
	group.Go(func() error {
		select {
		case <-d.writer.Done():
			stop(d.writer.Err())
		case <-running.Done():
		}
		return nil
	})
	err = d.pump(running)
	if cause := context.Cause(running); err == nil && ctx.Err() == nil {
		err = cause // the writer ended by itself
	}
	stop(err)
	_ = group.Wait()
	if err != nil {
		d.log.Error().Err(err).Msg("cannot go on")
	} else {
		d.log.Info().Str("reason", context.Cause(ctx).Error()).Msg("stopping: storing what is whole")
	}
	d.close(ctx)
	return d.explain(ctx, err)
}

// pump runs the stream into the writer. A spool that cannot be written may mend itself: then the stream begins anew.
func (d *daemon) pump(ctx context.Context) error {
	wait := newBackoff()
	for {
		began := time.Now()
		err := d.stream.Run(ctx, d.writer)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, archive.ErrSpool) && !errors.Is(err, binlog.ErrTorn) {
			return err
		}
		if time.Since(began) > maxRetry {
			wait.Reset()
		}
		pause := wait.NextBackOff()
		d.log.Warn().Err(err).Stringer("retry_in", pause.Round(time.Millisecond)).Msg("cannot take more of the log, trying again; nothing is lost while the source keeps it")
		if sleep(ctx, pause) != nil {
			return nil
		}
	}
}

// close stores what is whole, within the time that a stop may take.
func (d *daemon) close(ctx context.Context) {
	limit := d.app.cfg.Stream.ShutdownTimeout
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), limit, errors.New("the time to stop is over"))
	defer cancel()
	err := d.writer.Close(ctx)
	state := d.writer.State()
	switch {
	case err == nil:
		d.log.Info().Str("stored", positionOf(state)).Msg("stopped, everything whole is stored")
	case errors.Is(err, archive.ErrFenced):
	default:
		d.log.Warn().Err(err).Int("segments_left", state.SpoolPending).
			Msg("stopped; what is not stored is in the spool, and is stored at the next start or read again")
	}
}

// explain adds what the store knows about why the archive was taken away.
func (d *daemon) explain(ctx context.Context, err error) error {
	if !errors.Is(err, archive.ErrFenced) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	claim, readErr := archive.LastClaim(ctx, d.store, d.app.cfg.Cluster)
	if readErr != nil || claim.Holder == "" {
		return err
	}
	return fmt.Errorf("%w: epoch %d by %s since %s (this one had epoch %d)", archive.ErrFenced, claim.Epoch, claim.Holder, when(claim.At), d.writer.Epoch())
}

// positionOf is where the stored log ends.
func positionOf(s archive.State) string {
	if s.Stored == nil || len(s.Stored.Summary.Spans) == 0 {
		return ""
	}
	last := s.Stored.Summary.Spans[len(s.Stored.Summary.Spans)-1]
	return binlog.Position{File: last.File, Offset: last.Start + last.Length}.String()
}
