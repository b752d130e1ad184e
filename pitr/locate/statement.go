package locate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/binlog/statement"
	"lastwrite/pitr"
)

// ErrAmbiguous says that several statements match what was asked for.
var ErrAmbiguous = errors.New("several statements match")

// maxListed is how many transactions an error's text lists. The error itself has all.
const maxListed = 10

// AmbiguousError lists the transactions among which a person has to choose. It is ErrAmbiguous.
type AmbiguousError struct {
	Statement string // what was asked for
	Matches   []pitr.Point
}

// Error lists the matches, one a line.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%v %q, %d in all; choose one by its GTID:%s", ErrAmbiguous, e.Statement, len(e.Matches), listing(e.Matches))
}

// Unwrap gives ErrAmbiguous.
func (e *AmbiguousError) Unwrap() error { return ErrAmbiguous }

// NotFoundError says that no statement of the archive is meant. It is archive.ErrNotFound.
type NotFoundError struct {
	Statement string       // what was asked for
	Near      []pitr.Point // destroyed or renamed what was named, or something in or around it
	NoOps     []pitr.Point // match, but changed nothing
}

// Error lists what comes near, one a line.
func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("statement %q: %v", e.Statement, archive.ErrNotFound)
	if len(e.Near) > 0 {
		text += "; what comes near:" + listing(e.Near)
	}
	if len(e.NoOps) > 0 {
		text += "; these match but changed nothing:" + listing(e.NoOps)
	}
	return text
}

// Unwrap gives archive.ErrNotFound.
func (e *NotFoundError) Unwrap() error { return archive.ErrNotFound }

func listing(points []pitr.Point) string {
	var b strings.Builder
	for i, p := range points {
		if i == maxListed {
			fmt.Fprintf(&b, "\n  and %d more", len(points)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s  %s  %s", pitr.FormatTime(p.Committed), p.GTID, p.Text)
	}
	return b.String()
}

// findStatement finds the one transaction that a pattern means, and what a person should know besides.
func findStatement(ctx context.Context, h Searcher, text string) (pitr.Point, []string, error) {
	pattern, err := statement.ParsePattern(text)
	if err != nil {
		return pitr.Point{}, nil, err
	}
	s := &sieve{pattern: pattern, classifier: statement.New()}
	for f, err := range h.Transactions(ctx, archive.Query{Pattern: &pattern}) {
		if err != nil {
			return pitr.Point{}, nil, err
		}
		s.add(f)
	}
	switch len(s.meant) {
	case 0:
		near, err := s.near(ctx, h)
		if err != nil {
			return pitr.Point{}, nil, err
		}
		return pitr.Point{}, nil, &NotFoundError{Statement: text, Near: near, NoOps: s.noOps}
	case 1:
	default:
		return pitr.Point{}, nil, &AmbiguousError{Statement: text, Matches: s.meant}
	}
	var notes []string
	if n := len(s.noOps); n > 0 {
		last := s.noOps[n-1]
		notes = append(notes, fmt.Sprintf("passed over, for it matches but changed nothing: %s  %s  %s", pitr.FormatTime(last.Committed), last.GTID, last.Text))
		if n > 1 {
			notes[0] += fmt.Sprintf(" (and %d before it)", n-1)
		}
	}
	return s.meant[0], notes, nil
}

// sieve divides what matches a pattern into what is meant and what did nothing.
type sieve struct {
	pattern    statement.Pattern
	classifier *statement.Classifier
	meant      []pitr.Point
	noOps      []pitr.Point
}

func (s *sieve) classify(st *binlog.Statement) statement.Statement {
	return s.classifier.Classify([]byte(st.Text), statement.Context{DefaultSchema: st.Schema, SQLMode: st.SQLMode, Charset: st.Charset})
}

func (s *sieve) add(f *archive.Found) {
	point := pointOf(f)
	matched := false
	for i := range f.Statements {
		st := &f.Statements[i]
		if !s.pattern.Matches(s.classify(st)) {
			continue
		}
		matched = true
		point.Text = oneLine(st.Text)
		if !isNoOp(st) {
			s.meant = append(s.meant, *point)
			return
		}
	}
	if matched {
		s.noOps = append(s.noOps, *point)
	}
}

// isNoOp tells whether a statement is known to have changed nothing. What carries no mark of a change
// may still have changed tables of engines without transactions; only with IF EXISTS can it have found nothing.
func isNoOp(st *binlog.Statement) bool {
	return !st.Changed && strings.Contains(strings.ToUpper(strings.Join(strings.Fields(st.Text), " ")), "IF EXISTS")
}

// near finds what destroyed or renamed what the pattern names, in another way.
func (s *sieve) near(ctx context.Context, h Searcher) ([]pitr.Point, error) {
	var near []pitr.Point
	for f, err := range h.Transactions(ctx, archive.Query{Kinds: []string{"ddl"}}) {
		if err != nil {
			return nil, err
		}
		for i := range f.Statements {
			if st := &f.Statements[i]; s.pattern.Near(s.classify(st)) && !isNoOp(st) {
				point := pointOf(f)
				point.Text = oneLine(st.Text)
				near = append(near, *point)
				break
			}
		}
	}
	return near, nil
}
