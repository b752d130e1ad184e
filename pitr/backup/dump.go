package backup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"lastwrite/pitr/program"
)

// dump runs mysqldump and stores what it writes.
func (t *taking) dump(ctx context.Context) (chunks []Chunk, err error) {
	mysqldump, err := program.Need("mysqldump", t.opts.Programs.Mysqldump)
	if err != nil {
		return nil, err
	}
	if err := t.checkSight(ctx); err != nil {
		return nil, err
	}
	scan := &dumpScanner{found: func() { t.base.Taken = t.opts.Now().UTC() }}
	chunks, t.base.Bytes, err = t.repo.storeData(ctx, t.base.ID, t.opts.Parallel, t.reportUpload, func(ctx context.Context, w io.Writer) error {
		return t.runDump(ctx, mysqldump, io.MultiWriter(scan, w))
	})
	if err != nil {
		return nil, err
	}
	held, err := scan.result()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnproved, err)
	}
	return chunks, t.checkSet(ctx, held)
}

// runDump runs the program. --source-data has it hold the global read lock for the moment in which the snapshot begins and the GTID set
// is read, so that the two belong together in all versions; it writes a comment only.
func (t *taking) runDump(ctx context.Context, mysqldump string, w io.Writer) (err error) {
	file, remove, err := program.OptionFile(t.src.Login, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	out := &errorKeeper{w: w}
	err = program.Run(ctx, program.Command{Path: mysqldump, Stdout: out, Args: []string{
		"--defaults-file=" + file,
		"--all-databases", "--single-transaction", "--source-data=2", "--set-gtid-purged=ON",
		"--routines", "--events", "--triggers", "--hex-blob", "--default-character-set=utf8mb4",
		"--max-allowed-packet=1G",
	}})
	if out.err != nil { // the program then dies of a broken pipe
		return out.err
	}
	return err
}

// errorKeeper remembers why a write failed.
type errorKeeper struct {
	w   io.Writer
	err error // read when nobody writes any more
}

func (k *errorKeeper) Write(p []byte) (int, error) {
	n, err := k.w.Write(p)
	if err != nil {
		k.err = err
	}
	return n, err
}

// checkSight refuses an account from which parts of the server are hidden: mysqldump would leave them out and say nothing.
func (t *taking) checkSight(ctx context.Context) error {
	rows, err := t.src.Node.DB().QueryContext(ctx, "SHOW GRANTS FOR CURRENT_USER()")
	if err != nil {
		return fmt.Errorf("read the account's privileges: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return fmt.Errorf("read the account's privileges: %w", err)
		}
		if isRevoke(line) {
			return fmt.Errorf("%w: the account may not see all of it, so that a dump would lack data: %s", ErrServer, line)
		}
	}
	return rows.Err()
}
