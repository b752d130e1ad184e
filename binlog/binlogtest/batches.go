package binlogtest

import (
	"encoding/binary"

	"lastwrite/binlog"
)

// Batches cuts the log from a cursor on (fresh: from its beginning) into batches of at most size bytes; a larger event comes in pieces.
func (l *Log) Batches(from binlog.Cursor, size int) []*binlog.Batch {
	var out []*binlog.Batch
	reached := from.Fresh()
	for _, f := range l.Files {
		start := uint64(binlog.FileHeaderSize)
		if !reached {
			if f.Name != from.File {
				continue
			}
			reached, start = true, from.Offset
		}
		out = append(out, f.batches(l.Server, start, size)...)
	}
	return out
}

func (f *File) batches(server string, from uint64, size int) []*binlog.Batch {
	first := f.Data[f.Starts[0]:]
	format, err := binlog.DecodeFormat(first[:binary.LittleEndian.Uint32(first[9:])])
	if err != nil {
		return nil
	}
	var out []*binlog.Batch
	room := 0
	for _, start := range f.Starts {
		if start < from {
			continue
		}
		h, err := binlog.DecodeHeader(f.Data[start:])
		if err != nil {
			return out
		}
		raw := f.Data[start : start+uint64(h.Size)]
		for at := 0; at < len(raw); {
			if room == 0 || at == 0 && room < len(raw) && room < size {
				out = append(out, &binlog.Batch{Server: server, File: f.Name, Format: format})
				room = size
			}
			n := min(room, len(raw)-at)
			b := out[len(out)-1]
			b.Events = append(b.Events, binlog.Event{Header: h, Start: start, Offset: uint32(at), Raw: raw[at : at+n]})
			at, room = at+n, room-n
		}
	}
	return out
}
