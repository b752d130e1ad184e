package binlog

import "fmt"

// Position is a place in one log file.
type Position struct {
	File   string `json:"file"`
	Offset uint64 `json:"offset"` // bytes from the start of the file
}

// String writes the position as file:offset.
func (p Position) String() string { return fmt.Sprintf("%s:%d", p.File, p.Offset) }

// Cursor is a place in the history of a server, at a boundary between transactions.
type Cursor struct {
	Server   string  // server_uuid of the server that Position belongs to; empty: nothing was read yet
	Position         // behind the last event taken
	Executed GTIDSet // every transaction that lies before the cursor, read by us or not
	Known    bool    // whether Executed is known: false before the first file's previous-GTIDs event
}

// Fresh tells whether nothing was read yet.
func (c Cursor) Fresh() bool { return c.Server == "" }
