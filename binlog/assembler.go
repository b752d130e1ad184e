package binlog

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrTorn says that events do not form whole transactions: one ends where it must not, or does not begin.
var ErrTorn = errors.New("torn transaction")

// Step says what an event is to the transaction around it.
type Step uint8

// The steps.
const (
	Outside Step = iota // belongs to the log file, not to a transaction
	Begin               // first event of a transaction
	Inside              // neither first nor last
	End                 // last event; Assembler.Transaction tells what was found
)

// Assembler finds the boundaries of transactions in the events of a log, in order, and notes what each holds.
//
// A transaction begins with its GTID event. It ends with an Xid or XA prepare event or a COMMIT
// or ROLLBACK statement where BEGIN or XA START opened a group; otherwise with the one
// statement or the one compressed payload behind the GTID event. Where the GTID event tells the
// transaction's length (MySQL 8.0.2 and later), both findings must agree.
//
// What is inside a compressed payload is listed too, unless the payload came in pieces or
// cannot be read: then the transaction is marked Opaque.
type Assembler struct {
	state    state
	checksum bool
	txn      Transaction
	length   uint64          // announced by the GTID event; 0: not announced
	pending  bool            // the event at hand closes the transaction with its last piece
	tables   map[uint64]int  // table id → index in txn.Tables
	names    map[string]name // interned table names
	payload  payloadReader
}

type state uint8

const (
	idle    state = iota // between transactions
	started              // GTID event seen
	grouped              // BEGIN seen
)

type name struct{ schema, table string }

// maxInterned bounds the table names kept between transactions.
const maxInterned = 1 << 16

// NewAssembler returns an Assembler that stands between transactions.
func NewAssembler() *Assembler {
	return &Assembler{tables: map[uint64]int{}, names: map[string]name{}}
}

// Reset forgets the transaction at hand.
func (a *Assembler) Reset() {
	a.state, a.pending = idle, false
	a.clear()
}

// Open tells whether a transaction has begun and not ended.
func (a *Assembler) Open() bool { return a.state != idle }

// Transaction returns what was found; whole after Add has answered End, and valid until the next Add.
func (a *Assembler) Transaction() *Transaction { return &a.txn }

// Add takes the next event, or the next piece of one, of a log in the given format. After an error
// (ErrTorn, ErrMalformed) the Assembler must be Reset.
func (a *Assembler) Add(ev *Event, format *Format) (Step, error) {
	if ev.First() {
		a.checksum = format == nil || format.Checksum
		step, err := a.first(ev)
		if err != nil || step == Outside || step == Begin {
			return step, err
		}
	}
	if a.state == idle {
		return Outside, nil // later piece of an event outside transactions
	}
	if !ev.Last() || !a.pending {
		return Inside, nil
	}
	return a.finish(ev)
}

// first handles the first piece of an event: all that can be known from it.
func (a *Assembler) first(ev *Event) (Step, error) {
	switch ev.Header.Type {
	case TypeGTID, TypeAnonymousGTID, TypeTaggedGTID:
		return a.begin(ev)
	case TypeFormatDescription, TypePreviousGTIDs, TypeRotate, TypeStop:
		if a.state != idle {
			return Outside, fmt.Errorf("%w: %s is not complete when event type %d at offset %d ends the file",
				ErrTorn, a.txn.GTID, ev.Header.Type, ev.Start)
		}
		return Outside, nil
	}
	if a.state == idle {
		if ev.Header.Type == TypeIncident || ev.Header.Type == TypeHeartbeat || ev.Header.Type == TypeHeartbeatV2 {
			return Outside, nil
		}
		return Outside, fmt.Errorf("%w: event type %d at offset %d follows no GTID event", ErrTorn, ev.Header.Type, ev.Start)
	}
	a.txn.Events++
	return Inside, a.inside(ev)
}

func (a *Assembler) begin(ev *Event) (Step, error) {
	if a.state != idle {
		return Outside, fmt.Errorf("%w: %s is not complete when the next begins at offset %d", ErrTorn, a.txn.GTID, ev.Start)
	}
	g, err := DecodeGTIDEvent(ev.Header.Type, ev.Body(a.checksum))
	if err != nil {
		return Outside, err
	}
	a.clear()
	a.state, a.length = started, g.Length
	a.txn.GTID, a.txn.Committed, a.txn.Originally = g.GTID, g.Committed, g.Originally
	a.txn.LastCommitted, a.txn.SequenceNumber = g.LastCommitted, g.SequenceNumber
	a.txn.Start, a.txn.Events = ev.Start, 1
	return Begin, nil
}

func (a *Assembler) clear() {
	clear(a.tables)
	a.txn = Transaction{Tables: a.txn.Tables[:0], Statements: a.txn.Statements[:0]}
}

// inside notes what an event of a transaction holds, and whether it closes it.
func (a *Assembler) inside(ev *Event) error {
	body := ev.Body(a.checksum)
	switch t := ev.Header.Type; t {
	case TypeQuery:
		return a.query(body, !ev.Last())
	case TypeXid, TypeXAPrepare:
		a.pending = a.state == grouped
	case TypeTransactionPayload:
		a.pending = a.state == started
		if !ev.Last() || a.payload.read(body, a) != nil {
			a.txn.Opaque = true
		}
	case TypeIncident:
		a.pending = a.state == started
	case TypeTableMap:
		return a.tableMap(body)
	default:
		a.rows(t, body, uint64(ev.Header.Size))
	}
	return nil
}

func (a *Assembler) query(body []byte, cut bool) error {
	q, err := DecodeQuery(body)
	if err != nil {
		return err
	}
	switch c := controlOf(q.Text); {
	case c == controlBegin && a.state == started:
		a.state = grouped
	case c == controlEnd && a.state == grouped:
		a.pending = true
	case c == controlInside:
	default:
		a.pending = a.state == started
		a.statement(q, cut)
	}
	return nil
}

func (a *Assembler) statement(q Query, cut bool) {
	if len(q.Text) > MaxStatement {
		q.Text, cut = q.Text[:MaxStatement], true
	}
	a.txn.Statements = append(a.txn.Statements, Statement{
		Schema: string(q.Schema), SQLMode: q.SQLMode, Charset: q.Charset, Changed: q.Changed, Text: string(q.Text), Cut: cut,
	})
}

func (a *Assembler) tableMap(body []byte) error {
	tn, err := DecodeTableMap(body)
	if err != nil {
		return err
	}
	n := a.intern(tn)
	id := tableID(body)
	for i := range a.txn.Tables {
		if a.txn.Tables[i].Schema == n.schema && a.txn.Tables[i].Table == n.table {
			a.tables[id] = i
			return nil
		}
	}
	a.tables[id] = len(a.txn.Tables)
	a.txn.Tables = append(a.txn.Tables, TableChange{Schema: n.schema, Table: n.table})
	return nil
}

// intern keeps one copy of a name, since the same few tables come again and again.
func (a *Assembler) intern(tn TableName) name {
	if n, ok := a.names[string(tn.Key)]; ok {
		return n
	}
	if len(a.names) >= maxInterned {
		clear(a.names)
	}
	n := name{string(tn.Schema), string(tn.Table)}
	a.names[string(tn.Key)] = n
	return n
}

func (a *Assembler) rows(t EventType, body []byte, size uint64) {
	ops := opsOf(t)
	if ops == 0 || len(body) < 6 {
		return
	}
	if i, ok := a.tables[tableID(body)]; ok {
		a.txn.Tables[i].Ops |= ops
		a.txn.Tables[i].Bytes += size
	}
}

// tableID is the first six bytes of a table map or rows event's body.
func tableID(body []byte) uint64 {
	if len(body) < 6 {
		return 0
	}
	return uint64(binary.LittleEndian.Uint32(body)) | uint64(binary.LittleEndian.Uint16(body[4:]))<<32
}

// finish closes the transaction with the last piece of its last event.
func (a *Assembler) finish(ev *Event) (Step, error) {
	a.state, a.pending = idle, false
	a.txn.End = ev.End()
	if a.length != 0 && a.length != a.txn.Size() {
		return Outside, fmt.Errorf("%w: %s takes %d bytes in the log and announced %d", ErrTorn, a.txn.GTID, a.txn.Size(), a.length)
	}
	return End, nil
}
