package main

import (
	"fmt"
	"strings"
	"time"

	"lastwrite/binlog/archive"
	"lastwrite/binlog/statement"
	"lastwrite/pitr"
)

// logEntry is a line of `lastwrite log --json`.
type logEntry struct {
	GTID        string             `json:"gtid"`
	Committed   time.Time          `json:"committed"`
	Originally  time.Time          `json:"originally_committed,omitzero"` // where it came from, if that is another time
	Server      string             `json:"server"`                        // server_uuid of the log's server
	File        string             `json:"file"`
	Start       uint64             `json:"start"`
	End         uint64             `json:"end"`
	Bytes       uint64             `json:"bytes"`
	Events      int                `json:"events"`
	Destructive bool               `json:"destructive"`
	Tables      []logTable         `json:"tables"`
	Statements  []logStatement     `json:"statements"`
	Effects     []statement.Effect `json:"effects"`          // what the statements do
	Opaque      bool               `json:"opaque,omitempty"` // tables and statements may be incomplete
}

// logTable tells of changed rows.
type logTable struct {
	Schema string   `json:"schema"`
	Table  string   `json:"table"`
	Ops    []string `json:"ops"` // insert, update, delete
	Bytes  uint64   `json:"bytes"`
}

// logStatement is a statement logged as text.
type logStatement struct {
	Schema  string `json:"schema"` // default database of its session
	Text    string `json:"text"`
	Cut     bool   `json:"cut,omitempty"` // Text is only the beginning
	Changed bool   `json:"changed"`       // false for a DROP IF EXISTS of what was not there
}

func newLogEntry(f *archive.Found) logEntry {
	e := logEntry{
		GTID: f.GTID.String(), Committed: f.Committed.UTC(), Server: f.Server, File: f.File, Start: f.Start, End: f.End, Bytes: f.Size(),
		Events: f.Events, Tables: []logTable{}, Statements: []logStatement{}, Effects: []statement.Effect{}, Opaque: f.Opaque,
	}
	if !f.Originally.IsZero() && !f.Originally.Equal(f.Committed) {
		e.Originally = f.Originally.UTC()
	}
	for _, t := range f.Tables {
		e.Tables = append(e.Tables, logTable{t.Schema, t.Table, strings.Split(t.Ops.String(), ","), t.Bytes})
	}
	for _, st := range f.Statements {
		e.Statements = append(e.Statements, logStatement{st.Schema, st.Text, st.Cut, st.Changed})
	}
	for _, effect := range f.Effects {
		e.Effects = append(e.Effects, effect)
		e.Destructive = e.Destructive || effect.Destroys
	}
	if len(f.Statements) == 1 && noOp(e.Statements[0]) {
		e.Destructive = false
	}
	return e
}

// noOp tells whether a statement with IF EXISTS found nothing to do.
func noOp(st logStatement) bool {
	return !st.Changed && strings.Contains(strings.ToUpper(cut(st.Text, maxLogText)), " IF ")
}

// maxLogText is how much of a statement a line for people shows, in characters.
const maxLogText = 120

// String is the line for people.
func (e logEntry) String() string {
	mark := " "
	if e.Destructive {
		mark = "!"
	}
	return fmt.Sprintf("%s %s  %-42s  %9s  %s", mark, when(e.Committed), e.GTID, pitr.FormatBytes(int64(e.Bytes)), e.what())
}

// what says in words what the transaction did.
func (e logEntry) what() string {
	var parts []string
	for _, st := range e.Statements {
		text := cut(st.Text, maxLogText)
		if noOp(st) {
			text += "  (changed nothing)"
		}
		parts = append(parts, text)
	}
	const most = 4
	for i, t := range e.Tables {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %s more", count(len(e.Tables)-most, "table")))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %s.%s", strings.Join(t.Ops, ","), t.Schema, t.Table))
	}
	if e.Opaque {
		parts = append(parts, "(not all of it is listed)")
	}
	return strings.Join(parts, "; ")
}
