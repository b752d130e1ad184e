package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/binlog/statement"
	"lastwrite/pitr"
	"lastwrite/pitr/restore"
)

func updateGolden() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

var _ = flag.Bool("update", false, "write the golden files anew")

// samples are the JSON documents of all commands, with every member filled.
func samples(t *testing.T) map[string]any {
	sid := binlog.SID{UUID: uuid.MustParse("3e11fa47-71ca-11e1-9e33-c80aa9429562")}
	gtid := func(n int64) binlog.GTID { return binlog.GTID{SID: sid, N: n} }
	set := func(text string) binlog.GTIDSet {
		s, err := binlog.ParseGTIDSet(text)
		require.NoError(t, err)
		return s
	}
	at := func(second int) time.Time { return time.Date(2026, 11, 21, 14, 3, second, 250000, time.UTC) }
	held, all := set(sid.String()+":1-100"), set(sid.String()+":1-142")
	base := pitr.Base{
		ID: "20261121T140300Z-ab2c", Method: pitr.MethodClone,
		Server:   pitr.Server{UUID: sid.String(), Version: "9.7.4", Settings: map[string]string{"lower_case_table_names": "0"}},
		Executed: held, Started: at(0), Taken: at(1), Finished: at(2), Bytes: 180000000, Stored: 1500000, Warnings: []string{"a warning"},
	}
	last, next := &pitr.Point{GTID: gtid(142), Committed: at(10), Text: "insert in shop.orders"}, &pitr.Point{GTID: gtid(143), Committed: at(11), Text: "DROP DATABASE shop"}
	plan := pitr.Plan{
		Target: pitr.Before("DROP DATABASE shop"), Base: base, Cut: pitr.Cut{Executed: all, Last: last, Next: next, Notes: []string{"a note"}},
		Skip: set(sid.String() + ":120"), Apply: set(sid.String() + ":101-119:121-142"), Expect: set(sid.String() + ":1-119:121-142"), Transactions: 41, Bytes: 12300,
	}
	daemon := &daemonStatus{
		PID: 4711, Version: "v0.1.0", Started: at(0), Cluster: "main", Epoch: 3,
		Stream: streamStatus{
			Phase: "streaming", Since: at(1), Source: "db1:3306", ServerUUID: sid.String(), ServerVersion: "9.7.4",
			Received: binlog.Position{File: "binlog.000042", Offset: 1264}, ReceivedAt: at(9), HeardAt: at(10), Bytes: 1260, BytesPerSecond: 236.5,
			Sessions: 1, LastFault: "connection lost", LastFaultAt: at(1),
			Findings: []finding{{"warning", "sync_binlog", "is 0: commits are confirmed before the log is on disk", "SET PERSIST sync_binlog = 1"}},
		},
		Spool:    spoolStatus{Bytes: 1024, Max: 4 << 30, Pending: 1, Stored: "binlog.000042:1264", StoredAt: at(10), Failing: "the store does not answer"},
		Requests: requestStatus{Get: requestCount{1, 0, 2}, Put: requestCount{3, 1, 4}, List: requestCount{5, 0, 0}, Delete: requestCount{6, 0, 0}},
	}
	return map[string]any{
		"version":      versionReport{"v0.1.0", "0123456789abcdef", true, "2026-11-21T14:03:00Z", "go1.26", "linux/amd64"},
		"config-check": configReport{"/etc/lastwrite/lastwrite.yaml", []configSetting{{"cluster", "main", "main"}, {"source.password", "(set)", ""}}},
		"status": statusReport{
			Cluster: "main", Store: "s3://backups/db", At: at(12), Daemon: daemon,
			Archive: &archiveStatus{Epoch: 3, Holder: "db1:4711", HeldSince: at(0), Segments: 7, Transactions: 142, Bytes: 99000, Stored: 33000,
				Server: sid.String(), File: "binlog.000042", Offset: 1264, Executed: all, Committed: at(10),
				Gaps: []gapStatus{{at(3), at(4), set(sid.String() + ":50-59"), 10}}},
			Bases: []pitr.Base{base}, Windows: []pitr.Window{{From: at(1), To: at(10), First: held, Last: all, Bases: []string{base.ID}}},
			Source:   &sourceStatus{"db1:3306", true, "a fault", set(sid.String() + ":1-143"), set(sid.String() + ":143"), 1, 1.5},
			Warnings: []string{"in words"},
		},
		"log": newLogEntry(&archive.Found{
			Transaction: binlog.Transaction{GTID: gtid(143), Committed: at(11), Originally: at(10), Start: 1264, End: 1500, Events: 2, Opaque: true,
				Tables:     []binlog.TableChange{{Schema: "shop", Table: "orders", Ops: binlog.Insert | binlog.Delete, Bytes: 100}},
				Statements: []binlog.Statement{{Schema: "shop", Text: "DROP DATABASE shop", Changed: true, Cut: true}}},
			Server: sid.String(), File: "binlog.000042",
			Effects: []statement.Effect{{Kind: statement.KindDropDatabase, Destroys: true, Objects: []statement.Object{{Class: statement.ClassDatabase, Schema: "shop"}}, Detail: "a detail"}},
		}),
		"backup-take":   base,
		"backup-list":   backupList{[]pitr.Base{base}},
		"backup-verify": backupVerification{[]backupVerified{{ID: base.ID, OK: true}, {ID: "20261120T140300Z-zz2c", Problem: "base backup is damaged"}}},
		"restore": restoreReport{Plan: &plan, Directory: "/srv/restored",
			Result: &restore.Proof{Target: plan.Target, Base: base.ID, Executed: plan.Expect, Skipped: plan.Skip, Transactions: 41, Mysqld: "9.7.4",
				Began: at(20), Proved: at(30), Finished: at(31), Notes: []string{"a note"}},
			CopyBack: &restore.CopyReport{Schema: "shop", As: "shop", Bytes: 5000, Tables: []restore.Table{{Name: "orders", Rows: 9, LiveRows: 9, Checksum: 123, LiveChecksum: 123}},
				Objects: map[string]int{"views": 1}, Notes: []string{"a note"}}},
		"restore-ambiguous": restoreReport{Matches: []pitr.Point{*last, *next}, DryRun: true},
		"archive-export":    exportReport{[]archive.Exported{{LogFile: archive.LogFile{Server: sid.String(), File: "binlog.000042", Again: 1, Start: 4, End: 1264, Holes: 1}, Path: "/tmp/binlogs/binlog.000042", Bytes: 1264}}},
		"archive-verify": archive.Report{Segments: 7, Transactions: 142, StoredBytes: 33000, RawBytes: 99000,
			Stretches: []archive.Stretch{{Executed: all, From: at(1), To: at(10), Transactions: 142, Bytes: 99000, FirstFile: "binlog.000001", LastFile: "binlog.000042"}},
			Findings:  []archive.Finding{{Key: "main/log/00000001/000000000003.seg", Problem: "hash differs", Transactions: sid.String() + ":5-9"}}},
	}
}

// The JSON of every command is a promise: a change of a golden file is a change that users see.
func TestJSONIsStable(t *testing.T) {
	for name, document := range samples(t) {
		got, err := json.MarshalIndent(document, "", "  ")
		require.NoError(t, err)
		got = append(got, '\n')
		path := filepath.Join("testdata", name+".json")
		if updateGolden() {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(path, got, 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err, "run the test with -update to make it")
		require.Equal(t, string(want), string(got), name)
	}
}
