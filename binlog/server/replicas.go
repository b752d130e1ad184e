package server

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lastwrite/binlog"
)

// Replica is a client that is being sent the log.
type Replica struct {
	ServerID uint32
	UUID     string // server_uuid; empty for mysqlbinlog
	Host     string // report_host and report_port, if the replica gave them
	Port     uint16
	Addr     string         // where it connected from
	Since    time.Time      // of the present connection
	Have     binlog.GTIDSet // what it had then
	File     string         // how far it has been sent the log
	Pos      uint64
	Bytes    uint64 // of events, in this connection
	CaughtUp bool   // whether the log has ended, and all of it was sent
}

// Stats counts since the server was made.
type Stats struct {
	Connections uint64 // accepted
	Refused     uint64 // of these, not authenticated
	Replicas    int    // being sent the log now
	Events      uint64 // sent; an event in pieces counts as often
	Bytes       uint64 // of events sent
	Heartbeats  uint64
}

type counters struct {
	connections, refused, events, bytes, heartbeats atomic.Uint64
}

// Stats returns the server's counters.
func (s *Server) Stats() Stats {
	return Stats{
		Connections: s.count.connections.Load(),
		Refused:     s.count.refused.Load(),
		Replicas:    len(s.Replicas()),
		Events:      s.count.events.Load(),
		Bytes:       s.count.bytes.Load(),
		Heartbeats:  s.count.heartbeats.Load(),
	}
}

// Replicas returns who is being sent the log now, longest connected first.
func (s *Server) Replicas() []Replica {
	s.replicas.mu.Lock()
	defer s.replicas.mu.Unlock()
	var out []Replica
	for p := range s.replicas.dumps {
		out = append(out, p.snapshot())
	}
	slices.SortFunc(out, func(a, b Replica) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Addr, b.Addr))
	})
	return out
}

// progress is a dump as others may see it.
type progress struct {
	Replica // under mu
	end     context.CancelCauseFunc
	mu      sync.Mutex
}

func (p *progress) snapshot() Replica {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Replica
}

func (p *progress) moved(file string, pos, bytes uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.File, p.Pos, p.Bytes = file, pos, p.Bytes+bytes
}

func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.CaughtUp = true
}

// registry knows the dumps under way.
type registry struct {
	mu    sync.Mutex
	dumps map[*progress]struct{}
}

// add enters a dump and returns what takes it out again. A replica has one connection: an older one that bears its UUID
// has been given up by it, without a word to us, and is closed.
func (r *registry) add(p *progress) (remove func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for old := range r.dumps {
		if p.UUID != "" && old.UUID == p.UUID {
			old.end(errReplaced)
		}
	}
	r.dumps[p] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.dumps, p)
	}
}
