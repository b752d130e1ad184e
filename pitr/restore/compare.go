package restore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"lastwrite/pitr"
	"lastwrite/replica/node"
)

// Table compares one table of the restored database with its copy.
type Table struct {
	Name         string `json:"name"`
	Rows         int64  `json:"rows"`
	LiveRows     int64  `json:"live_rows"`
	Checksum     int64  `json:"checksum"` // of CHECKSUM TABLE
	LiveChecksum int64  `json:"live_checksum"`
}

// Same tells whether both are the same as far as rows and checksum tell.
func (t Table) Same() bool { return t.Rows == t.LiveRows && t.Checksum == t.LiveChecksum }

// compare counts and sums every table on both sides. A copy that is already being written to differs: that is reported, not undone.
func (c *copying) compare(ctx context.Context, report *CopyReport) error {
	names, err := texts(ctx, c.from, "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY 1", c.schema)
	if err != nil {
		return err
	}
	var differing []string
	for i, name := range names {
		c.opts.Progress.Report(pitr.StageCompare, int64(i), int64(len(names)))
		t := Table{Name: name}
		if t.Rows, t.Checksum, err = measure(ctx, c.from, c.schema, name); err != nil {
			return fmt.Errorf("measure %s.%s: %w", c.schema, name, err)
		}
		if t.LiveRows, t.LiveChecksum, err = measure(ctx, c.to, c.as, name); err != nil {
			return fmt.Errorf("measure the copy of %s.%s: %w", c.schema, name, err)
		}
		if !t.Same() {
			differing = append(differing, fmt.Sprintf("%s (%d rows, %d in the copy)", name, t.Rows, t.LiveRows))
		}
		report.Tables = append(report.Tables, t)
	}
	c.opts.Progress.Report(pitr.StageCompare, int64(len(names)), int64(len(names)))
	if report.Objects, err = c.compareObjects(ctx, &differing); err != nil {
		return err
	}
	if report.Notes, err = c.notes(ctx); err != nil {
		return err
	}
	if len(differing) > 0 {
		return fmt.Errorf("%w: %s", ErrDiffers, strings.Join(differing, ", "))
	}
	return nil
}

// measure counts a table's rows and has the server compute its checksum, in one snapshot.
func measure(ctx context.Context, n *node.Node, schema, table string) (rows, checksum int64, err error) {
	tx, err := n.DB().BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return 0, 0, node.Classify(err)
	}
	defer func() { _ = tx.Rollback() }()
	name := quoteName(schema) + "." + quoteName(table)
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+name).Scan(&rows); err != nil {
		return 0, 0, node.Classify(err)
	}
	var ignored string
	var sum sql.NullInt64 // NULL: the table is gone
	if err := tx.QueryRowContext(ctx, "CHECKSUM TABLE "+name).Scan(&ignored, &sum); err != nil {
		return 0, 0, node.Classify(err)
	}
	return rows, sum.Int64, nil
}

// compareObjects compares the numbers of views, triggers, routines and events.
func (c *copying) compareObjects(ctx context.Context, differing *[]string) (map[string]int, error) {
	want, err := c.objects(ctx, c.from, c.schema)
	if err != nil {
		return nil, err
	}
	have, err := c.objects(ctx, c.to, c.as)
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{"tables", "views", "triggers", "routines", "events"} {
		if want[kind] != have[kind] {
			*differing = append(*differing, fmt.Sprintf("%s (%d, %d in the copy)", kind, want[kind], have[kind]))
		}
	}
	delete(have, "tables") // listed one by one
	return have, nil
}

// notes are what in the copy needs attention.
func (c *copying) notes(ctx context.Context) ([]string, error) {
	var notes []string
	events, err := texts(ctx, c.to, `SELECT event_name FROM information_schema.events WHERE event_schema = ? AND status LIKE '%SIDE\_DISABLED' ORDER BY 1`, c.as)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		notes = append(notes, "these events are disabled, because they came by replication; enable them with ALTER EVENT … ENABLE: "+strings.Join(events, ", "))
	}
	if c.as == c.schema {
		return notes, nil
	}
	named, err := texts(ctx, c.to, `SELECT name FROM (
			SELECT routine_name name, routine_definition text FROM information_schema.routines WHERE routine_schema = ?
			UNION ALL SELECT trigger_name, action_statement FROM information_schema.triggers WHERE trigger_schema = ?
			UNION ALL SELECT event_name, event_definition FROM information_schema.events WHERE event_schema = ?) code
		WHERE LOCATE(CONCAT(?, '.'), REPLACE(text, CHAR(96), '')) > 0 ORDER BY 1`, c.as, c.as, c.as, c.schema)
	if err != nil {
		return nil, err
	}
	if len(named) > 0 {
		notes = append(notes, fmt.Sprintf("these routines, triggers or events name %s in their code, and still mean that database: %s", c.schema, strings.Join(named, ", ")))
	}
	return notes, nil
}
