package pitr

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"lastwrite/binlog"
)

// ErrTarget says that a text does not name a target.
var ErrTarget = errors.New("not a restore target")

// TargetKind is how a target is named.
type TargetKind uint8

// The kinds of targets.
const (
	KindLatest          TargetKind = iota // everything there is
	KindBeforeStatement                   // just before a statement, found by what it does
	KindBeforeGTID                        // just before a transaction
	KindToGTID                            // up to and with a transaction
	KindToTime                            // everything up to the first transaction committed after a time
)

// The names of the kinds, as they are typed and written.
var kindNames = [...]string{
	KindLatest:          "latest",
	KindBeforeStatement: "before",
	KindBeforeGTID:      "before-gtid",
	KindToGTID:          "to-gtid",
	KindToTime:          "to-time",
}

// String is the kind's stable name: latest, before, before-gtid, to-gtid or to-time.
func (k TargetKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("target(%d)", uint8(k))
}

// Target is the moment a person wants back. Use the constructors; the zero value is Latest.
type Target struct {
	Kind      TargetKind
	Statement string      // for KindBeforeStatement: what was typed, such as DROP DATABASE shop
	GTID      binlog.GTID // for KindBeforeGTID and KindToGTID
	Time      time.Time   // for KindToTime; whole microseconds, as the log has them
}

// Latest is the target of everything there is.
func Latest() Target { return Target{} }

// Before is the target just before a statement.
func Before(statement string) Target {
	return Target{Kind: KindBeforeStatement, Statement: strings.TrimSpace(statement)}
}

// BeforeGTID is the target just before transaction g.
func BeforeGTID(g binlog.GTID) Target { return Target{Kind: KindBeforeGTID, GTID: g} }

// ToGTID is the target just behind transaction g.
func ToGTID(g binlog.GTID) Target { return Target{Kind: KindToGTID, GTID: g} }

// ToTime is the target of everything up to the first transaction that was committed after t, which is
// cut to microseconds.
func ToTime(t time.Time) Target { return Target{Kind: KindToTime, Time: t.Truncate(time.Microsecond)} }

// String writes kind:value, for example "to-gtid:3e11…:23", or "latest"; ParseTarget reads it.
func (t Target) String() string {
	switch t.Kind {
	case KindBeforeStatement:
		return t.Kind.String() + ":" + t.Statement
	case KindBeforeGTID, KindToGTID:
		return t.Kind.String() + ":" + t.GTID.String()
	case KindToTime:
		return t.Kind.String() + ":" + FormatTime(t.Time)
	default:
		return t.Kind.String()
	}
}

// Describe says the target in words, for people.
func (t Target) Describe() string {
	switch t.Kind {
	case KindBeforeStatement:
		return "just before " + t.Statement
	case KindBeforeGTID:
		return "just before transaction " + t.GTID.String()
	case KindToGTID:
		return "up to and with transaction " + t.GTID.String()
	case KindToTime:
		return "everything committed up to " + FormatTime(t.Time)
	default:
		return "the latest transaction there is"
	}
}

// MarshalText writes what String does.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what String writes.
func (t *Target) UnmarshalText(text []byte) error {
	parsed, err := ParseTarget(string(text), time.UTC)
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}

// ParseTarget reads what String writes. A time without a zone is taken to be in zone. The error is ErrTarget.
func ParseTarget(text string, zone *time.Location) (Target, error) {
	kind, value, _ := strings.Cut(text, ":")
	for i, name := range kindNames {
		if name == strings.TrimSpace(kind) {
			return NewTarget(TargetKind(i), strings.TrimSpace(value), zone)
		}
	}
	return Target{}, fmt.Errorf("%w: %q (want latest, before:STATEMENT, before-gtid:GTID, to-gtid:GTID or to-time:TIME)", ErrTarget, text)
}

// NewTarget makes a target of a kind from its value as a person types it; the value of KindLatest is empty.
// A time without a zone is taken to be in zone. The error is ErrTarget.
func NewTarget(kind TargetKind, value string, zone *time.Location) (Target, error) {
	switch kind {
	case KindLatest:
		if value != "" {
			return Target{}, fmt.Errorf("%w: latest takes no value, not %q", ErrTarget, value)
		}
		return Latest(), nil
	case KindBeforeStatement:
		if value == "" {
			return Target{}, fmt.Errorf("%w: no statement given (want, for example, DROP DATABASE shop)", ErrTarget)
		}
		return Before(value), nil
	case KindBeforeGTID, KindToGTID:
		g, err := binlog.ParseGTID(value)
		if err != nil {
			return Target{}, fmt.Errorf("%w: %w", ErrTarget, err)
		}
		return Target{Kind: kind, GTID: g}, nil
	case KindToTime:
		at, err := ParseTime(value, zone)
		if err != nil {
			return Target{}, err
		}
		return ToTime(at), nil
	}
	return Target{}, fmt.Errorf("%w: unknown kind %d", ErrTarget, kind)
}

// The forms in which a time may be typed. Go's parser takes a fraction of a second after any of them.
var (
	zonedForms = [...]string{"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00"}
	localForms = [...]string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04"}
)

// ParseTime reads a time with up to six digits behind the second, with a zone (2026-11-21T14:03:11.000250Z, +02:00) or
// without (2026-11-21 14:03:11.00025), then in zone. More digits are refused: the log knows microseconds, and
// rounding would move the cut. The error is ErrTarget.
func ParseTime(text string, zone *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, form := range zonedForms {
		if t, err := time.Parse(form, text); err == nil {
			return wholeMicroseconds(t, text)
		}
	}
	for _, form := range localForms {
		if t, err := time.ParseInLocation(form, text, zone); err == nil {
			return wholeMicroseconds(t, text)
		}
	}
	return time.Time{}, fmt.Errorf("%w: time %q (want, for example, 2026-11-21T14:03:11.000250Z)", ErrTarget, text)
}

func wholeMicroseconds(t time.Time, text string) (time.Time, error) {
	if !t.Equal(t.Truncate(time.Microsecond)) {
		return time.Time{}, fmt.Errorf("%w: time %q has more than six digits behind the second; commit times are in microseconds", ErrTarget, text)
	}
	return t, nil
}

// FormatTime writes a time in UTC with microseconds, as every time of a plan is written.
func FormatTime(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}
