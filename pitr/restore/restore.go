package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"lastwrite/binlog"
	"lastwrite/binlog/server"
	"lastwrite/pitr"
	"lastwrite/pitr/program"
	"lastwrite/pitr/scratch"
)

// ErrNotProved says that what came out of a restore is not what the plan says.
var ErrNotProved = errors.New("the restored data is not what was planned")

// Bases gives the content of base backups; *backup.Repository does.
type Bases interface {
	// Extract writes the data directory of a base taken by CLONE into an existing directory.
	Extract(ctx context.Context, id, dir string, progress pitr.Progress) error
	// OpenDump opens the SQL text of a base taken by mysqldump.
	OpenDump(ctx context.Context, id string, progress pitr.Progress) (io.ReadCloser, error)
}

// Restorer has what restores need.
type Restorer struct {
	Programs program.Set // mysqld, and mysql for bases taken by mysqldump
	Bases    Bases
	// Log gives the archived log of just the transactions in serve, to a server that has before. It is not asked for when there is nothing to apply.
	Log    func(serve, before binlog.GTIDSet) server.Log
	Logger zerolog.Logger
	Now    func() time.Time // default time.Now
}

// Options say how to restore.
type Options struct {
	Dir string // absolute; absent or empty
	// Running leaves the server running, on its Unix socket, for reading and copying: see Result.Server. Otherwise the result is a data directory
	// that no server uses.
	Running    bool
	Keep       bool   // keep what there is when the restore fails, to look into it
	Appliers   int    // default scratch.DefaultAppliers
	BufferPool int64  // bytes of InnoDB's cache; default scratch.DefaultBufferPool
	LogDir     string // where mysqld's error log is kept when the restore fails; default the system's temporary directory
	Progress   pitr.Progress
}

// Result is a restored server.
type Result struct {
	Proof
	// Server runs if Options.Running asked for it. End it with Finish or Discard, not with its own methods.
	Server *scratch.Server

	run *run
}

// Run carries out a plan. When ctx ends, so does everything that was started, a server left running included. Errors: ErrNotEmpty, ErrNotProved,
// *ReplayError, pitr.ErrNoSpace, program.ErrNotFound, scratch.ErrVersion, scratch.ErrEnded, and those of Bases.
func (r Restorer) Run(ctx context.Context, plan pitr.Plan, opts Options) (*Result, error) {
	if r.Now == nil {
		r.Now = time.Now
	}
	opts.Progress.Report(pitr.StageCheck, 0, 0)
	mysqld, err := program.Need("mysqld", r.Programs.Mysqld)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	version, err := scratch.CheckVersion(ctx, mysqld, plan.Base.Server.Version)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	place, err := claimDir(opts.Dir)
	if err != nil {
		return nil, err
	}
	run := &run{Restorer: r, plan: plan, opts: opts, place: place, began: r.Now()}
	run.proof.Mysqld = version.String()
	ctx, stop := context.WithCancelCause(ctx)
	run.stop = func() { stop(nil) }
	unwatch := place.watchRoom(stop)
	result, err := run.all(ctx)
	unwatch()
	if err != nil {
		return nil, run.fail(fmt.Errorf("restore into %s: %w", opts.Dir, firstCause(ctx, err)))
	}
	return result, nil
}

// firstCause is the reason why ctx ended, if it did: everything else then only follows from it.
func firstCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// run is one restore.
type run struct {
	Restorer
	plan    pitr.Plan
	opts    Options
	place   *claim
	began   time.Time
	logFile string
	server  *scratch.Server // nil while none runs
	stop    func()          // ends everything that was started
	proof   Proof
}

// all does the steps of the package's documentation, from the second on.
func (r *run) all(ctx context.Context) (*Result, error) {
	log, err := os.CreateTemp(r.opts.LogDir, "lastwrite-restore-*.log")
	if err != nil {
		return nil, fmt.Errorf("make a log file: %w", err)
	}
	r.logFile = log.Name()
	_ = log.Close()
	if err := r.place.checkRoom(r.plan.Base.Bytes); err != nil {
		return nil, err
	}
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	if err := r.checkBase(ctx); err != nil {
		return nil, err
	}
	if err := r.replay(ctx); err != nil {
		return nil, err
	}
	if err := r.prove(ctx); err != nil {
		return nil, err
	}
	result := &Result{Proof: r.proof, Server: r.server, run: r}
	if !r.opts.Running {
		return result, result.Finish(ctx)
	}
	return result, nil
}

// config is that of our scratch servers.
func (r *run) config() scratch.Config {
	return scratch.Config{
		Mysqld: r.Programs.Mysqld, DataDir: r.place.dir, WorkDir: r.place.work(), LogFile: r.logFile,
		Settings: r.plan.Base.Server.Settings, Mode: scratch.Replay,
		BufferPool: r.opts.BufferPool, Appliers: r.opts.Appliers,
		Log: func(line string) { r.Logger.Debug().Str("mysqld", line).Msg("scratch server") },
	}
}

// start starts the scratch server on the loaded base.
func (r *run) start(ctx context.Context) error {
	r.opts.Progress.Report(pitr.StageStart, 0, 0)
	config := r.config()
	// A dump has the system tables of the release it was taken from.
	config.Upgrade = r.plan.Base.Method == pitr.MethodDump && r.plan.Base.Server.Version != r.proof.Mysqld
	var err error
	r.server, err = scratch.Start(ctx, config)
	return err
}

// fail tidies up after err. mysqld's log stays where err points to it.
func (r *run) fail(err error) error {
	undone := r.undo()
	if r.logFile != "" && !r.opts.Keep && !strings.Contains(err.Error(), r.logFile) {
		undone = errors.Join(undone, os.Remove(r.logFile))
	}
	return errors.Join(err, undone)
}

// undo ends the server and empties the directory.
func (r *run) undo() error {
	defer r.stop()
	if r.server != nil {
		r.server.Kill()
		r.server = nil
	}
	if r.opts.Keep {
		return nil
	}
	return r.place.clear()
}

// Finish shuts a server that was left running down cleanly and completes the data directory. On an error everything is removed, as after a
// failed Run.
func (res *Result) Finish(ctx context.Context) error {
	err := res.run.finish(ctx)
	res.Server, res.Proof = nil, res.run.proof
	if err == nil || !res.run.opts.Running { // else Run tidies up
		return err
	}
	return res.run.fail(fmt.Errorf("finish the restore into %s: %w", res.run.place.dir, firstCause(ctx, err)))
}

// Discard ends a server that was left running and removes everything that was restored.
func (res *Result) Discard() error {
	res.Server = nil
	return errors.Join(res.run.undo(), os.Remove(res.run.logFile))
}

func (r *run) finish(ctx context.Context) error {
	r.opts.Progress.Report(pitr.StageShutdown, 0, 0)
	server := r.server
	r.server = nil
	defer r.stop()
	if err := server.Stop(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(r.place.work()); err != nil {
		return fmt.Errorf("remove temporary files: %w", err)
	}
	r.proof.Finished = r.Now().UTC()
	if err := r.proof.write(r.place.dir); err != nil {
		return err
	}
	return os.Remove(r.logFile)
}
