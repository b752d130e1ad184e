package archive

import (
	"errors"

	"lastwrite/binlog"
	"lastwrite/binlog/segment"
)

var (
	// ErrNoArchive says that the store holds nothing of the cluster.
	ErrNoArchive = errors.New("no archive of this cluster in the store")
	// ErrFormat says that the archive was written by a version of lastwrite that this one does not know.
	ErrFormat = errors.New("unknown archive format")
	// ErrFenced says that another writer has taken over; nothing more can be stored.
	ErrFenced = errors.New("another writer has taken over this archive")
	// ErrGap says that transactions are missing between what the archive holds and what comes next.
	ErrGap = errors.New("gap in the archive")
	// ErrDiverged says that the source's history is not the archive's: a transaction came twice, or
	// one that is archived is not known to the source.
	ErrDiverged = errors.New("the source's history is not the archived one")
	// ErrSpool says that the spool directory cannot be written.
	ErrSpool = errors.New("cannot write to the spool")
	// ErrBusy says that the spool directory is in use by another process.
	ErrBusy = errors.New("spool directory is in use")
	// ErrAnonymous says that a transaction has no GTID.
	ErrAnonymous = errors.New("transaction without GTID")
	// ErrOutsideWindow says that a wanted moment is not in the archive.
	ErrOutsideWindow = errors.New("outside the archive")
	// ErrNotFound says that a wanted transaction is not in the archive.
	ErrNotFound = errors.New("not in the archive")
)

// Entry is one stored segment.
type Entry struct {
	Epoch   uint64          `json:"epoch"`
	Seq     uint64          `json:"seq"`
	Key     string          `json:"-"`
	Summary segment.Summary `json:"summary"`
}

// Executed is the set of all transactions up to the end of the segment.
func (e *Entry) Executed() binlog.GTIDSet { return e.Summary.Before.Union(e.Summary.Added) }

// cursor is the place behind the segment.
func (e *Entry) cursor() binlog.Cursor {
	c := binlog.Cursor{Executed: e.Executed(), Known: e.Summary.Known}
	if n := len(e.Summary.Spans); n > 0 {
		last := e.Summary.Spans[n-1]
		c.Server = last.Server
		c.Position = binlog.Position{File: last.File, Offset: last.Start + last.Length}
	}
	return c
}
