package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"lastwrite/binlog"
	"lastwrite/pitr"
	"lastwrite/pitr/program"
	"lastwrite/pitr/scratch"
	"lastwrite/replica"
	"lastwrite/replica/node"
)

// load puts the base into the directory.
func (r *run) load(ctx context.Context) error {
	id := r.plan.Base.ID
	switch r.plan.Base.Method {
	case pitr.MethodClone:
		return r.Bases.Extract(ctx, id, r.place.dir, r.opts.Progress)
	case pitr.MethodDump:
		if err := r.loadDump(ctx); err != nil {
			return fmt.Errorf("load base %s: %w", id, err)
		}
		return nil
	}
	return fmt.Errorf("load base %s: unknown method %q", id, r.plan.Base.Method)
}

// loadDump initialises a data directory and feeds it the dump. The dump replaces all accounts, ours too, so that server is only
// shut down; the one that is started next makes itself another.
func (r *run) loadDump(ctx context.Context) error {
	mysql, err := program.Need("mysql", r.Programs.Mysql)
	if err != nil {
		return err
	}
	r.opts.Progress.Report(pitr.StageStart, 0, 0)
	if err := scratch.Initialise(ctx, r.config()); err != nil {
		return err
	}
	server, err := scratch.Start(ctx, r.config())
	if err != nil {
		return err
	}
	if err := r.feed(ctx, mysql, server.Login()); err != nil {
		server.Kill()
		return err
	}
	return server.Shutdown(ctx)
}

// feed sends the dump through the mysql program.
func (r *run) feed(ctx context.Context, mysql string, login node.Config) (err error) {
	// What comes from the store is not what is reported here: the text is, which tells how far the server is.
	dump, err := r.Bases.OpenDump(ctx, r.plan.Base.ID, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dump.Close()) }()
	file, remove, err := program.OptionFile(login, r.place.work())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	text := &meter{r: dump, report: func(done int64) { r.opts.Progress.Report(pitr.StageLoad, done, r.plan.Base.Bytes) }}
	err = program.Run(ctx, program.Command{
		Path: mysql, Stdin: text,
		Args: []string{"--defaults-file=" + file, "--binary-mode", "--comments", "--max-allowed-packet=1G"},
	})
	if text.err != nil { // mysql then takes what it got for the whole
		return text.err
	}
	if err == nil && text.n != r.plan.Base.Bytes {
		return fmt.Errorf("%w: %d bytes of SQL were loaded, the base has %d", ErrNotProved, text.n, r.plan.Base.Bytes)
	}
	return err
}

// meter counts what is read, and keeps the error that ends it. Read both when nobody reads any more.
type meter struct {
	r      io.Reader
	n      int64
	err    error
	report func(done int64)
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	m.report(m.n)
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}

// checkBase compares gtid_executed with the base's set: what is not exactly that was damaged on the way.
func (r *run) checkBase(ctx context.Context) error {
	held, err := r.executed(ctx)
	if err != nil {
		return err
	}
	return sameSet("the base as loaded", held, r.plan.Base.Executed)
}

func (r *run) executed(ctx context.Context) (binlog.GTIDSet, error) {
	var text string
	if err := r.server.DB().QueryRowContext(ctx, "SELECT @@GLOBAL.gtid_executed").Scan(&text); err != nil {
		return binlog.GTIDSet{}, r.broken(fmt.Errorf("read gtid_executed: %w", err))
	}
	return binlog.ParseGTIDSet(text)
}

// endGrace is how long after its last connection broke a server may take to end.
const endGrace = 2 * time.Second

// broken says why the server does not answer, if it is because it ended. The connections break a little before that is known.
func (r *run) broken(err error) error {
	if !errors.Is(node.Classify(err), replica.ErrUnreachable) {
		return err
	}
	timer := time.NewTimer(endGrace)
	defer timer.Stop()
	select {
	case <-r.server.Done():
		return r.server.Err()
	case <-timer.C:
		return err
	}
}

// sameSet returns ErrNotProved, with the difference, unless held is want.
func sameSet(what string, held, want binlog.GTIDSet) error {
	lacks, extra := want.Subtract(held), held.Subtract(want)
	switch {
	case !lacks.IsEmpty():
		return fmt.Errorf("%w: %s lacks transactions %s", ErrNotProved, what, lacks)
	case !extra.IsEmpty():
		return fmt.Errorf("%w: %s has transactions that do not belong to it: %s", ErrNotProved, what, extra)
	}
	return nil
}
