package locate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/pitr"
)

// Searcher finds transactions; *archive.Archive is one.
type Searcher interface {
	Transactions(ctx context.Context, q archive.Query) iter.Seq2[*archive.Found, error]
}

// Cutter finds places between transactions; *archive.Archive is one.
type Cutter interface {
	CutBefore(ctx context.Context, g binlog.GTID) (archive.Cut, error)
	CutAfter(ctx context.Context, g binlog.GTID) (archive.Cut, error)
	CutAt(ctx context.Context, t time.Time) (archive.Cut, error)
	Latest(ctx context.Context) (archive.Cut, error)
}

// History is the archived log of a cluster; *archive.Archive is one.
type History interface {
	Searcher
	Cutter
	Stretches() []archive.Stretch
}

// Find finds the cut of a target. Errors: *AmbiguousError, *NotFoundError, statement.ErrPattern, and archive.ErrNotFound,
// ErrOutsideWindow and ErrGap.
func Find(ctx context.Context, h History, target pitr.Target) (pitr.Cut, error) {
	var cut archive.Cut
	var notes []string
	var err error
	switch target.Kind {
	case pitr.KindBeforeStatement:
		var found pitr.Point
		if found, notes, err = findStatement(ctx, h, target.Statement); err == nil {
			cut, err = h.CutBefore(ctx, found.GTID)
		}
	case pitr.KindBeforeGTID:
		cut, err = h.CutBefore(ctx, target.GTID)
	case pitr.KindToGTID:
		cut, err = h.CutAfter(ctx, target.GTID)
	case pitr.KindToTime:
		cut, err = h.CutAt(ctx, target.Time)
		if err == nil && cut.Next == nil {
			notes = append(notes, endNote(cut, target.Time))
		}
	default:
		cut, err = h.Latest(ctx)
	}
	if err != nil {
		return pitr.Cut{}, err
	}
	return pitr.Cut{Executed: cut.Executed, Stretch: cut.Stretch, Last: pointOf(cut.Last), Next: pointOf(cut.Next), Notes: notes}, nil
}

// endNote says that the archive knows of nothing behind a cut.
func endNote(cut archive.Cut, asked time.Time) string {
	if cut.Last == nil {
		return "the archive holds nothing behind the target"
	}
	return fmt.Sprintf("the archive ends with the commit of %s, %s before the time asked for: what was committed after it and not archived is not restored",
		pitr.FormatTime(cut.Last.Committed), asked.Sub(cut.Last.Committed).Round(time.Millisecond))
}

// Plan finds the cut of a target and plans the restore. h is nil where there is no archive: then only the latest base can be had. Errors: those of
// Find, and *pitr.MissingError, also for a target outside the archive or in a gap of it.
func Plan(ctx context.Context, h History, target pitr.Target, bases []pitr.Base, opts pitr.Options) (pitr.Plan, error) {
	var stretches []pitr.Stretch
	if h != nil {
		stretches = Stretches(h)
	}
	if len(stretches) == 0 {
		return planWithoutLog(target, bases, opts)
	}
	cut, err := Find(ctx, h, target)
	if errors.Is(err, archive.ErrOutsideWindow) || errors.Is(err, archive.ErrGap) {
		return pitr.Plan{}, &pitr.MissingError{Target: target, Reason: err, Detail: archived(stretches), Windows: pitr.Windows(stretches, bases)}
	}
	if err != nil {
		return pitr.Plan{}, fmt.Errorf("find the target: %w", err)
	}
	if windows := pitr.Windows(stretches, bases); target.Kind == pitr.KindToTime && cut.Next == nil && behind(windows, target.Time) {
		return pitr.Plan{}, &pitr.MissingError{Target: target, Reason: archive.ErrOutsideWindow, Windows: windows,
			Detail: "nothing is archived behind it, so what was committed until then is not known; --latest restores all that is archived"}
	}
	return pitr.MakePlan(target, cut, stretches, bases, opts)
}

// behind tells whether t lies behind every window; without windows there is another reason to refuse.
func behind(windows []pitr.Window, t time.Time) bool {
	return len(windows) > 0 && !slices.ContainsFunc(windows, func(w pitr.Window) bool { return !t.After(w.To) })
}

// planWithoutLog restores a base as it is: the newest, or the one asked for.
func planWithoutLog(target pitr.Target, bases []pitr.Base, opts pitr.Options) (pitr.Plan, error) {
	if target.Kind != pitr.KindLatest {
		return pitr.Plan{}, &pitr.MissingError{Target: target, Reason: archive.ErrOutsideWindow, Detail: "no log is archived, so only base backups as they are can be restored",
			Windows: pitr.Windows(nil, bases)}
	}
	cut := pitr.Cut{Stretch: pitr.NoStretch}
	for _, b := range bases {
		if opts.Base == b.ID || opts.Base == "" && b.Executed.Count() >= cut.Executed.Count() {
			cut = pitr.CutOfBase(b)
		}
	}
	return pitr.MakePlan(target, cut, nil, bases, opts)
}

// archived says what the stretches span.
func archived(stretches []pitr.Stretch) string {
	parts := make([]string, len(stretches))
	for i, s := range stretches {
		parts[i] = pitr.FormatTime(s.From) + " to " + pitr.FormatTime(s.To)
	}
	return "archived is the log of " + strings.Join(parts, ", and of ")
}

// Stretches are the archive's, in the words of package pitr.
func Stretches(h interface{ Stretches() []archive.Stretch }) []pitr.Stretch {
	var out []pitr.Stretch
	for _, s := range h.Stretches() {
		out = append(out, pitr.Stretch{Before: s.Before, Executed: s.Executed, From: s.From, To: s.To, Transactions: s.Transactions, Bytes: s.Bytes})
	}
	return out
}

// pointOf describes a transaction; nil for nil.
func pointOf(f *archive.Found) *pitr.Point {
	if f == nil {
		return nil
	}
	return &pitr.Point{GTID: f.GTID, Committed: f.Committed, Text: describe(f)}
}

// maxText is how many characters of a statement are shown.
const maxText = 160

// describe says in a line what a transaction did.
func describe(f *archive.Found) string {
	if len(f.Statements) > 0 {
		return oneLine(f.Statements[0].Text)
	}
	var parts []string
	for i, t := range f.Tables {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d more tables", len(f.Tables)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s in %s.%s", t.Ops, t.Schema, t.Table))
	}
	return strings.Join(parts, "; ")
}

// oneLine shortens a statement to a line.
func oneLine(text string) string {
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) > maxText {
		return string(line[:maxText]) + "…"
	}
	return string(line)
}
