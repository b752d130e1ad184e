package binlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// EventType is the type code of a log event (mysql::binlog::event::Log_event_type).
type EventType uint8

// The event types lastwrite looks at. Every other type is carried unchanged.
const (
	TypeQuery              EventType = 2
	TypeStop               EventType = 3
	TypeRotate             EventType = 4
	TypeIntvar             EventType = 5
	TypeFormatDescription  EventType = 15
	TypeXid                EventType = 16
	TypeTableMap           EventType = 19
	TypeWriteRowsV1        EventType = 23
	TypeUpdateRowsV1       EventType = 24
	TypeDeleteRowsV1       EventType = 25
	TypeIncident           EventType = 26
	TypeHeartbeat          EventType = 27
	TypeRowsQuery          EventType = 29
	TypeWriteRows          EventType = 30
	TypeUpdateRows         EventType = 31
	TypeDeleteRows         EventType = 32
	TypeGTID               EventType = 33
	TypeAnonymousGTID      EventType = 34
	TypePreviousGTIDs      EventType = 35
	TypeXAPrepare          EventType = 38
	TypePartialUpdateRows  EventType = 39
	TypeTransactionPayload EventType = 40
	TypeHeartbeatV2        EventType = 41
	TypeTaggedGTID         EventType = 42
)

// Flags of an event header.
const (
	// FlagInUse marks, in a format description event on disk, a file that was not closed.
	FlagInUse uint16 = 0x1
	// FlagArtificial marks an event that a source made up for one replica.
	FlagArtificial uint16 = 0x20
)

const (
	// HeaderSize is the length of an event header in bytes (binlog version 4).
	HeaderSize = 19
	// ChecksumSize is the length in bytes of the CRC32 at the end of an event.
	ChecksumSize = 4
	// FileHeaderSize is the length in bytes of the magic number before a file's first event.
	FileHeaderSize = 4
	// MaxEventSize is the largest event length, in bytes, that is believed: MySQL's limit
	// for a packet (1 GiB) and room for its headers.
	MaxEventSize = 1<<30 + 1<<20
)

// FileMagic returns the bytes every log file begins with. They are never sent over the wire.
func FileMagic() []byte { return []byte{0xfe, 'b', 'i', 'n'} }

var (
	// ErrMalformed says that bytes which should be an event are not one.
	ErrMalformed = errors.New("malformed binlog event")
	// ErrChecksum says that an event's CRC32 does not match its bytes.
	ErrChecksum = errors.New("binlog event checksum mismatch")
)

// Header is the common header of every event, 19 bytes, little endian.
type Header struct {
	Timestamp uint32 // seconds since 1970; of the statement, not of the commit
	Type      EventType
	ServerID  uint32
	Size      uint32 // bytes, header and checksum included
	NextPos   uint32 // lower 32 bits of the offset behind the event; 0 where there is none
	Flags     uint16
}

// DecodeHeader reads a header from the first 19 bytes of b.
// It returns ErrMalformed when b is shorter, or when the length it tells is impossible.
func DecodeHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("%w: %d bytes where a header of %d was expected", ErrMalformed, len(b), HeaderSize)
	}
	h := Header{
		Timestamp: binary.LittleEndian.Uint32(b),
		Type:      EventType(b[4]),
		ServerID:  binary.LittleEndian.Uint32(b[5:]),
		Size:      binary.LittleEndian.Uint32(b[9:]),
		NextPos:   binary.LittleEndian.Uint32(b[13:]),
		Flags:     binary.LittleEndian.Uint16(b[17:]),
	}
	if h.Size < HeaderSize || h.Size > MaxEventSize {
		return Header{}, fmt.Errorf("%w: event of type %d says its size is %d bytes", ErrMalformed, h.Type, h.Size)
	}
	return h, nil
}

// Put writes the header to the first 19 bytes of b, which must be that long.
func (h Header) Put(b []byte) {
	binary.LittleEndian.PutUint32(b, h.Timestamp)
	b[4] = byte(h.Type)
	binary.LittleEndian.PutUint32(b[5:], h.ServerID)
	binary.LittleEndian.PutUint32(b[9:], h.Size)
	binary.LittleEndian.PutUint32(b[13:], h.NextPos)
	binary.LittleEndian.PutUint16(b[17:], h.Flags)
}

// Artificial tells whether the event was made up by the source for one replica
// and stands in no file.
func (h Header) Artificial() bool {
	return h.Flags&FlagArtificial != 0 || h.Type == TypeHeartbeat || h.Type == TypeHeartbeatV2
}

// Event is one event of a log file, or one piece of it.
//
// Most events are whole: Raw holds all Header.Size bytes. An event that does not fit
// a batch's buffer comes as several Events with the same Header and Start, in order;
// Offset tells where in the event Raw begins. The first piece of an event is long enough to
// hold its header and, for all but absurd statements, what an index wants to know.
type Event struct {
	Header Header
	Start  uint64 // offset in the log file of the event's first byte
	Offset uint32 // offset in the event of Raw's first byte
	Raw    []byte // the bytes as the source sent them; valid while the Batch is
}

// First tells whether Raw begins the event.
func (e *Event) First() bool { return e.Offset == 0 }

// Last tells whether Raw ends the event.
func (e *Event) Last() bool { return uint64(e.Offset)+uint64(len(e.Raw)) == uint64(e.Header.Size) }

// End is the offset in the log file behind the whole event.
func (e *Event) End() uint64 { return e.Start + uint64(e.Header.Size) }

// Body returns what follows the header in a first piece, without the CRC32
// where the event ends in this piece and carries one.
func (e *Event) Body(checksum bool) []byte {
	if !e.First() || len(e.Raw) < HeaderSize {
		return nil
	}
	b := e.Raw[HeaderSize:]
	if checksum && e.Last() && len(b) >= ChecksumSize {
		b = b[:len(b)-ChecksumSize]
	}
	return b
}

// VerifyChecksum compares the CRC32 at the end of a whole event with its bytes.
// It returns ErrChecksum when they differ and ErrMalformed when raw is too short.
func VerifyChecksum(raw []byte) error {
	n := len(raw) - ChecksumSize
	if n < HeaderSize {
		return fmt.Errorf("%w: %d bytes are too few to hold a checksum", ErrMalformed, len(raw))
	}
	return CompareChecksum(crc32.ChecksumIEEE(raw[:n]), raw[n:])
}

// CompareChecksum compares a computed CRC32 with the four bytes stored behind an event.
func CompareChecksum(computed uint32, stored []byte) error {
	if want := binary.LittleEndian.Uint32(stored); want != computed {
		return fmt.Errorf("%w: computed %08x, stored %08x", ErrChecksum, computed, want)
	}
	return nil
}

// SealChecksum writes the CRC32 of a whole event over its last four bytes.
func SealChecksum(raw []byte) {
	n := len(raw) - ChecksumSize
	binary.LittleEndian.PutUint32(raw[n:], crc32.ChecksumIEEE(raw[:n]))
}
