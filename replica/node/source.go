package node

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Severity says how bad a Finding is.
type Severity string

// The severities, worst first.
const (
	Refusal Severity = "refusal" // lastwrite cannot do its work with this server as it is
	Warning Severity = "warning" // something is at risk
	Advice  Severity = "advice"  // something would be better
)

// Finding is one thing about a server's settings that stands in the way of a complete, useful archive.
type Finding struct {
	Severity Severity
	Setting  string // the server variable it is about
	Problem  string // what is, and what follows from it
	Remedy   string // what to do
}

// String writes the finding in one line.
func (f Finding) String() string { return fmt.Sprintf("%s: %s; %s", f.Setting, f.Problem, f.Remedy) }

// minExpire is the shortest time to keep logs that goes without a warning: an outage over a night should not leave a gap.
const minExpire = 24 * time.Hour

// variables are a server's global variables by lower-case name; those that its version does not know are absent.
type variables map[string]string

// rule finds at most one thing.
type rule struct {
	variable string
	want     string // what is fine; absent variables are fine too
	severity Severity
	problem  string
	remedy   string
}

// rules are checked in order. Dependent remedies stand with the first.
func rules() []rule {
	return []rule{
		{"log_bin", "ON", Refusal, "the server writes no binary log, so there is nothing to archive",
			"start it with log_bin set and without skip_log_bin"},
		{"binlog_format", "ROW", Refusal, "the log holds statements instead of rows, so replaying it need not give the same data",
			"SET PERSIST binlog_format = ROW, then reconnect all clients"},
		{"gtid_mode", "ON", Refusal, "transactions have no global identifiers, so that gaps and duplicates cannot be told",
			"set enforce_gtid_consistency = ON, then step gtid_mode through OFF_PERMISSIVE and ON_PERMISSIVE to ON (MySQL manual, \"Enabling GTID Transactions Online\")"},
		{"enforce_gtid_consistency", "ON", Refusal, "statements that break GTIDs are let through",
			"SET PERSIST enforce_gtid_consistency = ON"},
		{"binlog_checksum", "CRC32", Warning, "events carry no checksum, so that damage between the server's disk and the archive cannot be told",
			"SET PERSIST binlog_checksum = CRC32"},
		{"sync_binlog", "1", Warning, "commits are confirmed before the log is on disk, so that after a crash of its host the server may lack what the archive has",
			"SET PERSIST sync_binlog = 1"},
		{"binlog_row_image", "FULL", Warning, "the log lacks the columns that a statement did not touch, so that changes cannot be reversed",
			"SET PERSIST binlog_row_image = FULL"},
		{"binlog_row_metadata", "FULL", Advice, "the log holds no column names",
			"SET PERSIST binlog_row_metadata = FULL"},
		{"binlog_rows_query_log_events", "ON", Advice, "the log does not hold the text of statements that change rows, so that it cannot be searched by text",
			"SET PERSIST binlog_rows_query_log_events = ON"},
	}
}

// CheckSource looks at the settings that a source needs, and at those that one should have. An empty
// result means that all is well.
func (n *Node) CheckSource(ctx context.Context) ([]Finding, error) {
	vars, err := n.variables(ctx)
	if err != nil {
		return nil, err
	}
	findings := checkVariables(vars)
	if vars["log_bin"] != "ON" {
		return findings, nil
	}
	status, err := n.query(ctx, n.dialect.LogStatus())
	if err != nil {
		return nil, err
	}
	if len(status) > 0 {
		findings = append(findings, checkFilters(status[0])...)
	}
	return findings, nil
}

func (n *Node) variables(ctx context.Context) (variables, error) {
	names := []string{quote("binlog_expire_logs_seconds"), quote("binlog_expire_logs_auto_purge")}
	for _, r := range rules() {
		names = append(names, quote(r.variable))
	}
	rows, err := n.query(ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ("+strings.Join(names, ", ")+")")
	if err != nil {
		return nil, err
	}
	vars := variables{}
	for _, r := range rows {
		vars[lower(r["variable_name"])] = r["value"]
	}
	return vars, nil
}

func checkVariables(vars variables) []Finding {
	var out []Finding
	for _, r := range rules() {
		if value, ok := vars[r.variable]; ok && !strings.EqualFold(value, r.want) {
			out = append(out, Finding{r.severity, r.variable, fmt.Sprintf("is %s: %s", value, r.problem), r.remedy})
		}
	}
	if seconds, err := strconv.ParseInt(vars["binlog_expire_logs_seconds"], 10, 64); err == nil && seconds > 0 &&
		!strings.EqualFold(vars["binlog_expire_logs_auto_purge"], "OFF") && time.Duration(seconds)*time.Second < minExpire {
		out = append(out, Finding{Warning, "binlog_expire_logs_seconds",
			fmt.Sprintf("logs are purged after %s: an outage of that length leaves a gap in the archive", time.Duration(seconds)*time.Second),
			fmt.Sprintf("set it to more than the longest outage to be survived, at least %d", int(minExpire.Seconds()))})
	}
	return out
}

// checkFilters looks at what the server leaves out of its log, which it tells only with its position.
func checkFilters(status row) []Finding {
	var out []Finding
	for _, option := range []string{"binlog_do_db", "binlog_ignore_db"} {
		if value := status[option]; value != "" {
			out = append(out, Finding{Warning, option,
				fmt.Sprintf("is %s: some databases are left out of the log and cannot be restored", value),
				"remove the option from the server's configuration and restart it"})
		}
	}
	return out
}
