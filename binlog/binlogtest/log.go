package binlogtest

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"lastwrite/binlog"
)

// Log is a server's binary log in memory.
type Log struct {
	Server   string
	Files    []*File
	Executed *binlog.GTIDSetBuilder

	id    uuid.UUID
	next  int64
	clock time.Time
}

// File is one log file, from its magic number on.
type File struct {
	Name   string
	Data   []byte
	Starts []uint64 // offsets of the events
}

// New begins a log whose first file presumes before. Commit times begin at 2026-01-01 and grow by a millisecond.
func New(server string, before binlog.GTIDSet) *Log {
	l := &Log{Server: server, Executed: binlog.NewGTIDSetBuilder(before), id: uuid.MustParse(server), clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	l.open()
	return l
}

func (l *Log) current() *File { return l.Files[len(l.Files)-1] }

func (l *Log) open() {
	l.Files = append(l.Files, &File{Name: fmt.Sprintf("binlog.%06d", len(l.Files)+1), Data: binlog.FileMagic()})
	fde := make([]byte, 2+50+4+1+44+1)
	fde[0], fde[56] = 4, binlog.HeaderSize
	copy(fde[2:], "9.7.4")
	fde[len(fde)-1] = 1
	l.event(binlog.TypeFormatDescription, fde)
	prev, _ := l.Executed.Set().AppendBinary(nil)
	l.event(binlog.TypePreviousGTIDs, prev)
}

func (l *Log) event(t binlog.EventType, body []byte) {
	f := l.current()
	f.Starts = append(f.Starts, uint64(len(f.Data)))
	f.Data = append(f.Data, rawEvent(t, uint64(len(f.Data)), body)...)
}

func rawEvent(t binlog.EventType, at uint64, body []byte) []byte {
	size := binlog.HeaderSize + len(body) + binlog.ChecksumSize
	raw := make([]byte, size)
	binlog.Header{Timestamp: 1, Type: t, ServerID: 1, Size: uint32(size), NextPos: uint32(at) + uint32(size)}.Put(raw)
	copy(raw[binlog.HeaderSize:], body)
	binlog.SealChecksum(raw)
	return raw
}

// Rotate ends the file and begins the next.
func (l *Log) Rotate() {
	l.event(binlog.TypeRotate, append([]byte{4, 0, 0, 0, 0, 0, 0, 0}, fmt.Sprintf("binlog.%06d", len(l.Files)+1)...))
	l.open()
}

type event struct {
	t    binlog.EventType
	body []byte
}

// transaction writes a GTID event with the right length, and the events.
func (l *Log) transaction(events []event) binlog.GTID {
	l.next++
	l.clock = l.clock.Add(time.Millisecond)
	g := binlog.GTID{SID: binlog.SID{UUID: l.id}, N: l.next}
	length := binlog.HeaderSize + len(l.gtid(0)) + binlog.ChecksumSize
	for _, e := range events {
		length += binlog.HeaderSize + len(e.body) + binlog.ChecksumSize
	}
	l.event(binlog.TypeGTID, l.gtid(uint64(length)))
	for _, e := range events {
		l.event(e.t, e.body)
	}
	l.Executed.Add(g)
	return g
}

func (l *Log) gtid(length uint64) []byte {
	b := append([]byte{0}, l.id[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(l.next))
	b = append(b, 2)
	b = binary.LittleEndian.AppendUint64(b, uint64(l.next-1))
	b = binary.LittleEndian.AppendUint64(b, uint64(l.next))
	b = append(b, binary.LittleEndian.AppendUint64(nil, uint64(l.clock.UnixMicro()))[:7]...)
	return binary.LittleEndian.AppendUint64(append(b, 254), length)
}

// LastCommit is the commit time of the latest transaction.
func (l *Log) LastCommit() time.Time { return l.clock }

// Insert writes a transaction that inserts rows of the given total size, in events of at most 8 KiB, into one table.
func (l *Log) Insert(schema, table string, size int) binlog.GTID {
	return l.InsertEvents(schema, table, size, 8<<10)
}

// InsertEvents is Insert with another limit for the size of an event.
func (l *Log) InsertEvents(schema, table string, size, limit int) binlog.GTID {
	events := []event{{binlog.TypeQuery, queryBody(schema, "BEGIN", false)}, {binlog.TypeTableMap, tableMapBody(schema, table)}}
	for i := 0; size > 0; i++ {
		body := make([]byte, 8+min(size, limit))
		body[0] = 1
		for k := range body[8:] {
			body[8+k] = byte(i + k*k)
		}
		events = append(events, event{binlog.TypeWriteRows, body})
		size -= limit
	}
	return l.transaction(append(events, event{binlog.TypeXid, make([]byte, 8)}))
}

// Statement writes a transaction of one statement; changed as in binlog.Statement.
func (l *Log) Statement(schema, text string, changed bool) binlog.GTID {
	return l.transaction([]event{{binlog.TypeQuery, queryBody(schema, text, changed)}})
}

func queryBody(schema, text string, changed bool) []byte {
	b := make([]byte, 13)
	b[8] = byte(len(schema))
	if changed {
		b[11] = 9
		b = binary.LittleEndian.AppendUint64(append(b, 17), 4711)
	}
	return append(append(append(b, schema...), 0), text...)
}

func tableMapBody(schema, table string) []byte {
	b := append([]byte{1, 0, 0, 0, 0, 0, 1, 0, byte(len(schema))}, schema...)
	return append(append(append(b, 0, byte(len(table))), table...), 0)
}
