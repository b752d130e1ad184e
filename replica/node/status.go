package node

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"lastwrite/binlog"
	"lastwrite/replica"
)

func lower(s string) string { return strings.ToLower(s) }

// Log is one binary log file of a server.
type Log struct {
	Name      string
	Size      uint64 // bytes
	Encrypted bool
}

// BinaryLogs lists the server's log files, oldest first. It needs REPLICATION CLIENT.
func (n *Node) BinaryLogs(ctx context.Context) ([]Log, error) {
	rows, err := n.query(ctx, "SHOW BINARY LOGS")
	if err != nil {
		return nil, err
	}
	logs := make([]Log, len(rows))
	for i, r := range rows {
		size, err := strconv.ParseUint(r["file_size"], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read the list of binary logs: %w", err)
		}
		logs[i] = Log{Name: r["log_name"], Size: size, Encrypted: r["encrypted"] == "Yes"}
	}
	return logs, nil
}

// LogPosition returns where the server's log ends; a zero position when it writes none.
func (n *Node) LogPosition(ctx context.Context) (binlog.Position, error) {
	rows, err := n.query(ctx, n.dialect.LogStatus())
	if err != nil || len(rows) == 0 {
		return binlog.Position{}, err
	}
	return position(rows[0], "file", "position")
}

// GTIDExecuted returns every transaction the server has executed.
func (n *Node) GTIDExecuted(ctx context.Context) (binlog.GTIDSet, error) {
	return n.gtidSet(ctx, "SELECT @@GLOBAL.gtid_executed")
}

// GTIDPurged returns the executed transactions that are not in the server's log files any more.
func (n *Node) GTIDPurged(ctx context.Context) (binlog.GTIDSet, error) {
	return n.gtidSet(ctx, "SELECT @@GLOBAL.gtid_purged")
}

func (n *Node) gtidSet(ctx context.Context, query string) (binlog.GTIDSet, error) {
	text, err := n.value(ctx, query)
	if err != nil {
		return binlog.GTIDSet{}, err
	}
	return binlog.ParseGTIDSet(text)
}

// Replicas lists who has registered with the server as a replica and is still connected. It needs REPLICATION SLAVE.
func (n *Node) Replicas(ctx context.Context) ([]replica.Connected, error) {
	rows, err := n.query(ctx, "SHOW REPLICAS")
	if err != nil {
		return nil, err
	}
	out := make([]replica.Connected, len(rows))
	for i, r := range rows {
		id, err := strconv.ParseUint(r["server_id"], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read the list of replicas: %w", err)
		}
		port, _ := strconv.Atoi(r["port"])
		out[i] = replica.Connected{ServerID: uint32(id), Host: r["host"], Port: port, UUID: r["replica_uuid"]}
	}
	return out, nil
}

// ReplicaStatus returns the server's channels as a replica; none when it is not one. It needs REPLICATION CLIENT.
func (n *Node) ReplicaStatus(ctx context.Context) ([]replica.Status, error) {
	rows, err := n.query(ctx, "SHOW REPLICA STATUS")
	if err != nil {
		return nil, err
	}
	out := make([]replica.Status, len(rows))
	for i, r := range rows {
		if out[i], err = replicaStatus(r); err != nil {
			return nil, fmt.Errorf("read replica status: %w", err)
		}
	}
	return out, nil
}

func replicaStatus(r row) (s replica.Status, err error) {
	s = replica.Status{
		Channel:      r["channel_name"],
		SourceHost:   r["source_host"],
		SourceUUID:   r["source_uuid"],
		Receiver:     thread(r, "replica_io_running", "last_io"),
		Applier:      thread(r, "replica_sql_running", "last_sql"),
		AutoPosition: r["auto_position"] == "1",
	}
	s.SourcePort, _ = strconv.Atoi(r["source_port"])
	if behind, ok := r["seconds_behind_source"]; ok {
		seconds, err := strconv.ParseInt(behind, 10, 64)
		if err != nil {
			return s, err
		}
		d := time.Duration(seconds) * time.Second
		s.Behind = &d
	}
	if s.Received, err = position(r, "source_log_file", "read_source_log_pos"); err != nil {
		return s, err
	}
	if s.Applied, err = position(r, "relay_source_log_file", "exec_source_log_pos"); err != nil {
		return s, err
	}
	if s.Retrieved, err = binlog.ParseGTIDSet(r["retrieved_gtid_set"]); err != nil {
		return s, err
	}
	s.Executed, err = binlog.ParseGTIDSet(r["executed_gtid_set"])
	return s, err
}

func thread(r row, running, last string) replica.Thread {
	number, _ := strconv.Atoi(r[last+"_errno"])
	return replica.Thread{State: r[running], Error: replica.Fault{Number: number, Text: r[last+"_error"]}}
}

func position(r row, file, offset string) (binlog.Position, error) {
	at, err := strconv.ParseUint(r[offset], 10, 64)
	if err != nil {
		return binlog.Position{}, fmt.Errorf("column %s: %w", offset, err)
	}
	return binlog.Position{File: r[file], Offset: at}, nil
}

// GTIDOwned returns the transactions that are being committed: they may be in the log, and with replicas, already, but
// count as executed only later. Asked before GTIDExecuted, both together miss nothing that was in the log before.
func (n *Node) GTIDOwned(ctx context.Context) (binlog.GTIDSet, error) {
	text, err := n.value(ctx, "SELECT @@GLOBAL.gtid_owned")
	if err != nil {
		return binlog.GTIDSet{}, err
	}
	return parseOwned(text)
}

var owner = regexp.MustCompile(`#\d+`)

// parseOwned reads a GTID set in which each number may be followed by the threads that own it.
func parseOwned(text string) (binlog.GTIDSet, error) {
	return binlog.ParseGTIDSet(owner.ReplaceAllString(text, ""))
}

// Encrypted tells whether connections to the server are protected by TLS.
func (n *Node) Encrypted(ctx context.Context) (bool, error) {
	rows, err := n.query(ctx, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")
	if err != nil || len(rows) == 0 {
		return false, err
	}
	return rows[0]["value"] != "", nil
}
