package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"lastwrite/cmd/lastwrite/config"
	"lastwrite/pitr"
	"lastwrite/pitr/backup"
	"lastwrite/replica/node"
)

func (a *app) backupCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "backup",
		Short: "Take, list and verify base backups",
		Long: `A base backup is a copy of all data at one moment. A restore begins with one and replays the log from there. Without a base nothing can be
restored; the older the base, the longer the replay.`,
		Args: noArguments, RunE: showHelp,
	}
	group.AddCommand(a.backupTakeCommand(), a.backupListCommand(), a.backupVerifyCommand())
	return group
}

func (a *app) backupTakeCommand() *cobra.Command {
	var method, cloneDir string
	cmd := &cobra.Command{
		Use:   "take",
		Short: "Take a base backup of the source and store it",
		Long: `Copies all data into the store, and proves which transactions the copy holds before it is called a backup.

  clone      the server's CLONE plugin copies its data directory; fast, InnoDB only. lastwrite must share the server's host and be
             able to read what mysqld writes; there must be room for a second copy until it is stored. mysqld is needed for the proof.
  mysqldump  SQL text over the network; slow to restore, needs nothing but the client program.

When it fails or is interrupted, nothing is left behind.`,
		Example: `  lastwrite backup take --method clone
  lastwrite backup take --method mysqldump --source lastwrite@replica2`,
		Args:    noArguments,
		PreRunE: a.begin,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.backupTake(cmd.Context(), pitr.Method(method), cloneDir)
		},
	}
	a.addSettings(cmd, config.Source_, config.Programs_)
	cmd.Flags().StringVar(&method, "method", string(pitr.MethodClone), "clone or mysqldump")
	cmd.Flags().StringVar(&cloneDir, "clone-dir", "", "directory, which mysqld and lastwrite both can write, for the copy that CLONE makes (default: beside the data directory)")
	return cmd
}

func (a *app) backupTake(ctx context.Context, method pitr.Method, cloneDir string) (err error) {
	if method != pitr.MethodClone && method != pitr.MethodDump {
		return usage(fmt.Sprintf("unknown backup method %q", method), "want --method clone or --method mysqldump")
	}
	source, err := a.sourceConfig()
	if err != nil {
		return err
	}
	programs, err := a.programs()
	if err != nil {
		return err
	}
	server, err := node.Open(ctx, source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	store, closeStore, err := a.openStore(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()

	progress := a.newProgress()
	base, err := backup.NewRepository(store, a.cfg.Cluster).Take(ctx, backup.Source{Node: server, Login: source}, backup.Options{
		Method: method, Programs: programs, CloneDir: cloneDir, Progress: progress.report,
	})
	progress.finish(err)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(base)
	}
	for _, text := range base.Warnings {
		a.tell("warning: %s", text)
	}
	return a.print("base backup %s: %s of data (%s stored) at %s, %s\n", base.ID, pitr.FormatBytes(base.Bytes), pitr.FormatBytes(base.Stored),
		when(base.Taken), count(base.Executed.Count(), "transaction"))
}

// backupList is the JSON document of `lastwrite backup list`.
type backupList struct {
	Bases []pitr.Base `json:"bases"`
}

func (a *app) backupListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the base backups in the store",
		Example: "  lastwrite backup list",
		Args:    noArguments,
		PreRunE: a.begin,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.backupList(cmd.Context()) },
	}
}

func (a *app) backupList(ctx context.Context) (err error) {
	store, closeStore, err := a.openStore(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	bases, err := backup.NewRepository(store, a.cfg.Cluster).List(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(backupList{append([]pitr.Base{}, bases...)})
	}
	if len(bases) == 0 {
		return a.print("no base backup of cluster %s\n", a.cfg.Cluster)
	}
	return table(a.stdout, baseRows(bases, ""))
}

// backupVerified is one element of the JSON document of `lastwrite backup verify`.
type backupVerified struct {
	ID      string `json:"id"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
}

// backupVerification is the JSON document of `lastwrite backup verify`.
type backupVerification struct {
	Bases []backupVerified `json:"bases"`
}

func (a *app) backupVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "verify [ID...]",
		Short:   "Read base backups from the store and compare every hash; all of them if none is named",
		Example: "  lastwrite backup verify 20261121T031500Z-ab2c",
		PreRunE: a.begin,
		RunE:    func(cmd *cobra.Command, ids []string) error { return a.backupVerify(cmd.Context(), ids) },
	}
}

func (a *app) backupVerify(ctx context.Context, ids []string) (err error) {
	store, closeStore, err := a.openStore(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	repository := backup.NewRepository(store, a.cfg.Cluster)
	if len(ids) == 0 {
		bases, err := repository.List(ctx)
		if err != nil {
			return err
		}
		for _, b := range bases {
			ids = append(ids, b.ID)
		}
	}
	doc := backupVerification{Bases: []backupVerified{}}
	var damaged []string
	for _, id := range ids {
		progress := a.newProgress()
		err := repository.Verify(ctx, id, progress.report)
		progress.finish(err)
		switch {
		case err == nil:
			doc.Bases = append(doc.Bases, backupVerified{ID: id, OK: true})
		case errors.Is(err, backup.ErrDamaged):
			doc.Bases = append(doc.Bases, backupVerified{ID: id, Problem: oneLine(err.Error())})
			damaged = append(damaged, id)
		default:
			return err
		}
	}
	if err := a.printVerified(doc); err != nil {
		return err
	}
	if len(damaged) > 0 {
		return coded(fmt.Errorf("verify base backups: %w: %s", backup.ErrDamaged, strings.Join(damaged, ", ")), exitProof, "take a new one with `lastwrite backup take`")
	}
	return nil
}

func (a *app) printVerified(doc backupVerification) error {
	if a.json {
		return a.printJSON(doc)
	}
	for _, b := range doc.Bases {
		text := "ok"
		if !b.OK {
			text = b.Problem
		}
		if err := a.print("%s  %s\n", b.ID, text); err != nil {
			return err
		}
	}
	return nil
}
