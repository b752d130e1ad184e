package archive

import (
	"context"
	"fmt"
	"time"

	"lastwrite/binlog"
	"lastwrite/internal/objstore"
)

// Archive is a cluster's history as the store had it when it was opened. It does not change.
type Archive struct {
	store   objstore.Store
	layout  layout
	logs    []*epochLog
	entries []*Entry // of all epochs, in order; each holds something
}

// Open reads a cluster's catalog. It returns ErrNoArchive where the store has nothing of the cluster, ErrFormat where it was
// written by a version of lastwrite that this one does not know.
func Open(ctx context.Context, store objstore.Store, cluster string) (*Archive, error) {
	if err := ValidCluster(cluster); err != nil {
		return nil, err
	}
	l := layout{cluster}
	if err := readIdentity(ctx, store, l); err != nil {
		return nil, err
	}
	logs, err := scanner{store, l}.load(ctx, 1)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	a := &Archive{store: store, layout: l, logs: logs}
	for _, e := range logs {
		a.entries = append(a.entries, e.entries...)
	}
	return a, nil
}

// Entries returns all segments, in order. The list must not be changed.
func (a *Archive) Entries() []*Entry { return a.entries }

// Tail returns the cursor behind the last segment; fresh when there is none.
func (a *Archive) Tail() binlog.Cursor {
	if len(a.entries) == 0 {
		return binlog.Cursor{}
	}
	return a.entries[len(a.entries)-1].cursor()
}

// Epoch returns the newest epoch, 0 when none was claimed, and whether it has ended.
func (a *Archive) Epoch() (epoch uint64, sealed bool) {
	if len(a.logs) == 0 {
		return 0, false
	}
	l := a.logs[len(a.logs)-1]
	return l.epoch, l.sealed
}

// Stretch is a run of segments without a gap.
type Stretch struct {
	Before       binlog.GTIDSet `json:"before"`   // executed before its first transaction
	Executed     binlog.GTIDSet `json:"executed"` // executed after its last
	From         time.Time      `json:"from"`     // earliest commit in it; zero when it has no transaction
	To           time.Time      `json:"to"`       // latest commit in it
	Transactions int64          `json:"transactions"`
	Bytes        int64          `json:"bytes"` // of log, uncompressed
	FirstFile    string         `json:"first_file"`
	LastFile     string         `json:"last_file"`

	first, last int // entries
}

// Stretches returns the runs without a gap, oldest first. Between two of them transactions are missing.
func (a *Archive) Stretches() []Stretch {
	var out []Stretch
	var reached *binlog.GTIDSetBuilder
	for i, e := range a.entries {
		if reached == nil || !sameSet(e.Summary.Before, reached) {
			out = append(out, Stretch{Before: e.Summary.Before, first: i})
			reached = binlog.NewGTIDSetBuilder(e.Summary.Before)
		}
		reached.AddSet(e.Summary.Added)
		out[len(out)-1].extend(e, i)
	}
	return out
}

func sameSet(s binlog.GTIDSet, b *binlog.GTIDSetBuilder) bool { return s.Equal(b.Set()) }

func (s *Stretch) extend(e *Entry, i int) {
	s.last = i
	s.Executed = e.Executed()
	s.Transactions += e.Summary.Transactions
	s.Bytes += e.Summary.RawBytes
	if n := len(e.Summary.Spans); n > 0 {
		if s.FirstFile == "" {
			s.FirstFile = e.Summary.Spans[0].File
		}
		s.LastFile = e.Summary.Spans[n-1].File
	}
	if e.Summary.Transactions == 0 {
		return
	}
	if s.From.IsZero() || e.Summary.MinCommitted.Before(s.From) {
		s.From = e.Summary.MinCommitted
	}
	if e.Summary.MaxCommitted.After(s.To) {
		s.To = e.Summary.MaxCommitted
	}
}

func (a *Archive) blob(e *Entry) Blob { return Blob{Store: a.store, Key: e.Key} }
