package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/cmd/lastwrite/config"
	"lastwrite/pitr"
	"lastwrite/pitr/backup"
	"lastwrite/pitr/locate"
	"lastwrite/replica/node"
)

// sourcePatience is how long status waits for the source: it has something to say without it.
const sourcePatience = 5 * time.Second

// statusReport is the JSON document of `lastwrite status`.
type statusReport struct {
	Cluster  string         `json:"cluster"`
	Store    string         `json:"store"`
	At       time.Time      `json:"at"`
	Daemon   *daemonStatus  `json:"daemon"`  // null: none answers in this spool directory
	Archive  *archiveStatus `json:"archive"` // null: there is none yet
	Bases    []pitr.Base    `json:"bases"`
	Windows  []pitr.Window  `json:"windows"` // recovery windows, oldest first
	Source   *sourceStatus  `json:"source"`  // null: not configured
	Warnings []string       `json:"warnings"`
}

// archiveStatus is what the store holds.
type archiveStatus struct {
	Epoch        uint64         `json:"epoch"`
	Holder       string         `json:"holder"` // who claimed the epoch
	HeldSince    time.Time      `json:"held_since,omitzero"`
	Segments     int            `json:"segments"`
	Transactions int64          `json:"transactions"`
	Bytes        int64          `json:"bytes"` // of log
	Stored       int64          `json:"stored_bytes"`
	Server       string         `json:"server,omitempty"` // server_uuid of the last segment's source
	File         string         `json:"file,omitempty"`   // where the archived log ends
	Offset       uint64         `json:"offset,omitempty"`
	Executed     binlog.GTIDSet `json:"gtid_executed"`
	Committed    time.Time      `json:"committed,omitzero"` // of the last archived transaction
	Gaps         []gapStatus    `json:"gaps"`
}

// gapStatus is a place where transactions are missing.
type gapStatus struct {
	After   time.Time      `json:"after"`  // last commit before it
	Before  time.Time      `json:"before"` // first commit behind it
	Missing binlog.GTIDSet `json:"missing"`
	Count   int64          `json:"transactions"`
}

// sourceStatus compares the source with the archive.
type sourceStatus struct {
	Address      string         `json:"address"`
	Reachable    bool           `json:"reachable"`
	Error        string         `json:"error,omitempty"`
	Executed     binlog.GTIDSet `json:"gtid_executed"`
	Lag          binlog.GTIDSet `json:"lag_gtids"`        // executed there and not archived
	Transactions int64          `json:"lag_transactions"` // how many
	Seconds      float64        `json:"lag_seconds"`      // since the last archived commit; 0 when nothing is missing
}

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is archived, what can be restored, and how the daemon is",
		Long: `Shows the state of the archive as the store has it: the recovery windows, gaps, base backups and the end of the log; how far that is
behind the source, if one is configured; and what the daemon says, if one runs on this spool directory. The daemon need not run.

What needs attention is said in words under "warnings". The exit code is 0 whatever the warnings are.`,
		Example: `  lastwrite status
  lastwrite status --json | jq .source.lag_seconds`,
		Args:    noArguments,
		PreRunE: a.begin,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context()) },
	}
	a.addSettings(cmd, config.Source_)
	return cmd
}

func (a *app) status(ctx context.Context) error {
	r := statusReport{Cluster: a.cfg.Cluster, Store: a.cfg.Store, At: a.now().UTC(), Bases: []pitr.Base{}, Windows: []pitr.Window{}, Warnings: []string{}}
	// No daemon is not an error: it may run elsewhere.
	r.Daemon, _ = askDaemon(ctx, a.cfg.Spool.Dir)
	// The source is asked before the archive is read, so that the lag is not what was committed in between.
	a.askSource(ctx, &r)
	if err := a.readStore(ctx, &r); err != nil {
		return err
	}
	r.compare()
	r.warn()
	if a.json {
		return a.printJSON(r)
	}
	return r.print(a.stdout)
}

// askSource asks the source for what it has executed. That it cannot be reached is part of the report.
func (a *app) askSource(ctx context.Context, r *statusReport) {
	cfg, err := a.sourceConfig()
	if errors.Is(err, config.ErrNoSource) {
		return
	}
	r.Source = &sourceStatus{Address: cfg.Endpoint.String()}
	if err == nil {
		r.Source.Executed, err = gtidExecuted(ctx, cfg)
	}
	if err != nil {
		r.Source.Error = oneLine(err.Error())
		return
	}
	r.Source.Reachable = true
}

func gtidExecuted(ctx context.Context, cfg node.Config) (binlog.GTIDSet, error) {
	ctx, cancel := context.WithTimeout(ctx, sourcePatience)
	defer cancel()
	n, err := node.Open(ctx, cfg)
	if err != nil {
		return binlog.GTIDSet{}, err
	}
	defer func() { _ = n.Close() }()
	return n.GTIDExecuted(ctx)
}

// readStore reads archive and base backups.
func (a *app) readStore(ctx context.Context, r *statusReport) (err error) {
	store, closeStore, err := a.openStore(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	bases, err := backup.NewRepository(store, a.cfg.Cluster).List(ctx)
	if err != nil {
		return err
	}
	r.Bases = append(r.Bases, bases...)
	ar, err := archive.Open(ctx, store, a.cfg.Cluster)
	if errors.Is(err, archive.ErrNoArchive) {
		r.Windows = append(r.Windows, pitr.Windows(nil, bases)...)
		return nil
	}
	if err != nil {
		return err
	}
	r.Windows = append(r.Windows, pitr.Windows(locate.Stretches(ar), bases)...)
	r.Archive = describeArchive(ar)
	holder, err := archive.LastClaim(ctx, store, a.cfg.Cluster)
	r.Archive.Holder, r.Archive.HeldSince = holder.Holder, utc(holder.At)
	return err
}

func describeArchive(ar *archive.Archive) *archiveStatus {
	s := &archiveStatus{Gaps: []gapStatus{}}
	s.Epoch, _ = ar.Epoch()
	for _, e := range ar.Entries() {
		s.Segments++
		s.Transactions += e.Summary.Transactions
		s.Bytes += e.Summary.RawBytes
		s.Stored += e.Summary.StoredBytes
		if e.Summary.MaxCommitted.After(s.Committed) {
			s.Committed = e.Summary.MaxCommitted.UTC()
		}
	}
	tail := ar.Tail()
	s.Server, s.File, s.Offset, s.Executed = tail.Server, tail.File, tail.Offset, tail.Executed
	stretches := ar.Stretches()
	for i := 1; i < len(stretches); i++ {
		missing := stretches[i].Before.Subtract(stretches[i-1].Executed)
		s.Gaps = append(s.Gaps, gapStatus{After: stretches[i-1].To.UTC(), Before: stretches[i].From.UTC(), Missing: missing, Count: missing.Count()})
	}
	return s
}

// compare computes how far the archive is behind the source.
func (r *statusReport) compare() {
	if r.Source == nil || !r.Source.Reachable {
		return
	}
	var archived binlog.GTIDSet
	var last time.Time
	if r.Archive != nil {
		archived, last = r.Archive.Executed, r.Archive.Committed
	}
	r.Source.Lag = r.Source.Executed.Subtract(archived)
	r.Source.Transactions = r.Source.Lag.Count()
	if r.Source.Transactions > 0 && !last.IsZero() {
		r.Source.Seconds = max(0, r.At.Sub(last).Seconds())
	}
}

// lagWorthSaying is how far the archive may be behind without a warning.
const lagWorthSaying = 30 * time.Second

// warn says in words what needs attention.
func (r *statusReport) warn() {
	say := func(format string, args ...any) { r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...)) }
	if r.Daemon == nil {
		say("no daemon answers in this spool directory: unless `lastwrite run` runs elsewhere, nothing is being archived")
	} else {
		r.Daemon.warn(r.At, say)
	}
	switch s := r.Source; {
	case s == nil:
	case !s.Reachable:
		say("the source does not answer: %s", s.Error)
	case s.Transactions > 0 && s.Seconds > lagWorthSaying.Seconds():
		say("%s of the source are not archived; the last archived one was committed %s ago",
			count(s.Transactions, "transaction"), span(time.Duration(s.Seconds*float64(time.Second))))
	}
	switch {
	case r.Archive == nil:
		say("nothing is archived of cluster %s", r.Cluster)
	default:
		for _, g := range r.Archive.Gaps {
			say("%s between %s and %s are missing: moments in this gap cannot be restored (%s)", count(g.Count, "transaction"), when(g.After), when(g.Before), shortSet(g.Missing))
		}
	}
	r.warnOfBases(say)
}

// warnOfBases says where no base, or no base that the log continues, makes the log worth less.
func (r *statusReport) warnOfBases(say func(string, ...any)) {
	if len(r.Bases) == 0 {
		say("there is no base backup, so nothing can be restored: take one with `lastwrite backup take`")
		return
	}
	if r.Archive == nil || len(r.Windows) == 0 {
		return
	}
	if last := r.Windows[len(r.Windows)-1]; !last.Last.Contains(r.Archive.Executed) {
		say("no base backup leads to the end of the log: the latest moment that can be restored is %s; take a new base with `lastwrite backup take`", when(last.To))
	}
}

// warn says what needs attention in the daemon.
func (d *daemonStatus) warn(at time.Time, say func(string, ...any)) {
	if d.Stream.Phase != "streaming" && at.Sub(d.Stream.Since) > lagWorthSaying/10 {
		text := fmt.Sprintf("the daemon is not streaming but %s since %s", d.Stream.Phase, when(d.Stream.Since))
		if d.Stream.LastFault != "" {
			text += ": " + d.Stream.LastFault
		}
		say("%s", text)
	}
	if d.Spool.Failing != "" {
		say("the daemon cannot store: %s", d.Spool.Failing)
	}
	if d.Spool.Bytes > d.Spool.Max/2 {
		say("the spool holds %s of at most %s; when it is full, the source has to wait", pitr.FormatBytes(d.Spool.Bytes), pitr.FormatBytes(d.Spool.Max))
	}
	for _, f := range d.Stream.Findings {
		if f.Severity != string(node.Advice) {
			say("source: %s %s; %s", f.Setting, f.Problem, f.Remedy)
		}
	}
}
