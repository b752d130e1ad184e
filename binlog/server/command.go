package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"lastwrite/binlog"
)

// errCommand says that a command's bytes are not what its code promises.
var errCommand = errors.New("malformed command")

// Flags of the dump commands (BINLOG_DUMP_NON_BLOCK and USE_HEARTBEAT_EVENT_V2 in sql/rpl_constants.h).
const (
	dumpNonBlock = 1 << 0
	dumpNewBeats = 1 << 1
)

// dumpRequest is what COM_BINLOG_DUMP or COM_BINLOG_DUMP_GTID asks for.
type dumpRequest struct {
	auto     bool // by GTID set
	nonBlock bool // end when there is no more, instead of waiting
	newBeats bool // heartbeats of version 2 are understood
	serverID uint32
	file     string
	pos      uint64
	have     binlog.GTIDSet
}

// decodeDumpGTID reads COM_BINLOG_DUMP_GTID without its command byte: flags 2, server id 4, length of the file name 4, file name,
// position 8, length of the GTID set 4, GTID set.
func decodeDumpGTID(b []byte) (dumpRequest, error) {
	r := fieldReader{b: b}
	q := dumpRequest{auto: true}
	q.setFlags(uint16(r.uint(2)))
	q.serverID = uint32(r.uint(4))
	q.file = r.text(r.uint(4))
	q.pos = r.uint(8)
	set := r.take(r.uint(4))
	if r.failed || len(r.b) > 0 {
		return dumpRequest{}, fmt.Errorf("decode COM_BINLOG_DUMP_GTID of %d bytes: %w", len(b), errCommand)
	}
	if len(set) == 0 {
		return q, nil
	}
	have, err := binlog.DecodeGTIDSet(set)
	if err != nil {
		return dumpRequest{}, fmt.Errorf("decode COM_BINLOG_DUMP_GTID: %w: %w", errCommand, err)
	}
	q.have = have
	return q, nil
}

// decodeDump reads COM_BINLOG_DUMP without its command byte: position 4, flags 2, server id 4, file name to the end.
func decodeDump(b []byte) (dumpRequest, error) {
	r := fieldReader{b: b}
	q := dumpRequest{pos: r.uint(4)}
	q.setFlags(uint16(r.uint(2)))
	q.serverID = uint32(r.uint(4))
	q.file = r.text(uint64(len(r.b)))
	if r.failed {
		return dumpRequest{}, fmt.Errorf("decode COM_BINLOG_DUMP of %d bytes: %w", len(b), errCommand)
	}
	return q, nil
}

func (q *dumpRequest) setFlags(flags uint16) {
	q.nonBlock = flags&dumpNonBlock != 0
	q.newBeats = flags&dumpNewBeats != 0
}

// registration is what COM_REGISTER_SLAVE tells of a replica.
type registration struct {
	serverID uint32
	host     string // report_host
	port     uint16 // report_port
}

// decodeRegister reads COM_REGISTER_SLAVE without its command byte: server id 4; host, user and password, each with a length
// of 1; port 2, rank 4 and source id 4, of which the last two mean nothing.
func decodeRegister(b []byte) (registration, error) {
	r := fieldReader{b: b}
	g := registration{serverID: uint32(r.uint(4))}
	g.host = r.text(r.uint(1))
	r.take(r.uint(1))
	r.take(r.uint(1))
	g.port = uint16(r.uint(2))
	if r.failed {
		return registration{}, fmt.Errorf("decode COM_REGISTER_SLAVE of %d bytes: %w", len(b), errCommand)
	}
	return g, nil
}

// fieldReader takes fields off the front of b; once it runs short it stays failed and yields zeros.
type fieldReader struct {
	b      []byte
	failed bool
}

func (r *fieldReader) take(n uint64) []byte {
	if r.failed || n > uint64(len(r.b)) {
		r.failed = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *fieldReader) uint(n uint64) uint64 {
	var v [8]byte
	copy(v[:], r.take(n))
	return binary.LittleEndian.Uint64(v[:])
}

// text takes a name, which is to be shown in logs: it must be UTF-8.
func (r *fieldReader) text(n uint64) string {
	b := r.take(n)
	if !utf8.Valid(b) {
		r.failed = true
	}
	return string(b)
}
