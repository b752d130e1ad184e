package statement

import (
	"fmt"
	"strings"
)

// Class is what sort of thing an object is.
type Class uint8

// The classes. A user is a role too: MySQL keeps both as accounts. A temporary
// table is a class of its own, for its end costs nobody but its session.
const (
	ClassDatabase Class = iota
	ClassTable
	ClassTemporaryTable
	ClassView
	ClassIndex
	ClassProcedure
	ClassFunction
	ClassTrigger
	ClassEvent
	ClassUser
	ClassTablespace
	ClassLogfileGroup
	ClassServer
	ClassResourceGroup
	ClassLibrary
	ClassReferenceSystem
	classEnd
)

var classNames = [classEnd]string{
	ClassDatabase:        "database",
	ClassTable:           "table",
	ClassTemporaryTable:  "temporary-table",
	ClassView:            "view",
	ClassIndex:           "index",
	ClassProcedure:       "procedure",
	ClassFunction:        "function",
	ClassTrigger:         "trigger",
	ClassEvent:           "event",
	ClassUser:            "user",
	ClassTablespace:      "tablespace",
	ClassLogfileGroup:    "logfile-group",
	ClassServer:          "server",
	ClassResourceGroup:   "resource-group",
	ClassLibrary:         "library",
	ClassReferenceSystem: "reference-system",
}

// String returns the stable text name, e.g. "table".
func (c Class) String() string {
	if c >= classEnd {
		return fmt.Sprintf("class(%d)", uint8(c))
	}
	return classNames[c]
}

// MarshalText gives the name of String.
func (c Class) MarshalText() ([]byte, error) {
	if c >= classEnd {
		return nil, fmt.Errorf("marshal class of object: %d is not one", uint8(c))
	}
	return []byte(classNames[c]), nil
}

// UnmarshalText takes the names of String.
func (c *Class) UnmarshalText(text []byte) error {
	for i, n := range classNames {
		if n == string(text) {
			*c = Class(i)
			return nil
		}
	}
	return fmt.Errorf("unmarshal class of object: %q is not one", text)
}

// Object is one thing in a server, by its name. Names are as the text has them,
// without quotes and escapes; their case is not changed, also where the server
// folds it (lower_case_table_names).
type Object struct {
	Class Class `json:"class"`
	// Schema is the database of what lives in one, filled from the event's default
	// schema when the text has none. For ClassDatabase it is the database itself.
	Schema string `json:"schema,omitempty"`
	// Name is the object's own name; empty for ClassDatabase. A user's name is
	// "name@host", with the host "%" where the text has none. An index is named by
	// itself: its table is another object of the same effect.
	Name string `json:"name,omitempty"`
}

// String returns the name as people write it: shop, shop.orders, app@%.
func (o Object) String() string {
	switch {
	case o.Name == "":
		return o.Schema
	case o.Schema == "":
		return o.Name
	}
	return o.Schema + "." + o.Name
}

// Effect is one thing that a statement does.
type Effect struct {
	Kind Kind `json:"kind"`
	// Destroys says that rows or definitions are gone afterwards: DROP of anything
	// but an index or a temporary table, TRUNCATE, DELETE without WHERE or LIMIT,
	// and of ALTER TABLE: drop column, drop, truncate, exchange or discard
	// partition, discard tablespace, ENGINE=BLACKHOLE. Overwriting a definition
	// (ALTER VIEW, CREATE OR REPLACE) or rows (UPDATE) is a change, not a loss.
	Destroys bool `json:"destroys,omitempty"`
	// Objects are what it is done to, in the order of the text. RENAME TABLE has
	// two, old name and new name; an index comes before its table.
	Objects []Object `json:"objects,omitempty"`
	// Detail is a stable phrase where kind and objects do not say it all:
	// "drop column note", "truncate partition p0", "every row".
	Detail string `json:"detail,omitempty"`
}

// String returns kind, objects and detail in one line for people.
func (e Effect) String() string {
	var b strings.Builder
	b.WriteString(e.Kind.String())
	for i, o := range e.Objects {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte(' ')
		b.WriteString(o.String())
	}
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	return b.String()
}

// Statement is what was understood of one text.
type Statement struct {
	// Effects in the order of the text. Empty for a text without a statement
	// (empty, only comments); KindOther stands for a statement of no known kind.
	Effects []Effect `json:"effects,omitempty"`
	// Parsed is true when the whole text was understood; false when it was read by
	// its keywords only, or only its first 4 MiB were.
	Parsed bool `json:"parsed,omitempty"`
}

// Destroys reports whether any effect does.
func (s Statement) Destroys() bool {
	for _, e := range s.Effects {
		if e.Destroys {
			return true
		}
	}
	return false
}

// Kind returns the kind of the first effect, KindOther when there is none.
func (s Statement) Kind() Kind {
	if len(s.Effects) == 0 {
		return KindOther
	}
	return s.Effects[0].Kind
}

// String joins the effects with "; ".
func (s Statement) String() string {
	parts := make([]string, len(s.Effects))
	for i, e := range s.Effects {
		parts[i] = e.String()
	}
	return strings.Join(parts, "; ")
}

// Context is what an event says about its text beside the text.
type Context struct {
	// DefaultSchema is the event's db field: where unqualified names live.
	DefaultSchema string
	// SQLMode is MySQL's numeric sql_mode from the event's status variables
	// (Q_SQL_MODE_CODE). ANSI_QUOTES (4) and NO_BACKSLASH_ESCAPES (1<<20) change
	// where names and strings end.
	SQLMode uint64
	// Charset is the collation id of character_set_client from the event's status
	// variables (Q_CHARSET_CODE, first of its three numbers); 0 is taken as UTF-8.
	Charset uint16
}
