package node

import (
	"context"
	"fmt"
	"strconv"

	"lastwrite/binlog"
	"lastwrite/replica"
)

// CloneStatus is the state of the running or last CLONE of a server (performance_schema.clone_status and clone_progress).
type CloneStatus struct {
	State    string          // Not Started, In Progress, Completed or Failed
	Fault    replica.Fault   // why it failed
	Position binlog.Position // of the source, that the copy corresponds to; once completed, and for a remote clone only
	Executed binlog.GTIDSet  // likewise

	Stage    string // at work now; empty: none
	Done     uint64 // bytes, over all stages
	Estimate uint64 // bytes, over all stages begun
}

// CloneStatus returns the state of the running or last clone operation; the zero value where there
// was none. It needs SELECT on performance_schema.
func (n *Node) CloneStatus(ctx context.Context) (CloneStatus, error) {
	rows, err := n.query(ctx, "SELECT state, error_no, error_message, binlog_file, binlog_position, gtid_executed FROM performance_schema.clone_status")
	if err != nil || len(rows) == 0 {
		return CloneStatus{}, err
	}
	r := rows[0]
	s := CloneStatus{State: r["state"], Fault: replica.Fault{Text: r["error_message"]}}
	s.Fault.Number, _ = strconv.Atoi(r["error_no"])
	s.Position.File = r["binlog_file"]
	s.Position.Offset, _ = strconv.ParseUint(r["binlog_position"], 10, 64)
	if s.Executed, err = binlog.ParseGTIDSet(r["gtid_executed"]); err != nil {
		return CloneStatus{}, fmt.Errorf("read clone status: %w", err)
	}
	stages, err := n.query(ctx, "SELECT stage, state, data, estimate FROM performance_schema.clone_progress ORDER BY begin_time IS NULL, begin_time")
	if err != nil {
		return CloneStatus{}, err
	}
	for _, stage := range stages {
		if stage["state"] == "In Progress" {
			s.Stage = stage["stage"]
		}
		done, _ := strconv.ParseUint(stage["data"], 10, 64)
		estimate, _ := strconv.ParseUint(stage["estimate"], 10, 64)
		s.Done, s.Estimate = s.Done+done, s.Estimate+estimate
	}
	return s, nil
}
