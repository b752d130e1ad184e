package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"lastwrite/pitr/program"
	"lastwrite/pitr/restore"
	"lastwrite/replica/node"
)

// name is what the copy is called in the live server.
func (f restoreFlags) name() string {
	if f.as != "" {
		return f.as
	}
	return f.copyBack
}

// question is what a person has to say yes to.
func (w *restoring) question() string {
	text := fmt.Sprintf("Copy database %s of the restored server into the live server %s as %s", w.flags.copyBack, w.app.cfg.Source.Server.Endpoint, w.flags.name())
	if w.flags.overwrite {
		text += ", dropping what is there under that name"
	}
	return text + "?"
}

// checkLive finds out before the long work of a restore whether its end can succeed. The copy itself checks again.
func (w *restoring) checkLive(ctx context.Context) error {
	source, err := w.app.sourceConfig()
	if err != nil {
		return err
	}
	live, err := node.Open(ctx, source)
	if err != nil {
		return fmt.Errorf("look at the live server: %w", err)
	}
	defer func() { _ = live.Close() }()
	var tables int
	err = live.DB().QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ?", w.flags.name()).Scan(&tables)
	if err != nil {
		return fmt.Errorf("look at the live server: %w", node.Classify(err))
	}
	if tables > 0 && !w.flags.overwrite {
		return fmt.Errorf("%w: %s has %s there", restore.ErrExists, w.flags.name(), count(tables, "table"))
	}
	return nil
}

// copyBack puts the database into the live server. If that fails the restored data is kept: it is whole. After an interruption it is not.
func (w *restoring) copyBack(ctx, serving context.Context, result *restore.Result, programs program.Set) error {
	source, err := w.app.sourceConfig()
	if err != nil {
		return errors.Join(err, result.Discard())
	}
	report, err := restore.CopyBack(ctx, result.Server.Login(), source, w.flags.copyBack, restore.CopyOptions{
		Programs: programs, As: w.flags.as, Overwrite: w.flags.overwrite, Progress: w.progress.report,
	})
	w.progress.finish(err)
	w.report.CopyBack = report
	if err != nil && ctx.Err() != nil {
		return errors.Join(err, result.Discard())
	}
	if err != nil {
		w.app.tell("the restored data itself is whole and is kept in %s", w.flags.dir)
		return errors.Join(err, w.finish(serving, result))
	}
	if w.app.json {
		return nil
	}
	return w.printCopy(report)
}

func (w *restoring) printCopy(r *restore.CopyReport) error {
	rows := [][]string{{"TABLE", "ROWS", "IN THE COPY", "CHECKSUM", "IN THE COPY"}}
	for _, t := range r.Tables {
		rows = append(rows, []string{t.Name, fmt.Sprint(t.Rows), fmt.Sprint(t.LiveRows), fmt.Sprint(t.Checksum), fmt.Sprint(t.LiveChecksum)})
	}
	if len(r.Tables) > 0 && !w.app.quiet {
		if err := table(w.app.stdout, rows); err != nil {
			return err
		}
	}
	with := count(len(r.Tables), "table")
	var others []string
	for kind, n := range r.Objects {
		others = append(others, count(n, strings.TrimSuffix(kind, "s")))
	}
	slices.Sort(others)
	if len(others) > 0 {
		with += ", " + strings.Join(others, ", ")
	}
	for _, note := range r.Notes {
		w.app.tell("note: %s", note)
	}
	return w.app.print("copied database %s into %s as %s: %s, all equal\n", r.Schema, w.app.cfg.Source.Server.Endpoint, r.As, with)
}

// keepRunning says how to get in, and waits for a signal, or for the server to end.
func (w *restoring) keepRunning(ctx context.Context, result *restore.Result) (err error) {
	file, remove, err := program.OptionFile(result.Server.Login(), "")
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := remove(); !errors.Is(removeErr, os.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}()
	fmt.Fprintf(w.app.stderr, "the restored server runs on %s; get in with\n  mysql --defaults-file=%s\nCtrl-C shuts it down and leaves the data directory\n", result.Server.Socket(), file)
	select {
	case <-ctx.Done():
		return nil
	case <-result.Server.Done():
		return result.Server.Err()
	}
}
