package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lastwrite/binlog"
	"lastwrite/pitr"
)

// MarkerName is the file that is written last into a restored data directory. It holds a Proof.
const MarkerName = "lastwrite-restore.json"

// Proof says what was restored, and what showed that it was.
type Proof struct {
	Target       pitr.Target    `json:"target"`
	Base         string         `json:"base"`          // id
	Executed     binlog.GTIDSet `json:"gtid_executed"` // as the server said; equals what was planned
	Skipped      binlog.GTIDSet `json:"skipped"`
	Transactions int64          `json:"transactions"` // applied to the base
	Mysqld       string         `json:"mysqld"`       // version that applied them
	Began        time.Time      `json:"began"`
	Proved       time.Time      `json:"proved"`
	Finished     time.Time      `json:"finished,omitzero"` // when the data directory was complete
	Notes        []string       `json:"notes,omitempty"`
}

// prove compares gtid_executed with the plan and looks for what a person should know. No replication error can have gone unseen: a
// thread that had one stops, and then the set is not complete.
func (r *run) prove(ctx context.Context) error {
	held, err := r.executed(ctx)
	if err != nil {
		return err
	}
	if err := sameSet("the restored server", held, r.plan.Expect); err != nil {
		return err
	}
	notes, err := r.notes(ctx)
	if err != nil {
		return r.broken(err)
	}
	r.proof = Proof{
		Target: r.plan.Target, Base: r.plan.Base.ID, Executed: held, Skipped: r.plan.Skip, Transactions: r.plan.Transactions,
		Mysqld: r.proof.Mysqld, Began: r.began.UTC(), Proved: r.Now().UTC(), Notes: notes,
	}
	return nil
}

// notes are what the restored data needs attention for.
func (r *run) notes(ctx context.Context) ([]string, error) {
	notes := append([]string{}, r.plan.Base.Warnings...)
	// The state is called REPLICA_SIDE_DISABLED from 8.4 on, SLAVESIDE_DISABLED before.
	events, err := r.column(ctx, `SELECT CONCAT(event_schema, '.', event_name) FROM information_schema.events WHERE status LIKE '%SIDE\_DISABLED' ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		notes = append(notes, "events that replication left disabled, enable them with ALTER EVENT … ENABLE where they should run: "+strings.Join(events, ", "))
	}
	prepared, err := r.prepared(ctx)
	if err != nil {
		return nil, err
	}
	if prepared > 0 {
		notes = append(notes, fmt.Sprintf("%d XA transactions were prepared and neither committed nor rolled back before the target: see XA RECOVER", prepared))
	}
	var zone string
	if err := r.server.DB().QueryRowContext(ctx, "SELECT @@GLOBAL.system_time_zone").Scan(&zone); err != nil {
		return nil, err
	}
	if theirs := r.plan.Base.Server.Settings["system_time_zone"]; theirs != "" && theirs != zone && r.plan.Base.Server.Settings["time_zone"] == "SYSTEM" {
		notes = append(notes, fmt.Sprintf("the original server's time zone was its system's, %s; here it is %s: DDL that converted times may have come out differently", theirs, zone))
	}
	return notes, nil
}

// prepared counts the prepared XA transactions.
func (r *run) prepared(ctx context.Context) (n int, err error) {
	rows, err := r.server.DB().QueryContext(ctx, "XA RECOVER")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// column reads one column of text.
func (r *run) column(ctx context.Context, query string) (out []string, err error) {
	rows, err := r.server.DB().QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, rows.Err()
}

// write puts the proof beside the data, after everything before it is on disk.
func (p Proof) write(dir string) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("write the marker: %w", err)
	}
	if err := flush(dir); err != nil {
		return fmt.Errorf("flush %s: %w", dir, err)
	}
	path := filepath.Join(dir, MarkerName)
	temporary := path + ".tmp"
	if err := writeDurably(temporary, append(text, '\n')); err != nil {
		return fmt.Errorf("write the marker: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("write the marker: %w", err)
	}
	return syncDir(dir)
}

func writeDurably(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadProof reads the marker of a restored data directory. os.ErrNotExist: the directory was not restored, or not completely.
func ReadProof(dir string) (Proof, error) {
	text, err := os.ReadFile(filepath.Join(dir, MarkerName))
	if err != nil {
		return Proof{}, fmt.Errorf("read the marker: %w", err)
	}
	var p Proof
	if err := json.Unmarshal(text, &p); err != nil {
		return Proof{}, fmt.Errorf("read the marker: %w", err)
	}
	return p, nil
}
