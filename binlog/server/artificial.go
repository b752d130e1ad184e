package server

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"lastwrite/binlog"
)

// Fields of a HEARTBEAT_LOG_EVENT_V2 (mysql::binlog::event::codecs::binary::Heartbeat): each is its number, its length and its value.
const (
	heartbeatEnd  = 0
	heartbeatFile = 1
	heartbeatPos  = 2
)

// maker makes the events that stand in no file.
type maker struct {
	serverID uint32
	checksum bool // whether they end in a CRC32: as the replica asked before the first format description event, then as that says
	newBeats bool // whether the replica understands heartbeats of version 2, with 64-bit positions
}

// rotate makes the ROTATE event that tells a replica which file follows.
func (m *maker) rotate(file string) []byte {
	body := binary.LittleEndian.AppendUint64(nil, binlog.FileHeaderSize)
	return m.event(binlog.Header{Type: binlog.TypeRotate, Flags: binlog.FlagArtificial}, append(body, file...))
}

// heartbeat makes a heartbeat that says how far the file was read. Version 1 cannot tell positions over 4 GiB; it then tells
// the least possible one, which a replica takes for no news.
func (m *maker) heartbeat(file string, pos uint64) []byte {
	if !m.newBeats {
		if pos > math.MaxUint32 {
			pos = binlog.FileHeaderSize
		}
		return m.event(binlog.Header{Type: binlog.TypeHeartbeat, NextPos: uint32(pos)}, []byte(file))
	}
	body := appendLenenc([]byte{heartbeatFile}, uint64(len(file)))
	body = append(body, file...)
	value := appendLenenc(nil, pos)
	body = append(body, heartbeatPos, byte(len(value)))
	body = append(body, value...)
	return m.event(binlog.Header{Type: binlog.TypeHeartbeatV2, NextPos: uint32(pos)}, append(body, heartbeatEnd))
}

func (m *maker) event(h binlog.Header, body []byte) []byte {
	size := binlog.HeaderSize + len(body)
	if m.checksum {
		size += binlog.ChecksumSize
	}
	raw := make([]byte, size)
	h.ServerID, h.Size = m.serverID, uint32(size)
	h.Put(raw)
	copy(raw[binlog.HeaderSize:], body)
	if m.checksum {
		binlog.SealChecksum(raw)
	}
	return raw
}

// createdAt is where a format description event keeps the time of the server's start, if the file is the first since then, else 0:
// behind the header, the binlog version and the server version.
const createdAt = binlog.HeaderSize + 2 + 50

// firstEvent returns a file's format description event as it stands at the file's start: marked neither as in use, nor
// as made up for a replica that was sent the file from its middle, which is how it may have come to us. With midway, the
// time of the server's start is taken out, lest a replica takes the event for the sign that the source has just been started.
func firstEvent(f *binlog.Format, midway bool) ([]byte, error) {
	h, err := binlog.DecodeHeader(f.Raw)
	if err != nil {
		return nil, err
	}
	if len(f.Raw) < createdAt+4+binlog.ChecksumSize {
		return nil, fmt.Errorf("%w: format description event of %d bytes", binlog.ErrMalformed, len(f.Raw))
	}
	raw := bytes.Clone(f.Raw)
	h.Flags &^= binlog.FlagInUse | binlog.FlagArtificial
	h.NextPos = binlog.FileHeaderSize + h.Size
	h.Put(raw)
	if midway {
		clear(raw[createdAt : createdAt+4])
	}
	if !bytes.Equal(raw, f.Raw) {
		binlog.SealChecksum(raw)
	}
	return raw, nil
}

// appendLenenc appends a length-encoded integer.
func appendLenenc(b []byte, v uint64) []byte {
	switch {
	case v < 251:
		return append(b, byte(v))
	case v <= math.MaxUint16:
		return binary.LittleEndian.AppendUint16(append(b, 252), uint16(v))
	case v < 1<<24:
		return append(b, 253, byte(v), byte(v>>8), byte(v>>16))
	}
	return binary.LittleEndian.AppendUint64(append(b, 254), v)
}
