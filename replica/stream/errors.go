package stream

import (
	"errors"
	"fmt"

	"lastwrite/binlog"
	"lastwrite/replica"
)

var (
	// ErrNotSource says that the server's settings make a complete archive impossible. The error lists them with their remedies.
	ErrNotSource = errors.New("the server cannot be a source")
	// ErrDifferentServer says that the server is not the one read so far, and that there is no GTID set to go on by.
	ErrDifferentServer = errors.New("the server is not the one that was read before")
	// ErrServerID says that the configured server id is the source's own.
	ErrServerID = errors.New("server id is taken")
	// ErrGap says that an event does not lie where the one before it ended.
	ErrGap = errors.New("events do not follow each other")
	// ErrProtocol says that the source sent what the replication protocol does not allow.
	ErrProtocol = errors.New("unexpected bytes from the source")
	// ErrSink says that the sink failed; its own error is wrapped along.
	ErrSink = errors.New("hand on events")

	// errEnded says that the source ended the dump.
	errEnded = fmt.Errorf("%w: the source ended the dump", replica.ErrUnreachable)
)

// PurgedError is replica.ErrPurged with its facts: the archive cannot be continued without a gap.
type PurgedError struct {
	Wanted  binlog.Position // where the log should have gone on
	Missing binlog.GTIDSet  // purged transactions that were not read; empty where they cannot be told
	Purged  binlog.GTIDSet  // all transactions the source has purged
	Oldest  string          // the oldest log file the source still has
}

// Error tells all of it.
func (e *PurgedError) Error() string {
	s := fmt.Sprintf("%v: wanted %s, the oldest file left is %s", replica.ErrPurged, e.Wanted, e.Oldest)
	if !e.Missing.IsEmpty() {
		s += fmt.Sprintf("; %d transactions are lost to the archive (%s)", e.Missing.Count(), e.Missing)
	}
	return s
}

// Unwrap returns replica.ErrPurged.
func (e *PurgedError) Unwrap() error { return replica.ErrPurged }

// AheadError is replica.ErrAhead with its facts: the source has lost, or never had, what was already read.
type AheadError struct {
	Read    binlog.Position // where reading had got to
	Missing binlog.GTIDSet  // transactions that were read and that the source lacks; empty where only the position tells
	End     binlog.Position // the end of the source's log
}

// Error tells all of it.
func (e *AheadError) Error() string {
	if e.Missing.IsEmpty() {
		return fmt.Sprintf("%v: it was read up to %s, and now ends at %s", replica.ErrAhead, e.Read, e.End)
	}
	return fmt.Sprintf("%v: %d transactions (%s)", replica.ErrAhead, e.Missing.Count(), e.Missing)
}

// Unwrap returns replica.ErrAhead.
func (e *AheadError) Unwrap() error { return replica.ErrAhead }

// refusals returns the errors that waiting does not mend.
func refusals() []error {
	return []error{ErrNotSource, ErrDifferentServer, ErrServerID, ErrSink,
		replica.ErrPurged, replica.ErrAhead, replica.ErrAccessDenied, replica.ErrPrivilege, replica.ErrHostBlocked, replica.ErrTLS,
		replica.ErrMariaDB, replica.ErrVersion}
}

func isRefusal(err error) bool {
	for _, r := range refusals() {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}

// lasting returns how often in a row an error at the same place of the log is taken for a fault
// before it is a refusal; 0: as often as it comes.
func lasting(err error) int {
	for _, corrupt := range []error{binlog.ErrChecksum, binlog.ErrMalformed, ErrGap, ErrProtocol} {
		if errors.Is(err, corrupt) {
			return 2
		}
	}
	if errors.Is(err, replica.ErrLogRead) {
		return 5
	}
	return 0
}
