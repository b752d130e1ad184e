package binlog

import (
	"strings"
	"time"
)

// Transaction is what the log says of one transaction, without its rows.
type Transaction struct {
	GTID           GTID // zero: anonymous
	Committed      time.Time
	Originally     time.Time // committed on the server it came from
	LastCommitted  int64     // logical clock of the parallel applier, counted anew in each file
	SequenceNumber int64
	Start, End     uint64 // offsets in the log file: of the GTID event, and behind the last event
	Events         int
	Tables         []TableChange // in order of first appearance
	Statements     []Statement   // everything that is not rows: DDL, account management, statement-based changes
	Opaque         bool          // Tables and Statements may be incomplete (see Assembler)
}

// Size is the transaction's length in the log in bytes.
func (t *Transaction) Size() uint64 { return t.End - t.Start }

// TableChange tells of the row changes in one table.
type TableChange struct {
	Schema, Table string
	Ops           Ops
	Bytes         uint64 // of row events
}

// Ops is a set of kinds of row changes.
type Ops uint8

// The kinds of row changes.
const (
	Insert Ops = 1 << iota
	Update
	Delete
)

// String writes, for example, "insert,delete".
func (o Ops) String() string {
	var names []string
	for bit, name := range []string{"insert", "update", "delete"} {
		if o&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// Statement is a statement logged as text.
type Statement struct {
	Schema  string // default database of the session
	SQLMode uint64 // of the session; decides what quotes mean
	Charset uint16 // collation id of the session's character_set_client, which Text is in; 0: not told
	Changed bool   // DDL that changed something; a DROP … IF EXISTS of what is not there has it false
	Text    string // at most MaxStatement bytes
	Cut     bool   // whether Text is only the beginning
}

// MaxStatement is how much of a statement's text is kept for searching, in bytes. The log itself holds all of it.
const MaxStatement = 64 << 10

// opsOf maps a rows event to what it does; zero for other events.
func opsOf(t EventType) Ops {
	switch t {
	case TypeWriteRows, TypeWriteRowsV1:
		return Insert
	case TypeUpdateRows, TypeUpdateRowsV1, TypePartialUpdateRows:
		return Update
	case TypeDeleteRows, TypeDeleteRowsV1:
		return Delete
	}
	return 0
}

// control is the part a query event plays in the structure of a transaction.
type control uint8

const (
	controlNone   control = iota // a statement of its own
	controlBegin                 // opens a group: BEGIN, XA START
	controlEnd                   // closes it: COMMIT, ROLLBACK
	controlInside                // SAVEPOINT, ROLLBACK TO, XA END
)

// controlOf classifies the texts the server itself writes to structure the log (MYSQL_BIN_LOG, binlog_cache_data, xa).
func controlOf(text []byte) control {
	if len(text) == 0 {
		return controlNone
	}
	switch text[0] | 0x20 {
	case 'b':
		if hasWord(text, "BEGIN") && len(text) == len("BEGIN") {
			return controlBegin
		}
	case 'c':
		if hasWord(text, "COMMIT") && len(text) == len("COMMIT") {
			return controlEnd
		}
	case 'r':
		switch {
		case hasWord(text, "ROLLBACK TO"):
			return controlInside
		case hasWord(text, "ROLLBACK") && len(text) == len("ROLLBACK"):
			return controlEnd
		}
	case 's':
		if hasWord(text, "SAVEPOINT") {
			return controlInside
		}
	case 'x':
		switch {
		case hasWord(text, "XA START"), hasWord(text, "XA BEGIN"):
			return controlBegin
		case hasWord(text, "XA END"):
			return controlInside
		}
	}
	return controlNone
}

// hasWord tells whether text begins with word (upper case), in any case, and does not go on with a letter.
func hasWord(text []byte, word string) bool {
	if len(text) < len(word) {
		return false
	}
	for i := range len(word) {
		c := text[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return len(text) == len(word) || !isWordByte(text[len(word)])
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}
