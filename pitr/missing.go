package pitr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lastwrite/binlog"
)

var (
	// ErrNoBase says that there is no base backup at all.
	ErrNoBase = errors.New("a base backup is needed")
	// ErrUnknownBase says that the base backup that was asked for does not exist.
	ErrUnknownBase = errors.New("no such base backup")
	// ErrTooEarly says that the target lies before every base backup, or before the one asked for.
	ErrTooEarly = errors.New("the target lies before the base backup")
	// ErrGap says that transactions between the base backup and the target are not in the archive.
	ErrGap = errors.New("transactions are missing in the archive")
	// ErrSkip says that transactions cannot be skipped.
	ErrSkip = errors.New("cannot skip")
	// ErrNoSpace says that a file system is full, or too small for what is to be written.
	ErrNoSpace = errors.New("no space left on the device")
)

// Window is a span of time, and of transactions, in which every target can be restored.
type Window struct {
	From  time.Time      `json:"from"` // the moment of its oldest base
	To    time.Time      `json:"to"`   // commit time of the last archived transaction
	First binlog.GTIDSet `json:"first"`
	Last  binlog.GTIDSet `json:"last"`
	Bases []string       `json:"bases"` // ids of the bases in it, oldest first
}

// String writes the window's times and bases.
func (w Window) String() string {
	if w.From.Equal(w.To) {
		return fmt.Sprintf("%s (base %s)", FormatTime(w.From), w.Bases[0])
	}
	return fmt.Sprintf("%s to %s (from base %s on)", FormatTime(w.From), FormatTime(w.To), w.Bases[0])
}

// Windows are the recovery windows that stretches and bases give, oldest first. A base that no stretch continues
// is a window of one moment.
func Windows(stretches []Stretch, bases []Base) []Window {
	sorted := slices.Clone(bases)
	slices.SortStableFunc(sorted, func(a, b Base) int { return a.Taken.Compare(b.Taken) })
	var windows []Window
	used := make(map[string]bool)
	for _, s := range stretches {
		w := Window{To: s.To, Last: s.Executed}
		for _, b := range sorted {
			if !b.Executed.Contains(s.Before) || !s.Executed.Contains(b.Executed) {
				continue
			}
			if len(w.Bases) == 0 {
				w.From, w.First = b.Taken, b.Executed
			}
			w.Bases = append(w.Bases, b.ID)
			used[b.ID] = true
		}
		if len(w.Bases) > 0 {
			if w.To.Before(w.From) { // nothing was committed since the base was taken
				w.To = w.From
			}
			windows = append(windows, w)
		}
	}
	for _, b := range sorted {
		if !used[b.ID] {
			windows = append(windows, Window{From: b.Taken, To: b.Taken, First: b.Executed, Last: b.Executed, Bases: []string{b.ID}})
		}
	}
	slices.SortStableFunc(windows, func(a, b Window) int { return a.From.Compare(b.From) })
	return windows
}

// MissingError says why a target cannot be restored, and what can.
type MissingError struct {
	Target  Target
	Reason  error          // one of the sentinels of this package
	Detail  string         // what exactly is missing, in words
	Missing binlog.GTIDSet // for ErrGap: the transactions that are neither in the base nor in the archive
	Windows []Window       // what can be restored instead
}

// Error names the reason, what is missing, and the recovery windows.
func (e *MissingError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan a restore to %s: %v: %s", e.Target.Describe(), e.Reason, e.Detail)
	if len(e.Windows) > 0 {
		b.WriteString("; what can be restored: ")
		for i, w := range e.Windows {
			if i > 0 {
				b.WriteString("; ")
			}
			b.WriteString(w.String())
		}
	}
	return b.String()
}

// Unwrap gives the reason.
func (e *MissingError) Unwrap() error { return e.Reason }

func (p *planner) missing(reason error, detail string) *MissingError {
	return &MissingError{Target: p.target, Reason: reason, Detail: detail, Windows: Windows(p.stretches, p.bases)}
}

// explain says why none of the candidates, of which there is at least one, fits.
func (p *planner) explain(candidates []Base) error {
	var inside []Base
	for _, b := range candidates {
		if p.cut.Executed.Contains(b.Executed) {
			inside = append(inside, b)
		}
	}
	if len(inside) == 0 {
		oldest := candidates[len(candidates)-1]
		extra := oldest.Executed.Subtract(p.cut.Executed)
		return p.missing(ErrTooEarly, fmt.Sprintf("base %s of %s already holds %s from behind the target (%s)",
			oldest.ID, FormatTime(oldest.Taken), countOf(extra), brief(extra)))
	}
	var clear []Base
	for _, b := range inside {
		if b.Executed.Intersect(p.opts.Skip).IsEmpty() {
			clear = append(clear, b)
		}
	}
	if len(clear) == 0 {
		oldest := inside[len(inside)-1]
		return p.missing(ErrSkip, fmt.Sprintf("base %s already holds %s; an older base backup is needed",
			oldest.ID, brief(oldest.Executed.Intersect(p.opts.Skip))))
	}
	return p.gap(clear[0])
}

// gap says which transactions are missing between a base and the cut.
func (p *planner) gap(base Base) error {
	lacks := p.cut.Executed.Subtract(base.Executed).Subtract(p.opts.Skip)
	gone := lacks
	for _, s := range p.stretches {
		gone = gone.Subtract(s.Added())
	}
	if gone.IsEmpty() { // all archived, but not in one stretch: the history forked
		gone = lacks.Subtract(p.archived())
	}
	where := "nothing behind the base is archived"
	if s := p.cut.Stretch; s >= 0 && s < len(p.stretches) {
		where = fmt.Sprintf("the log that reaches the target begins at %s", FormatTime(p.stretches[s].From))
		if s > 0 {
			where += fmt.Sprintf(", the one before it ends at %s", FormatTime(p.stretches[s-1].To))
		}
	}
	e := p.missing(ErrGap, fmt.Sprintf("%s after base %s of %s (%s); %s; targets behind the gap need a base backup taken behind it",
		countOf(gone), base.ID, FormatTime(base.Taken), brief(gone), where))
	e.Missing = gone
	return e
}

func countOf(s binlog.GTIDSet) string {
	if n := s.Count(); n != 1 {
		return fmt.Sprintf("%d transactions", n)
	}
	return "1 transaction"
}

// maxSetText is how many bytes of a GTID set are written in messages.
const maxSetText = 300

// brief writes a set, cut short where it is long.
func brief(s binlog.GTIDSet) string {
	text := s.String()
	if len(text) > maxSetText {
		return text[:maxSetText] + "…"
	}
	return text
}
