package replica

import (
	"fmt"
	"time"

	"lastwrite/binlog"
)

// Status is one replication channel of a replica, as it reports it itself.
type Status struct {
	Channel    string // empty: the default channel
	SourceHost string
	SourcePort int
	SourceUUID string // empty until the replica has spoken to its source

	Receiver Thread // reads the source's log (MySQL's IO thread)
	Applier  Thread // applies it (MySQL's SQL thread)

	Received binlog.Position // in the source's log
	Applied  binlog.Position // in the source's log

	Retrieved    binlog.GTIDSet // received since the relay logs began
	Executed     binlog.GTIDSet // of the whole server, not of this channel
	AutoPosition bool

	Behind *time.Duration // whole seconds by the server's reckoning; nil where it does not know
}

// Thread is one of the two halves of a channel.
type Thread struct {
	State string // Yes, No or Connecting
	Error Fault
}

// Running tells whether the thread is at work; a receiver that is still connecting is not.
func (t Thread) Running() bool { return t.State == "Yes" }

// Fault is the last error of a thread, or none.
type Fault struct {
	Number int // MySQL error number; 0: no error
	Text   string
}

// Err returns the fault as an error, nil for none.
func (f Fault) Err() error {
	if f.Number == 0 {
		return nil
	}
	return fmt.Errorf("error %d: %s", f.Number, f.Text)
}

// Connected is a replica that a source knows of (SHOW REPLICAS).
type Connected struct {
	ServerID uint32
	Host     string // what the replica calls itself; may be empty
	Port     int    // 0: not said
	UUID     string
}
