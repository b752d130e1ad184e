package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lastwrite/pitr"
	"lastwrite/pitr/program"
	"lastwrite/replica/node"
)

var (
	// ErrNoSchema says that the database to be copied does not exist, or is one of MySQL's own.
	ErrNoSchema = errors.New("no such database to copy")
	// ErrExists says that the live server has something where the copy is to go.
	ErrExists = errors.New("the database exists on the live server")
	// ErrDiffers says that the copy is not the same as what was copied. Both are as they are; nothing was undone.
	ErrDiffers = errors.New("the copy differs from the restored database")
)

// undoTimeout bounds tidying up on the live server after a failure.
const undoTimeout = time.Minute

// CopyOptions say how to copy a database back.
type CopyOptions struct {
	Programs program.Set // mysqldump and mysql
	As       string      // name on the live server; default the same
	// Overwrite drops a database of that name on the live server first. Otherwise one with anything in it is refused.
	Overwrite bool
	Progress  pitr.Progress
}

// CopyReport says what was copied and how it compares.
type CopyReport struct {
	Schema string  `json:"schema"`
	As     string  `json:"as"`
	Bytes  int64   `json:"bytes"` // of SQL text
	Tables []Table `json:"tables"`
	// Objects counts what is in the copy beside tables, by kind.
	Objects map[string]int `json:"objects,omitempty"`
	Notes   []string       `json:"notes,omitempty"`
}

// CopyBack copies one database from a restored server to a live one, whose other databases it does not touch, and compares every table. The
// account on the live server needs what the statements of a dump need: CREATE, DROP, ALTER, INDEX, INSERT, SELECT, REFERENCES, TRIGGER, EVENT, CREATE VIEW, SHOW VIEW, CREATE
// ROUTINE on the database, and SET_ANY_DEFINER (before 8.2 SET_USER_ID). When it fails or ctx ends, the half copy is dropped. Errors: ErrNoSchema,
// ErrExists, ErrDiffers (with the report), program.ErrNotFound, and the sentinels of package replica.
func CopyBack(ctx context.Context, restored, live node.Config, schema string, opts CopyOptions) (*CopyReport, error) {
	c := &copying{schema: schema, as: opts.As, opts: opts}
	if c.as == "" {
		c.as = schema
	}
	report, err := c.open(ctx, restored, live)
	if err != nil {
		return report, fmt.Errorf("copy database %s back: %w", schema, firstCause(ctx, err))
	}
	return report, nil
}

// copying is one copy under way.
type copying struct {
	schema, as string
	opts       CopyOptions
	from, to   *node.Node
	fromLogin  node.Config
	toLogin    node.Config
}

func (c *copying) open(ctx context.Context, restored, live node.Config) (_ *CopyReport, err error) {
	if _, err := program.Need("mysqldump", c.opts.Programs.Mysqldump); err != nil {
		return nil, err
	}
	if _, err := program.Need("mysql", c.opts.Programs.Mysql); err != nil {
		return nil, err
	}
	c.fromLogin, c.toLogin = restored, live
	if c.from, err = node.Open(ctx, restored); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.from.Close()) }()
	if c.to, err = node.Open(ctx, live); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.to.Close()) }()
	return c.run(ctx)
}

func (c *copying) run(ctx context.Context) (*CopyReport, error) {
	c.opts.Progress.Report(pitr.StageCheck, 0, 0)
	create, err := c.createStatement(ctx)
	if err != nil {
		return nil, err
	}
	existed, err := c.checkTarget(ctx)
	if err != nil {
		return nil, err
	}
	if existed {
		if err := c.to.Exec(ctx, "DROP DATABASE "+quoteName(c.as)); err != nil {
			return nil, fmt.Errorf("drop the database on the live server: %w", err)
		}
	}
	if err := c.to.Exec(ctx, create); err != nil {
		return nil, fmt.Errorf("create the database on the live server: %w", err)
	}
	report := &CopyReport{Schema: c.schema, As: c.as}
	if report.Bytes, err = c.transfer(ctx); err != nil {
		return nil, errors.Join(firstCause(ctx, err), c.undo(ctx))
	}
	return report, c.compare(ctx, report)
}

// undo drops the half copy, also when ctx has ended.
func (c *copying) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if err := c.to.Exec(ctx, "DROP DATABASE IF EXISTS "+quoteName(c.as)); err != nil {
		return fmt.Errorf("drop the half copy %s on the live server: %w", c.as, err)
	}
	return nil
}

// createStatement makes the CREATE DATABASE of the copy from what the restored one is like.
func (c *copying) createStatement(ctx context.Context) (string, error) {
	if slices.Contains([]string{"mysql", "sys", "information_schema", "performance_schema"}, strings.ToLower(c.schema)) {
		return "", fmt.Errorf("%w: %s is MySQL's own", ErrNoSchema, c.schema)
	}
	text, err := texts(ctx, c.from, "SELECT CONCAT(default_character_set_name, ' COLLATE ', default_collation_name) FROM information_schema.schemata WHERE schema_name = ?", c.schema)
	if err != nil {
		return "", err
	}
	if len(text) == 0 {
		return "", fmt.Errorf("%w: %s does not exist at the restored moment", ErrNoSchema, c.schema)
	}
	return "CREATE DATABASE " + quoteName(c.as) + " CHARACTER SET " + text[0], nil
}

// checkTarget tells whether the live server has a database of the name. One with anything in it is refused
// unless it is to be overwritten.
func (c *copying) checkTarget(ctx context.Context) (existed bool, err error) {
	found, err := texts(ctx, c.to, "SELECT schema_name FROM information_schema.schemata WHERE schema_name = ?", c.as)
	if err != nil || len(found) == 0 {
		return false, err
	}
	objects, err := c.objects(ctx, c.to, c.as)
	if err != nil {
		return false, err
	}
	if len(objects) > 0 && !c.opts.Overwrite {
		return false, fmt.Errorf("%w: %s has %s there; copy under another name, or allow it to be overwritten", ErrExists, c.as, listObjects(objects))
	}
	return true, nil
}

func listObjects(objects map[string]int) string {
	var parts []string
	for kind, n := range objects {
		parts = append(parts, fmt.Sprintf("%d %s", n, kind))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// objects counts what is in a database, by kind.
func (c *copying) objects(ctx context.Context, n *node.Node, schema string) (map[string]int, error) {
	kinds, err := texts(ctx, n, `SELECT IF(table_type = 'VIEW', 'views', 'tables') FROM information_schema.tables WHERE table_schema = ?
		UNION ALL SELECT 'triggers' FROM information_schema.triggers WHERE trigger_schema = ?
		UNION ALL SELECT 'routines' FROM information_schema.routines WHERE routine_schema = ?
		UNION ALL SELECT 'events' FROM information_schema.events WHERE event_schema = ?`, schema, schema, schema, schema)
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, kind := range kinds {
		count[kind]++
	}
	return count, nil
}

// transfer pipes a dump of the database into the live server and returns its length in bytes.
func (c *copying) transfer(ctx context.Context) (n int64, err error) {
	dumpFile, removeDump, err := program.OptionFile(c.fromLogin, "")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, removeDump()) }()
	loadFile, removeLoad, err := program.OptionFile(c.toLogin, "")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, removeLoad()) }()
	size, err := texts(ctx, c.from, "SELECT COALESCE(SUM(data_length), 0) FROM information_schema.tables WHERE table_schema = ?", c.schema)
	if err != nil {
		return 0, err
	}
	var total int64
	_, _ = fmt.Sscan(size[0], &total) // an estimate for the progress only
	return c.pipe(ctx, c.dumpCommand(dumpFile), c.loadCommand(loadFile), total)
}

// dumpCommand dumps one database without its name, so that it can go under another. Nothing in the text drops anything.
func (c *copying) dumpCommand(file string) program.Command {
	return program.Command{Path: c.opts.Programs.Mysqldump, Args: []string{
		"--defaults-file=" + file, "--single-transaction", "--set-gtid-purged=OFF", "--routines", "--events", "--triggers",
		"--hex-blob", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--no-tablespaces",
		"--skip-add-drop-table", "--skip-add-locks", "--", c.schema,
	}}
}

func (c *copying) loadCommand(file string) program.Command {
	return program.Command{Path: c.opts.Programs.Mysql, Args: []string{
		"--defaults-file=" + file, "--binary-mode", "--comments", "--max-allowed-packet=1G", "--database=" + c.as,
	}}
}

// pipe runs both programs. The error is that of the one that failed first: the other then only misses its partner.
func (c *copying) pipe(ctx context.Context, dump, load program.Command, total int64) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	from, to := io.Pipe()
	text := &meter{r: from, report: func(done int64) { c.opts.Progress.Report(pitr.StageCopy, done, max(total, done)) }}
	dump.Stdout, load.Stdin = to, text
	dumped := make(chan error, 1)
	go func() {
		err := program.Run(ctx, dump)
		_ = to.CloseWithError(err) // nil: the end
		dumped <- err
	}()
	loadErr := program.Run(ctx, load)
	_ = from.CloseWithError(errLoadEnded)
	if text.err != nil { // the dump broke off, and mysql took what it got for the whole
		return 0, <-dumped
	}
	if loadErr != nil {
		cancel()
		<-dumped
		return 0, loadErr
	}
	return text.n, <-dumped
}

// errLoadEnded is what mysqldump's pipe says when nobody reads it any more.
var errLoadEnded = errors.New("the mysql program ended")

// quoteName quotes an identifier.
func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// texts reads one column; NULL is "".
func texts(ctx context.Context, n *node.Node, query string, args ...any) (out []string, err error) {
	rows, err := n.DB().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, node.Classify(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var text []byte
		if err := rows.Scan(&text); err != nil {
			return nil, node.Classify(err)
		}
		out = append(out, string(text))
	}
	return out, node.Classify(rows.Err())
}
