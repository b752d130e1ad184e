package stream

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"lastwrite/binlog"
	"lastwrite/replica/node"
)

// facts is what is known of a source before it is asked for its log.
type facts struct {
	identity node.Identity
	logs     []node.Log     // oldest first
	executed binlog.GTIDSet // transactions it has, those being committed included
	purged   binlog.GTIDSet // of these, the ones that are not in its logs any more
}

// start is the place from which to ask for the log.
type start struct {
	at     binlog.Position // position dump; empty file: GTID dump
	have   binlog.GTIDSet  // transactions to leave out of a GTID dump
	reason string          // for people
}

func (s start) byGTID() bool { return s.at.File == "" }

// plan decides where to begin. Errors: ErrDifferentServer, *PurgedError, *AheadError.
func plan(at binlog.Cursor, f facts, from From, acceptGap bool) (start, error) {
	if len(f.logs) == 0 {
		return start{}, fmt.Errorf("%w: it has no binary log", ErrNotSource)
	}
	if at.Fresh() {
		return fresh(f, from), nil
	}
	same := at.Server == f.identity.UUID
	if !same && !at.Known {
		return start{}, fmt.Errorf("%w: %s was read so far, this is %s, and the transactions read are not known",
			ErrDifferentServer, at.Server, f.identity.UUID)
	}
	if at.Known {
		if lost := at.Executed.Subtract(f.executed); !lost.IsEmpty() {
			return start{}, &AheadError{Read: at.Position, Missing: lost, End: f.end()}
		}
	}
	if !same {
		return byGTID(at, f, acceptGap, "another server than before")
	}
	i := slices.IndexFunc(f.logs, func(l node.Log) bool { return l.Name == at.File })
	switch {
	case i >= 0 && f.logs[i].Size < at.Offset, i < 0 && later(at.File, f.end().File):
		return start{}, &AheadError{Read: at.Position, End: f.end()}
	case i >= 0:
		return start{at: at.Position, reason: "where it was left"}, nil
	case !at.Known:
		return start{}, &PurgedError{Wanted: at.Position, Purged: f.purged, Oldest: f.logs[0].Name}
	}
	return byGTID(at, f, acceptGap, "the file read last is purged")
}

func fresh(f facts, from From) start {
	log, reason := f.logs[0], "nothing was read yet: the oldest file"
	if from == FromCurrent {
		log, reason = f.logs[len(f.logs)-1], "nothing was read yet: the current file"
	}
	return start{at: binlog.Position{File: log.Name, Offset: binlog.FileHeaderSize}, reason: reason}
}

func byGTID(at binlog.Cursor, f facts, acceptGap bool, reason string) (start, error) {
	missing := f.purged.Subtract(at.Executed)
	if missing.IsEmpty() {
		return start{have: at.Executed, reason: reason}, nil
	}
	if acceptGap {
		return start{have: at.Executed.Union(f.purged), reason: reason + ", and a gap is accepted"}, nil
	}
	return start{}, &PurgedError{Wanted: at.Position, Missing: missing, Purged: f.purged, Oldest: f.logs[0].Name}
}

// end is where the source's log ended when it was asked.
func (f facts) end() binlog.Position {
	last := f.logs[len(f.logs)-1]
	return binlog.Position{File: last.Name, Offset: last.Size}
}

// later tells whether log file a comes after b. Files with different base names cannot be compared: then it is false.
func later(a, b string) bool {
	an, aok := number(a)
	bn, bok := number(b)
	return aok && bok && an > bn && strings.TrimSuffix(a, filepath.Ext(a)) == strings.TrimSuffix(b, filepath.Ext(b))
}

// number is the extension of a log file's name.
func number(file string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(filepath.Ext(file), "."), 10, 64)
	return n, err == nil
}
