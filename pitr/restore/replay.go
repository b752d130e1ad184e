package restore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"lastwrite/binlog"
	"lastwrite/binlog/server"
	"lastwrite/pitr"
	"lastwrite/replica"
	"lastwrite/replica/node"
)

const (
	replayPoll = 100 * time.Millisecond
	// servedID is the replication id of the served log; any but the scratch server's own will do.
	servedID = 1<<32 - 2
	// connectRetry and connectRetries say how long the replica tries to come back to us: we are on loopback and do not go away.
	connectRetry   = time.Second
	connectRetries = 10
	// groupChannels begins the names of Group Replication's own channels.
	groupChannels = "group_replication_"
)

// ReplayError says which transaction could not be applied, and why.
type ReplayError struct {
	GTID   string // empty where the server does not say
	Number int    // MySQL's error number
	Text   string
}

// Error names the transaction, the number and the server's words, on one line.
func (e *ReplayError) Error() string {
	what := "replication"
	if e.GTID != "" {
		what = "transaction " + e.GTID
	}
	return fmt.Sprintf("apply the log: %s failed with error %d: %s", what, e.Number, strings.Join(strings.Fields(e.Text), " "))
}

// replay has the scratch server apply the plan's transactions, if there are any, and forget about replication.
func (r *run) replay(ctx context.Context) error {
	n, err := node.Open(ctx, r.server.Login())
	if err != nil {
		return r.broken(err)
	}
	defer func() { _ = n.Close() }()
	// A base taken from a replica would go on replicating from its source.
	if err := r.forget(ctx, n); err != nil {
		return err
	}
	if r.plan.Apply.IsEmpty() {
		return nil
	}
	listener, err := net.Listen(replica.TCP, "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve the log: %w", err)
	}
	config := server.Config{
		ServerUUID: uuid.NewString(), ServerID: servedID, ServerVersion: r.plan.Base.Server.Version,
		User: "lastwrite", Password: rand.Text(),
	}
	source, err := server.New(config, r.Logger)
	if err != nil {
		return errors.Join(fmt.Errorf("serve the log: %w", err), listener.Close())
	}
	group, ctx := errgroup.WithContext(ctx)
	ctx, done := context.WithCancel(ctx)
	group.Go(func() error { return source.Serve(ctx, listener, r.Log(r.plan.Apply, r.plan.Base.Executed)) })
	group.Go(func() error {
		defer done()
		if err := r.follow(ctx, n, listener.Addr().(*net.TCPAddr).Port, config); err != nil {
			return r.broken(err)
		}
		return r.forget(ctx, n)
	})
	return group.Wait()
}

// follow points the server at the served log and returns when it has executed all that is expected.
func (r *run) follow(ctx context.Context, n *node.Node, port int, config server.Config) error {
	d := n.Dialect()
	for _, statement := range []string{
		d.ChangeSource(node.SourceSettings{
			Host: "127.0.0.1", Port: port, User: config.User, Password: config.Password, PublicKey: true,
			ConnectRetry: connectRetry, Retries: connectRetries,
		}),
		d.StartReplica(""),
	} {
		if err := n.Exec(ctx, statement); err != nil {
			return fmt.Errorf("start replication: %w", err)
		}
	}
	ticker := time.NewTicker(replayPoll)
	defer ticker.Stop()
	for {
		done, err := r.look(ctx, n)
		if err != nil || done {
			return err
		}
		select {
		case <-ticker.C:
		case <-r.server.Done():
			return r.server.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// look reports how far the server is. It returns true when it has executed all that is expected, and an error
// when it will not go on.
func (r *run) look(ctx context.Context, n *node.Node) (bool, error) {
	held, err := r.executed(ctx)
	if err != nil {
		return false, err
	}
	r.opts.Progress.Report(pitr.StageReplay, held.Intersect(r.plan.Apply).Count(), r.plan.Transactions)
	if held.Contains(r.plan.Expect) {
		return true, nil
	}
	channels, err := n.ReplicaStatus(ctx)
	if err != nil {
		return false, err
	}
	for _, c := range channels {
		if c.Applier.Error.Number != 0 {
			return false, r.applierError(ctx, c.Applier.Error)
		}
		if !c.Receiver.Running() && c.Receiver.State == "No" && c.Receiver.Error.Number != 0 {
			return false, &ReplayError{Number: c.Receiver.Error.Number, Text: c.Receiver.Error.Text}
		}
		if c.Applier.State == "No" || c.Receiver.State == "No" {
			return false, &ReplayError{Text: "replication stopped without an error"}
		}
	}
	return false, nil
}

// applierError asks which transaction failed; the status only says that one did.
func (r *run) applierError(ctx context.Context, status replica.Fault) error {
	failed := &ReplayError{Number: status.Number, Text: status.Text}
	var gtid, text sql.NullString
	err := r.server.DB().QueryRowContext(ctx, `SELECT applying_transaction, last_error_number, last_error_message
		FROM performance_schema.replication_applier_status_by_worker WHERE last_error_number <> 0
		ORDER BY last_error_timestamp LIMIT 1`).Scan(&gtid, &failed.Number, &text)
	if err != nil {
		return failed
	}
	failed.GTID = gtid.String
	if _, err := binlog.ParseGTID(failed.GTID); err != nil {
		failed.GTID = ""
	}
	failed.Text = text.String
	return failed
}

// forget stops replication and removes every trace of it: a restored server must not follow anybody on its own.
func (r *run) forget(ctx context.Context, n *node.Node) error {
	channels, err := n.ReplicaStatus(ctx)
	if err != nil {
		return r.broken(err)
	}
	for _, c := range channels {
		if strings.HasPrefix(c.Channel, groupChannels) {
			continue // follows nobody by itself, and may not be reset
		}
		for _, statement := range []string{n.Dialect().StopReplica(c.Channel), n.Dialect().ResetReplicaAll(c.Channel)} {
			if err := n.Exec(ctx, statement); err != nil {
				return r.broken(fmt.Errorf("forget replication: %w", err))
			}
		}
	}
	return nil
}
