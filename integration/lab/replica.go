package lab

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// errDiscard makes database/sql drop a connection instead of giving it back to its pool.
var errDiscard = driver.ErrBadConn

// Replica starts a server that follows source by GTID auto-position, read-only as a replica should be (super_read_only), and
// returns when both its threads run. What source has executed so far arrives from its binary logs.
func (l *Lab) Replica(ctx context.Context, source *Server, opts Options) (*Server, error) {
	opts.replica = true
	replica, err := l.MySQL(ctx, opts)
	if err != nil {
		return nil, err
	}
	if err := replica.Follow(ctx, source); err != nil {
		return nil, err
	}
	return replica, nil
}

// Follow points the server at a source (again) by auto-position and returns when both threads run. Over TLS if
// the source was given a certificate, else with its public key for the password exchange.
func (s *Server) Follow(ctx context.Context, source *Server) error {
	secure := "GET_SOURCE_PUBLIC_KEY = 1"
	if source.TLS != nil {
		secure = "SOURCE_SSL = 1, SOURCE_SSL_VERIFY_SERVER_CERT = 1, SOURCE_SSL_CA = " + quote(source.TLS.CA)
	}
	change := fmt.Sprintf("CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = %d, SOURCE_USER = %s, "+
		"SOURCE_PASSWORD = %s, SOURCE_AUTO_POSITION = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_HEARTBEAT_PERIOD = 1, %s",
		quote(source.Host), source.Port, quote(ReplicationUser), quote(Password), secure)
	if err := s.Exec(ctx, "STOP REPLICA", change, "START REPLICA"); err != nil {
		return fmt.Errorf("follow %s: %w", source.Name, err)
	}
	if err := s.waitReplicating(ctx); err != nil {
		return fmt.Errorf("follow %s: %w", source.Name, err)
	}
	return nil
}

// waitReplicating returns when the receiver and the applier run, or with the error that keeps them from it.
func (s *Server) waitReplicating(ctx context.Context) error {
	ctx, cancel := withDefaultDeadline(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(replicaPoll)
	defer ticker.Stop()
	for {
		running, err := s.Value(ctx, `SELECT c.service_state = 'ON' AND a.service_state = 'ON'
			FROM performance_schema.replication_connection_status c
			JOIN performance_schema.replication_applier_status a USING (channel_name)`)
		if err != nil {
			return fmt.Errorf("wait for the replica's threads: %w", errors.Join(err, s.replicationError()))
		}
		if running == "1" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the replica's threads: %w", errors.Join(ctx.Err(), s.replicationError()))
		case <-ticker.C:
		}
	}
}

// replicationError is what the replica's threads complain about, or nil.
func (s *Server) replicationError() error {
	// Asked when the caller's context may be over: so with a deadline of its own.
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	text, err := s.Value(ctx, `SELECT CONCAT_WS('; ',
		(SELECT MAX(last_error_message) FROM performance_schema.replication_connection_status WHERE last_error_number <> 0),
		(SELECT MAX(last_error_message) FROM performance_schema.replication_applier_status_by_worker WHERE last_error_number <> 0))`)
	if err != nil || text == "" {
		return nil
	}
	return errors.New("replication: " + text)
}
