package stream

import (
	"encoding/binary"
	"fmt"
	"math"

	"lastwrite/binlog"
)

// heartbeat is where a source says that it is.
type heartbeat struct {
	binlog.Position
	wide bool // all 64 bits of the offset are known, not only the lower 32
}

// Fields of a version 2 heartbeat, each a type byte, a length byte and a value (mysql::binlog::event::codecs::binary::Heartbeat).
const (
	heartbeatEnd    = 0
	heartbeatFile   = 1
	heartbeatOffset = 2
)

// decodeHeartbeat reads the body of a heartbeat without its checksum.
func decodeHeartbeat(h binlog.Header, body []byte) (heartbeat, error) {
	if h.Type == binlog.TypeHeartbeat {
		return heartbeat{Position: binlog.Position{File: string(body), Offset: uint64(h.NextPos)}}, nil
	}
	var hb heartbeat
	for len(body) > 0 && body[0] != heartbeatEnd {
		if len(body) < 2 || len(body) < 2+int(body[1]) {
			return heartbeat{}, fmt.Errorf("decode heartbeat: %w", binlog.ErrMalformed)
		}
		value := body[2 : 2+int(body[1])]
		switch body[0] {
		case heartbeatFile:
			hb.File = string(value)
		case heartbeatOffset:
			var ok bool
			if hb.Offset, ok = lengthEncoded(value); !ok {
				return heartbeat{}, fmt.Errorf("decode heartbeat: %w", binlog.ErrMalformed)
			}
			hb.wide = true
		}
		body = body[2+len(value):]
	}
	return hb, nil
}

// lengthEncoded reads a length-encoded integer that fills b.
func lengthEncoded(b []byte) (uint64, bool) {
	if len(b) == 1 && b[0] < 251 {
		return uint64(b[0]), true
	}
	for prefix, n := range map[byte]int{252: 2, 253: 3, 254: 8} {
		if len(b) == 1+n && b[0] == prefix {
			var full [8]byte
			copy(full[:], b[1:])
			return binary.LittleEndian.Uint64(full[:]), true
		}
	}
	return 0, false
}

// from returns the offset that the heartbeat means, seen from offset: with only the lower
// 32 bits known, the next one that has them.
func (hb heartbeat) from(offset uint64) uint64 {
	if hb.wide {
		return hb.Offset
	}
	full := offset&^math.MaxUint32 | hb.Offset
	if full < offset {
		full += 1 << 32
	}
	return full
}
