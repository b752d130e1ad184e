package pitr

import (
	"time"

	"lastwrite/binlog"
)

// Method is how a base backup was taken.
type Method string

// The methods.
const (
	// MethodClone is a copy of the data directory by the server's own CLONE plugin.
	MethodClone Method = "clone"
	// MethodDump is SQL text by mysqldump.
	MethodDump Method = "mysqldump"
)

// Base describes a base backup.
type Base struct {
	ID       string         `json:"id"`
	Method   Method         `json:"method"`
	Server   Server         `json:"server"`
	Executed binlog.GTIDSet `json:"gtid_executed"` // every transaction whose changes it holds
	Started  time.Time      `json:"started"`       // when taking it began
	Taken    time.Time      `json:"taken"`         // the moment it shows, as near as it is known
	Finished time.Time      `json:"finished"`      // when it was whole in the store
	Bytes    int64          `json:"bytes"`         // of the data, before compression
	Stored   int64          `json:"stored_bytes"`  // in the store
	Warnings []string       `json:"warnings,omitempty"`
}

// Server is what a base says about the server it was taken from.
type Server struct {
	UUID    string `json:"server_uuid"`
	Version string `json:"version"` // @@version, such as 9.7.4-2
	// Settings are the server's system variables that a server started on this base must share, by name.
	Settings map[string]string `json:"settings,omitempty"`
}

// Stretch is a run of the archived log without a gap.
type Stretch struct {
	Before       binlog.GTIDSet `json:"before"`   // everything executed before its first transaction
	Executed     binlog.GTIDSet `json:"executed"` // everything executed behind its last, Before included
	From         time.Time      `json:"from"`     // commit time of its first transaction
	To           time.Time      `json:"to"`       // and of its last
	Transactions int64          `json:"transactions"`
	Bytes        int64          `json:"bytes"` // of log
}

// Added is the set of the stretch's own transactions.
func (s Stretch) Added() binlog.GTIDSet { return s.Executed.Subtract(s.Before) }

// Point is one transaction beside a cut.
type Point struct {
	GTID      binlog.GTID `json:"gtid"`
	Committed time.Time   `json:"committed"`
	Text      string      `json:"text,omitempty"` // what it did, on one line
}

// NoStretch is the Stretch of a cut for which no log is needed.
const NoStretch = -1

// Cut is a target that was found in the log.
type Cut struct {
	// Executed is everything that had been executed at the cut, what came before the archive's beginning included.
	Executed binlog.GTIDSet `json:"gtid_executed"`
	// Stretch is the index of the stretch the cut lies in, or NoStretch.
	Stretch int `json:"stretch"`
	// Last is the transaction before the cut and Next the one behind it; nil where there is none.
	Last *Point `json:"last,omitempty"`
	Next *Point `json:"next,omitempty"`
	// Notes are things a person should know about how the cut was found.
	Notes []string `json:"notes,omitempty"`
}

// CutOfBase is the cut at which base itself is the answer and no log is needed.
func CutOfBase(base Base) Cut { return Cut{Executed: base.Executed, Stretch: NoStretch} }
