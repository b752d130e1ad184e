package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/binlog/server"
	"lastwrite/cmd/lastwrite/config"
	"lastwrite/internal/objstore"
	"lastwrite/pitr"
	"lastwrite/pitr/backup"
	"lastwrite/pitr/locate"
	"lastwrite/pitr/restore"
)

// restoreFlags are what `lastwrite restore` is asked for, as it was typed.
type restoreFlags struct {
	target      targetFlags
	dir         string
	base, skip  string
	dryRun      bool
	keepRunning bool
	copyBack    string
	as          string
	overwrite   bool
	yes         bool
}

func (a *app) restoreCommand() *cobra.Command {
	f := restoreFlags{}
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Restore the data to a moment, and put a database back into the live server",
		Long: `Restores to one moment: finds it in the archived log, plans (which base backup, which transactions), prints the plan, and only then acts.
The base is loaded into an empty directory, a mysqld that no network reaches replays the log up to the moment, and gtid_executed must then
be exactly what was planned; only this is called restored. When anything fails, or on Ctrl-C, the directory is as it was before.

What is left is a data directory; with --keep-running a server on it, on a Unix socket, for as long as the command runs; and with
--copy-back a copy of one database in the live server (source.address), whose other databases are not touched.

A target outside the recovery windows, or behind a gap, is refused with what can be restored instead, before anything is touched.`,
		Example: `  lastwrite restore --before 'DROP DATABASE shop' --dry-run
  lastwrite restore --before 'DROP DATABASE shop' --target-dir /srv/restored --copy-back shop
  lastwrite restore --to-time '2026-11-21 14:03:11.000250' --target-dir /srv/restored
  lastwrite restore --before-gtid 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 --target-dir /srv/restored --keep-running
  lastwrite restore --latest --skip 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 --target-dir /srv/restored`,
		Args:    noArguments,
		PreRunE: a.begin,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.restore(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.target.add(cmd)
	flags.StringVar(&f.dir, "target-dir", "", "directory to restore into, absent or empty (needed, but for --dry-run)")
	flags.StringVar(&f.base, "base", "", "id of the base backup to begin with (default: the one that leaves the least to replay)")
	flags.StringVar(&f.skip, "skip", "", "GTID set of transactions before the target that shall not be applied")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print the plan and touch nothing")
	flags.BoolVar(&f.keepRunning, "keep-running", false, "leave the server running on its socket until Ctrl-C")
	flags.StringVar(&f.copyBack, "copy-back", "", "database to copy into the live server")
	flags.StringVar(&f.as, "as", "", "its name there (default: the same)")
	flags.BoolVar(&f.overwrite, "overwrite", false, "drop the database of that name in the live server first, if there is one")
	flags.BoolVar(&f.yes, "yes", false, "do not ask before the live server is changed")
	_ = cmd.MarkFlagDirname("target-dir") // fails only for a flag that does not exist
	a.addSettings(cmd, config.Restore_, config.Source_, config.Programs_)
	return cmd
}

// restoreReport is the JSON document of `lastwrite restore`.
type restoreReport struct {
	Matches   []pitr.Point        `json:"matches,omitempty"` // instead of a plan: several statements match
	Near      []pitr.Point        `json:"near,omitempty"`    // instead of a plan: none matches, these come near
	Plan      *pitr.Plan          `json:"plan"`
	DryRun    bool                `json:"dry_run"`
	Directory string              `json:"directory,omitempty"`
	Result    *restore.Proof      `json:"result"`    // null: nothing was restored
	CopyBack  *restore.CopyReport `json:"copy_back"` // null: nothing was copied
}

func (f restoreFlags) check() error {
	if _, err := f.target.parse(time.UTC); err != nil {
		return err
	}
	switch {
	case f.dir == "" && !f.dryRun:
		return usage("restore: --target-dir is needed", "a directory that does not exist yet, or is empty; or --dry-run to see the plan")
	case f.copyBack == "" && (f.as != "" || f.overwrite):
		return usage("restore: --as and --overwrite are about --copy-back", "")
	case f.target.match < 0 || f.target.match > 0 && f.target.statement == "":
		return usage("restore: --match is a number from 1 on, of what --before finds", "")
	}
	return nil
}

func (a *app) restore(ctx context.Context, f restoreFlags) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	if f.dir != "" && !filepath.IsAbs(f.dir) {
		f.dir = filepath.Join(a.dir, f.dir)
	}
	store, closeStore, err := a.openStore(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	report := &restoreReport{DryRun: f.dryRun, Directory: f.dir}
	w := restoring{app: a, flags: f, store: store, report: report, progress: a.newProgress()}
	err = w.run(ctx)
	if a.json && (err == nil || report.Plan != nil || report.Matches != nil || report.Near != nil) {
		err = errors.Join(err, a.printJSON(report))
	}
	return err
}

// restoring is one run of the command.
type restoring struct {
	app     *app
	flags   restoreFlags
	store   objstore.Store
	archive *archive.Archive // nil: none
	report  *restoreReport
	// progress is one for the whole restore: its parts keep it.
	progress *progress
}

func (w *restoring) run(ctx context.Context) error {
	plan, err := w.plan(ctx)
	if err != nil {
		return err
	}
	w.report.Plan = &plan
	if err := w.printPlan(plan); err != nil || w.flags.dryRun {
		return err
	}
	if w.flags.copyBack != "" {
		if err := w.checkLive(ctx); err != nil {
			return err
		}
		if err := w.app.confirm(ctx, w.flags.yes, w.question()); err != nil {
			return err
		}
	}
	return w.act(ctx, plan)
}

// plan finds the target and a way to it. It touches nothing.
func (w *restoring) plan(ctx context.Context) (pitr.Plan, error) {
	target, err := w.flags.target.parse(w.app.zone)
	if err != nil {
		return pitr.Plan{}, err
	}
	skip, err := binlog.ParseGTIDSet(w.flags.skip)
	if err != nil {
		return pitr.Plan{}, fmt.Errorf("read --skip: %w", err)
	}
	bases, err := backup.NewRepository(w.store, w.app.cfg.Cluster).List(ctx)
	if err != nil {
		return pitr.Plan{}, err
	}
	var history locate.History
	w.archive, err = archive.Open(ctx, w.store, w.app.cfg.Cluster)
	switch {
	case err == nil:
		history = w.archive
	case !errors.Is(err, archive.ErrNoArchive) || len(bases) == 0:
		return pitr.Plan{}, err
	}
	plan, err := locate.Plan(ctx, history, target, bases, pitr.Options{Skip: skip, Base: w.flags.base})
	var several *locate.AmbiguousError
	if n := w.flags.target.match; n > 0 && errors.As(err, &several) {
		if n > len(several.Matches) {
			return pitr.Plan{}, usage(fmt.Sprintf("restore: --match %d, but there are %d matches", n, len(several.Matches)), "")
		}
		target = pitr.BeforeGTID(several.Matches[n-1].GTID)
		plan, err = locate.Plan(ctx, history, target, bases, pitr.Options{Skip: skip, Base: w.flags.base})
	}
	return plan, w.explain(err)
}

// printPlan shows the plan before anything is done: it is the result of a dry run.
func (w *restoring) printPlan(plan pitr.Plan) error {
	switch {
	case w.app.json:
		return nil
	case w.flags.dryRun:
		return plan.Print(w.app.stdout)
	case w.app.quiet:
		return nil
	}
	return plan.Print(w.app.stderr)
}

// act carries the plan out.
func (w *restoring) act(ctx context.Context, plan pitr.Plan) error {
	programs, err := w.app.programs()
	if err != nil {
		return err
	}
	r := restore.Restorer{
		Programs: programs, Bases: backup.NewRepository(w.store, w.app.cfg.Cluster), Logger: w.app.backgroundLog(),
		Log: func(serve, before binlog.GTIDSet) server.Log { return w.archive.Log(serve, before) },
	}
	// The server must outlive a Ctrl-C that only means: enough of --keep-running. Until then the two end together.
	serving, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	together := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	defer together()

	result, err := r.Run(serving, plan, restore.Options{
		Dir: w.flags.dir, Running: w.flags.keepRunning || w.flags.copyBack != "",
		Appliers: int(w.app.cfg.Restore.Workers), BufferPool: w.app.cfg.Restore.BufferPool, Progress: w.progress.report,
	})
	w.progress.finish(err)
	if err != nil {
		return err
	}
	w.app.tell("restored: %s; gtid_executed is exactly what was planned", count(plan.Transactions, "transaction")+" replayed")
	if w.flags.copyBack != "" {
		if err := w.copyBack(ctx, serving, result, programs); err != nil {
			return err
		}
	}
	if w.flags.keepRunning && together() {
		if err := w.keepRunning(ctx, result); err != nil {
			return errors.Join(err, result.Discard())
		}
	}
	return w.finish(serving, result)
}

// finish completes the data directory and says what there is.
func (w *restoring) finish(ctx context.Context, result *restore.Result) error {
	if result.Server != nil {
		err := result.Finish(ctx)
		w.progress.finish(err)
		if err != nil {
			return err
		}
	}
	w.report.Result = &result.Proof
	if w.app.json {
		return nil
	}
	return w.printResult(result.Proof)
}

func (w *restoring) printResult(p restore.Proof) error {
	if err := w.app.print("restored into %s: %s; gtid_executed = %s\n", w.flags.dir, p.Target.Describe(), shortSet(p.Executed)); err != nil {
		return err
	}
	for _, note := range p.Notes {
		w.app.tell("note: %s", note)
	}
	w.app.tell("next: start a server on it, for example with  mysqld --no-defaults --datadir=%s --socket=/tmp/restored.sock --skip-networking", w.flags.dir)
	if w.flags.copyBack == "" {
		w.app.tell("      or put one database back into the live server: the same command into another directory, with  --copy-back DATABASE")
	}
	return nil
}
