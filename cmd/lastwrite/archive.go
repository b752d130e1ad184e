package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"lastwrite/binlog/archive"
	"lastwrite/pitr"
)

func (a *app) archiveCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "archive",
		Short: "Export and verify the archived log",
		Args:  noArguments, RunE: showHelp,
	}
	group.AddCommand(a.archiveExportCommand(), a.archiveVerifyCommand())
	return group
}

func (a *app) archiveExportCommand() *cobra.Command {
	o := archive.ExportOptions{}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write binary log files as the servers had them, byte for byte",
		Long: `Writes the archived log as plain binary log files, which mysqlbinlog and every other tool can read: byte for byte what the server wrote.
Files of the first server go to the directory itself, those of other servers into one named by their server_uuid.
A file gets its name only when it is complete.`,
		Example: `  lastwrite archive export --to /tmp/binlogs
  lastwrite archive export --to /tmp/binlogs --file binlog.000042 --file binlog.000043`,
		Args:    noArguments,
		PreRunE: a.begin,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.archiveExport(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.Dir, "to", "", "directory for the files (needed)")
	cmd.Flags().StringArrayVar(&o.Files, "file", nil, "name of a file to export; may be given several times (default: all that are archived as a whole)")
	cmd.Flags().StringVar(&o.Server, "server", "", "server_uuid: only files of this server")
	cmd.Flags().BoolVar(&o.Overwrite, "overwrite", false, "replace files that are there")
	_ = cmd.MarkFlagRequired("to") // fails only for a flag that does not exist
	_ = cmd.MarkFlagDirname("to")
	return cmd
}

// exportReport is the JSON document of `lastwrite archive export`.
type exportReport struct {
	Files []archive.Exported `json:"files"`
}

func (a *app) archiveExport(ctx context.Context, o archive.ExportOptions) (err error) {
	if !filepath.IsAbs(o.Dir) {
		o.Dir = filepath.Join(a.dir, o.Dir)
	}
	ar, _, closeStore, err := a.openArchive(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	progress := a.newProgress()
	var whole, before int64 // of the files that are done
	last := ""
	o.Progress = func(file string, done, _ int64) {
		if file != last {
			last, whole = file, whole+before
		}
		before = done
		progress.report(stageExport, whole+done, 0)
	}
	files, err := ar.Export(ctx, o)
	progress.finish(err)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(exportReport{append([]archive.Exported{}, files...)})
	}
	for _, f := range files {
		if err := a.print("%s  %s\n", f.Path, pitr.FormatBytes(f.Bytes)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) archiveVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Read the whole archived log and check it",
		Long: `Reads every segment: hashes, the checksum of every event, transaction boundaries, agreement with the catalog; and looks for gaps.
Exit code 0: nothing is wrong. 8: something is; it is listed with the transactions that are touched.`,
		Example: "  lastwrite archive verify --json",
		Args:    noArguments,
		PreRunE: a.begin,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.archiveVerify(cmd.Context()) },
	}
}

func (a *app) archiveVerify(ctx context.Context) (err error) {
	ar, _, closeStore, err := a.openArchive(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	progress := a.newProgress()
	r, err := ar.Verify(ctx, func(done, total int64) { progress.report(stageVerify, done, total) })
	progress.finish(err)
	if err != nil {
		return err
	}
	if err := a.printReport(r); err != nil {
		return err
	}
	if !r.OK() {
		return coded(fmt.Errorf("verify the archive: %s", count(len(r.Findings), "problem")), exitProof,
			"what is damaged or missing cannot be restored; moments behind it need a base backup taken behind it")
	}
	return nil
}

func (a *app) printReport(r *archive.Report) error {
	if a.json {
		return a.printJSON(r)
	}
	if err := a.print("%s, %s, %s of log, %s stored, %s\n", count(r.Segments, "segment"), count(r.Transactions, "transaction"),
		pitr.FormatBytes(r.RawBytes), pitr.FormatBytes(r.StoredBytes), count(len(r.Findings), "problem")); err != nil {
		return err
	}
	for _, f := range r.Findings {
		where := f.Key
		if where == "" {
			where = "archive"
		}
		if err := a.print("%s: %s (%s)\n", where, f.Problem, cut(f.Transactions, 200)); err != nil {
			return err
		}
	}
	return nil
}
