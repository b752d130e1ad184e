package binlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/google/uuid"
)

// GTIDEvent is what the first event of a transaction says (GTID, anonymous GTID and tagged GTID events).
type GTIDEvent struct {
	GTID           GTID // zero for an anonymous transaction
	LastCommitted  int64
	SequenceNumber int64
	Committed      time.Time // on the server that wrote this file, microseconds; zero before MySQL 8.0.1
	Originally     time.Time // on the server where the transaction was first committed
	Length         uint64    // of the whole transaction in the log, in bytes; 0 before MySQL 8.0.2
}

// Layout of a GTID event's body: flags 1, UUID 16, number 8, logical clock type 1 (always 2), last committed 8, sequence
// number 8, then commit time 7 (and 7 more for the original one where bit 55 is set), length 1-9, server version 4 or 8.
const (
	logicalClock     = 2
	commitTimeLen    = 7
	originalTimeFlag = 1 << 55
)

// DecodeGTIDEvent reads the body of a GTID event of type t. It returns ErrMalformed where it cannot.
func DecodeGTIDEvent(t EventType, body []byte) (GTIDEvent, error) {
	if t == TypeTaggedGTID {
		return decodeTaggedGTID(body)
	}
	r := byteReader{b: body}
	var g GTIDEvent
	r.byte()
	copy(g.GTID.SID.UUID[:], r.take(uuidLen))
	g.GTID.N = int64(r.uint64())
	if t == TypeAnonymousGTID {
		g.GTID = GTID{}
	}
	if r.failed || (t == TypeGTID && g.GTID.N < 1) {
		return GTIDEvent{}, fmt.Errorf("decode GTID event of %d bytes: %w", len(body), ErrMalformed)
	}
	if len(r.b) == 0 || r.byte() != logicalClock {
		return g, nil
	}
	g.LastCommitted, g.SequenceNumber = int64(r.uint64()), int64(r.uint64())
	if len(r.b) >= commitTimeLen {
		at := r.uint(commitTimeLen)
		g.Committed = microseconds(at &^ originalTimeFlag)
		g.Originally = g.Committed
		if at&originalTimeFlag != 0 {
			g.Originally = microseconds(r.uint(commitTimeLen))
		}
		if len(r.b) > 0 {
			g.Length = r.lenenc()
		}
	}
	if r.failed {
		return GTIDEvent{}, fmt.Errorf("decode GTID event of %d bytes: %w", len(body), ErrMalformed)
	}
	return g, nil
}

// decodeTaggedGTID reads the form that tagged GTIDs use (mysql::serialization), by go-mysql's decoder.
func decodeTaggedGTID(body []byte) (g GTIDEvent, err error) {
	defer func() { // the decoder trusts lengths it reads
		if recover() != nil {
			err = fmt.Errorf("decode tagged GTID event of %d bytes: %w", len(body), ErrMalformed)
		}
	}()
	var e replication.GtidTaggedLogEvent
	if err := e.Decode(body); err != nil {
		return GTIDEvent{}, fmt.Errorf("decode tagged GTID event: %w: %w", ErrMalformed, err)
	}
	id, err := uuid.FromBytes(e.SID)
	if err != nil || e.GNO < 1 {
		return GTIDEvent{}, fmt.Errorf("decode tagged GTID event of %d bytes: %w", len(body), ErrMalformed)
	}
	g = GTIDEvent{
		GTID:          GTID{SID: SID{UUID: id, Tag: e.Tag.String()}, N: e.GNO},
		LastCommitted: e.LastCommitted, SequenceNumber: e.SequenceNumber,
		Committed:  microseconds(e.ImmediateCommitTimestamp),
		Originally: microseconds(e.OriginalCommitTimestamp),
		Length:     e.TransactionLength,
	}
	if g.Originally.IsZero() {
		g.Originally = g.Committed
	}
	return g, nil
}

func microseconds(us uint64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(us)).UTC()
}

// Query is what a query event holds: a statement that is not rows.
type Query struct {
	Schema  []byte // the session's default database; points into the event
	SQLMode uint64
	Charset uint16 // collation id of character_set_client, which the text is in; 0: not told
	Changed bool   // a DDL statement that changed something: the event carries an Xid of its own
	Text    []byte // may be the beginning only, where the event comes in pieces; points into the event
}

// Status variables of a query event (mysql::binlog::event::Query_event::Query_event_post_header_offsets) with a fixed length.
var statusVarLen = map[byte]int{
	0: 4, 1: 8, 3: 4, 7: 2, 8: 2, 9: 8, 10: 4, 13: 3, 16: 1, 17: 8, 18: 2, 19: 1, 20: 1,
}

const (
	statusSQLMode       = 1
	statusCatalog       = 2
	statusCharset       = 4
	statusTimeZone      = 5
	statusCatalogNZ     = 6
	statusInvoker       = 11
	statusUpdatedDBs    = 12
	statusXid           = 17
	updatedDBsTooMany   = 254
	queryPostHeaderSize = 13
)

// DecodeQuery reads the body of a query event. It returns ErrMalformed where it cannot.
func DecodeQuery(body []byte) (Query, error) {
	var q Query
	if len(body) < queryPostHeaderSize {
		return q, fmt.Errorf("decode query event of %d bytes: %w", len(body), ErrMalformed)
	}
	schemaLen := int(body[8])
	varsLen := int(binary.LittleEndian.Uint16(body[11:]))
	rest := body[queryPostHeaderSize:]
	if len(rest) < varsLen+schemaLen+1 {
		return q, fmt.Errorf("decode query event of %d bytes: %w", len(body), ErrMalformed)
	}
	q.decodeStatus(rest[:varsLen])
	q.Schema = rest[varsLen : varsLen+schemaLen]
	q.Text = rest[varsLen+schemaLen+1:]
	return q, nil
}

// decodeStatus reads the status variables up to the first one it does not know, as a server does.
func (q *Query) decodeStatus(vars []byte) {
	r := byteReader{b: vars}
	for len(r.b) > 0 && !r.failed {
		switch code := r.byte(); code {
		case statusSQLMode:
			q.SQLMode = r.uint64()
		case statusXid:
			r.uint64()
			q.Changed = !r.failed
		case statusCharset:
			q.Charset = uint16(r.uint(2))
			r.take(4)
		case statusCatalog:
			r.take(int(r.byte()) + 1)
		case statusTimeZone, statusCatalogNZ:
			r.take(int(r.byte()))
		case statusInvoker:
			r.take(int(r.byte()))
			r.take(int(r.byte()))
		case statusUpdatedDBs:
			n := r.byte()
			if n == updatedDBsTooMany {
				continue
			}
			for range n {
				end := bytes.IndexByte(r.b, 0)
				r.take(end + 1)
				r.failed = r.failed || end < 0
			}
		default:
			n, known := statusVarLen[code]
			if !known {
				return
			}
			r.take(n)
		}
	}
}

// TableName is the part of a table map event's body that names the table.
type TableName struct {
	Schema, Table []byte // point into the event
	Key           []byte // the bytes both stand in; equal for equal names
}

// DecodeTableMap reads the table's schema and name from the body of a table map event.
func DecodeTableMap(body []byte) (TableName, error) {
	const idAndFlags = 8
	r := byteReader{b: body}
	r.take(idAndFlags)
	var n TableName
	n.Schema = r.take(int(r.byte()))
	r.byte()
	n.Table = r.take(int(r.byte()))
	if r.failed {
		return TableName{}, fmt.Errorf("decode table map event of %d bytes: %w", len(body), ErrMalformed)
	}
	n.Key = body[idAndFlags : len(body)-len(r.b)]
	return n, nil
}

// DecodeRotate reads the next file's position from the body of a rotate event.
func DecodeRotate(body []byte) (Position, error) {
	if len(body) <= 8 {
		return Position{}, fmt.Errorf("decode rotate event of %d bytes: %w", len(body), ErrMalformed)
	}
	return Position{File: string(body[8:]), Offset: binary.LittleEndian.Uint64(body)}, nil
}
