package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"lastwrite/binlog"
	"lastwrite/pitr"
	"lastwrite/pitr/program"
	"lastwrite/pitr/scratch"
	"lastwrite/replica/node"
)

var (
	// ErrServer says that a base backup cannot be taken from this server, or not by this method.
	ErrServer = errors.New("the server cannot be backed up this way")
	// ErrUnproved says that a backup was taken and is not what it should be; it was thrown away.
	ErrUnproved = errors.New("the backup could not be proved")
)

// defaultParallel is how many chunks are stored side by side.
const defaultParallel = 4

// Source is the server to take a backup from. A replica will do as well as the primary.
type Source struct {
	Node  *node.Node  // needs node.Cloning or node.Dumping
	Login node.Config // the same account, for mysqldump
}

// Options say how to take a backup.
type Options struct {
	Method   pitr.Method
	Programs program.Set // mysqld for MethodClone, mysqldump for MethodDump
	// CloneDir is a directory on the server's host, which must be ours too, with room for a copy of the data. The server makes the copy in a new
	// directory below it. Default: the directory that the data directory is in.
	CloneDir string
	LogDir   string           // where the scratch server's log is kept if a clone cannot be proved; default the system's temporary directory
	Parallel int              // chunks stored side by side; default 4. Each takes 16 MiB of memory
	Now      func() time.Time // default time.Now
	Progress pitr.Progress
}

func (o Options) withDefaults() Options {
	if o.Parallel == 0 {
		o.Parallel = defaultParallel
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Take takes a base backup. When it fails or ctx ends, nothing is left on the server, here or in the store. Errors: replica.ErrPrivilege with the
// GRANT that mends it, ErrServer, ErrUnproved, program.ErrNotFound, scratch.ErrVersion, and those of the store.
func (r *Repository) Take(ctx context.Context, src Source, opts Options) (pitr.Base, error) {
	opts = opts.withDefaults()
	t := &taking{repo: r, src: src, opts: opts}
	t.base = pitr.Base{ID: newID(opts.Now()), Method: opts.Method, Started: opts.Now().UTC()}
	opts.Progress.Report(pitr.StageCheck, 0, 0)
	var take func(context.Context) ([]Chunk, error)
	switch opts.Method {
	case pitr.MethodClone:
		take = t.clone
	case pitr.MethodDump:
		take = t.dump
	default:
		return pitr.Base{}, fmt.Errorf("take a base backup: unknown method %q (want %s or %s)", opts.Method, pitr.MethodClone, pitr.MethodDump)
	}
	if err := t.describe(ctx); err != nil {
		return pitr.Base{}, fmt.Errorf("take a base backup: %w", err)
	}
	chunks, err := take(ctx)
	if err == nil {
		err = t.finish(ctx, chunks)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx) // the rest is its consequence
		}
		return pitr.Base{}, errors.Join(fmt.Errorf("take a base backup: %w", err), r.discard(ctx, t.base.ID))
	}
	return t.base, nil
}

// taking is one backup under way.
type taking struct {
	repo   *Repository
	src    Source
	opts   Options
	base   pitr.Base
	before binlog.GTIDSet // executed before anything was copied
	size   int64          // bytes of data, estimated
}

// describe asks the server who it is and refuses one without GTIDs.
func (t *taking) describe(ctx context.Context) error {
	n := t.src.Node
	task := node.Cloning()
	if t.opts.Method == pitr.MethodDump {
		task = node.Dumping()
	}
	if err := n.CheckPrivileges(ctx, task); err != nil {
		return err
	}
	identity := n.Identity()
	t.base.Server = pitr.Server{UUID: identity.UUID, Version: identity.Version.String(), Settings: map[string]string{}}
	names := append(scratch.SharedSettings(), "gtid_mode", "system_time_zone", "time_zone")
	rows, err := n.DB().QueryContext(ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('"+strings.Join(names, "', '")+"')")
	if err != nil {
		return fmt.Errorf("read the server's settings: %w", node.Classify(err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return fmt.Errorf("read the server's settings: %w", err)
		}
		t.base.Server.Settings[strings.ToLower(name)] = value
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the server's settings: %w", node.Classify(err))
	}
	if mode := t.base.Server.Settings["gtid_mode"]; mode != "ON" {
		return fmt.Errorf("%w: gtid_mode is %s there; without GTIDs nobody can tell which transactions a backup holds", ErrServer, mode)
	}
	delete(t.base.Server.Settings, "gtid_mode")
	// Only a hint for the progress: the statistics behind it may be a day old.
	row := n.DB().QueryRowContext(ctx, "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables")
	if err := row.Scan(&t.size); err != nil {
		return fmt.Errorf("estimate the size of the data: %w", node.Classify(err))
	}
	if t.before, err = n.GTIDExecuted(ctx); err != nil {
		return fmt.Errorf("read gtid_executed: %w", err)
	}
	return t.foreignEngines(ctx)
}

// maxNamed is how many tables a warning names.
const maxNamed = 20

// foreignEngines warns of tables that CLONE leaves empty and that a dump does not see at one moment.
func (t *taking) foreignEngines(ctx context.Context) error {
	rows, err := t.src.Node.DB().QueryContext(ctx, `SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables
		WHERE table_type = 'BASE TABLE' AND engine NOT IN ('InnoDB', 'MEMORY', 'BLACKHOLE', 'PERFORMANCE_SCHEMA')
		AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 1`)
	if err != nil {
		return fmt.Errorf("look for tables outside InnoDB: %w", node.Classify(err))
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("look for tables outside InnoDB: %w", err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil || len(names) == 0 {
		return err
	}
	list := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if extra := len(names) - maxNamed; extra > 0 {
		list += fmt.Sprintf(" and %d more", extra)
	}
	problem := "are empty in this backup, for CLONE copies InnoDB only"
	if t.opts.Method == pitr.MethodDump {
		problem = "may not match the moment of this backup"
	}
	t.base.Warnings = append(t.base.Warnings, fmt.Sprintf("tables that are not InnoDB %s: %s", problem, list))
	return nil
}

// checkSet compares the set that a backup holds with what the server had executed before and has executed after.
func (t *taking) checkSet(ctx context.Context, held binlog.GTIDSet) error {
	after, err := t.src.Node.GTIDExecuted(ctx)
	if err != nil {
		return fmt.Errorf("read gtid_executed: %w", err)
	}
	if lost := t.before.Subtract(held); !lost.IsEmpty() {
		return fmt.Errorf("%w: the server had executed %s before, and the backup lacks them", ErrUnproved, lost)
	}
	if extra := held.Subtract(after); !extra.IsEmpty() {
		return fmt.Errorf("%w: it holds %s, which the server does not know", ErrUnproved, extra)
	}
	t.base.Executed = held
	return nil
}

// finish makes the backup exist.
func (t *taking) finish(ctx context.Context, chunks []Chunk) error {
	for _, c := range chunks {
		t.base.Stored += c.Size
	}
	t.base.Finished = t.opts.Now().UTC()
	return t.repo.commit(ctx, Manifest{Format: formatVersion, Base: t.base, Chunks: chunks})
}

// reportUpload is the progress of an upload.
func (t *taking) reportUpload(done int64) {
	t.opts.Progress.Report(pitr.StageUpload, done, max(t.size, done))
}
