package stream

import (
	"sync"
	"time"

	"lastwrite/binlog"
	"lastwrite/replica/node"
)

// Phase is what a Stream is doing.
type Phase string

// The phases.
const (
	Connecting Phase = "connecting"
	Streaming  Phase = "streaming" // the source sends its log
	Waiting    Phase = "waiting"   // after a fault, for the next attempt
	Stopped    Phase = "stopped"   // Run has returned, or was not called yet
)

// State is a Stream at one moment. Times are this machine's clock unless said otherwise.
type State struct {
	Phase    Phase
	Since    time.Time      // when the phase began
	Source   node.Identity  // zero before the first connection
	Findings []node.Finding // about the source's settings

	Received   binlog.Position // behind the last event read
	ReceivedAt time.Time       // when it was read
	EventTime  time.Time       // its time by the source, whole seconds: when its statement began
	HeardAt    time.Time       // last sign of life from the source, heartbeats included

	End   binlog.Position // of the source's log, when it was asked last
	EndAt time.Time       // when that was

	Bytes          uint64  // of events, since Run was called
	BytesPerSecond float64 // of late
	Sessions       int     // connections over which a log was sent

	LastFault   error // why the last session ended; nil: none has
	LastFaultAt time.Time
}

// Observer is told each change of phase. It must not block.
type Observer func(State)

// window is the time over which the rate of bytes is taken.
const window = 2 * time.Second

// monitor keeps the State.
type monitor struct {
	observe Observer

	mu          sync.Mutex
	state       State
	windowStart time.Time
	windowBytes uint64
}

func (m *monitor) get() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.roll(time.Now())
	return m.state
}

// phase begins a phase.
func (m *monitor) phase(p Phase, change func(*State)) {
	m.mu.Lock()
	m.state.Phase, m.state.Since = p, time.Now()
	if change != nil {
		change(&m.state)
	}
	s := m.state
	m.mu.Unlock()
	if m.observe != nil {
		m.observe(s)
	}
}

// received notes a batch that was read.
func (m *monitor) received(b *binlog.Batch) {
	now, bytes := time.Now(), uint64(b.Bytes())
	last := &b.Events[len(b.Events)-1]
	m.mu.Lock()
	defer m.mu.Unlock()
	m.roll(now)
	m.windowBytes += bytes
	m.state.Bytes += bytes
	m.state.Received = binlog.Position{File: b.File, Offset: last.Start + uint64(last.Offset) + uint64(len(last.Raw))}
	m.state.ReceivedAt, m.state.HeardAt = now, now
	m.state.EventTime = time.Unix(int64(last.Header.Timestamp), 0)
}

// heard notes a sign of life.
func (m *monitor) heard(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.HeardAt = at
}

// ended notes how far the source's log goes.
func (m *monitor) ended(at binlog.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.End, m.state.EndAt = at, time.Now()
}

// roll takes the rate and begins another window when this one is over. It is called with mu held.
func (m *monitor) roll(now time.Time) {
	if m.windowStart.IsZero() {
		m.windowStart = now
		return
	}
	if d := now.Sub(m.windowStart); d >= window {
		m.state.BytesPerSecond = float64(m.windowBytes) / d.Seconds()
		m.windowStart, m.windowBytes = now, 0
	}
}

// note keeps what was learnt about the source.
func (m *monitor) note(source node.Identity, findings []node.Finding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Source, m.state.Findings = source, findings
}
