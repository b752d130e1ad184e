package stream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

// wire writes what a source would send.
type wire struct {
	bytes.Buffer
	seq      uint8
	checksum bool
	file     string
	at       uint64 // where the next event of the file begins
	files    map[string][]byte
}

func newWire() *wire { return &wire{seq: 1, checksum: true, files: map[string][]byte{}} }

// packet writes a payload, split as the protocol wants it.
func (w *wire) packet(payload []byte) {
	for {
		n := min(len(payload), maxPacket)
		w.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16), w.seq})
		w.seq++
		w.Write(payload[:n])
		payload = payload[n:]
		if n < maxPacket {
			return
		}
	}
}

func (w *wire) send(raw []byte) { w.packet(append([]byte{statusEvent}, raw...)) }

// raw builds an event.
func (w *wire) raw(h binlog.Header, body []byte) []byte {
	n := binlog.HeaderSize + len(body)
	if w.checksum || h.Type == binlog.TypeFormatDescription {
		n += binlog.ChecksumSize
	}
	h.Size = uint32(n)
	raw := make([]byte, n)
	h.Put(raw)
	copy(raw[binlog.HeaderSize:], body)
	if n > binlog.HeaderSize+len(body) {
		binlog.SealChecksum(raw)
	}
	return raw
}

// rotate announces a file.
func (w *wire) rotate(file string, offset uint64) {
	body := append(binary.LittleEndian.AppendUint64(nil, offset), file...)
	w.send(w.raw(binlog.Header{Type: binlog.TypeRotate, Flags: binlog.FlagArtificial}, body))
	w.file, w.at = file, offset
}

// format sends a format description event, in its place or, behind the start of the file, without one.
func (w *wire) format() {
	body := make([]byte, 2+50+4+1)
	body[0] = 4
	copy(body[2:], "9.7.4")
	body[len(body)-1] = binlog.HeaderSize
	body = append(body, make([]byte, 42)...)
	alg := byte(0)
	if w.checksum {
		alg = 1
	}
	body = append(body, alg)
	h := binlog.Header{Type: binlog.TypeFormatDescription, Timestamp: 1700000000, ServerID: 1}
	if w.at == binlog.FileHeaderSize {
		h.NextPos = uint32(w.at) + uint32(binlog.HeaderSize+len(body)+binlog.ChecksumSize)
		w.keep(w.raw(h, body))
		return
	}
	w.send(w.raw(h, body))
}

// event sends an event of the file, its body n bytes long.
func (w *wire) event(t binlog.EventType, n int) {
	size := uint64(binlog.HeaderSize + n)
	if w.checksum {
		size += binlog.ChecksumSize
	}
	w.keep(w.raw(binlog.Header{Type: t, Timestamp: 1700000001, ServerID: 1, NextPos: uint32(w.at + size)}, bytes.Repeat([]byte{byte(w.at)}, n)))
}

func (w *wire) keep(raw []byte) {
	w.files[w.file] = append(w.files[w.file], raw...)
	w.at += uint64(len(raw))
	w.send(raw)
}

func (w *wire) heartbeat(file string, at uint64) {
	w.send(w.raw(binlog.Header{Type: binlog.TypeHeartbeat, NextPos: uint32(at)}, []byte(file)))
}

func (w *wire) heartbeatV2(file string, at uint64) {
	body := append([]byte{heartbeatFile, byte(len(file))}, file...)
	body = append(body, heartbeatOffset, 9, 254)
	body = append(binary.LittleEndian.AppendUint64(body, at), heartbeatEnd)
	w.send(w.raw(binlog.Header{Type: binlog.TypeHeartbeatV2, NextPos: uint32(at)}, body))
}

// piece is what a batch held.
type piece struct {
	file  string
	start uint64
	bytes int
}

// read lets a reader read from r until it fails, and returns the bytes of each file, the batches, and the failure.
func read(t testing.TB, r io.Reader, from start, size int) (files map[string][]byte, batches []piece, err error) {
	t.Helper()
	files = map[string][]byte{}
	rd := &reader{
		packets: packets{br: bufio.NewReaderSize(r, 4096), seq: 1}, pool: binlog.NewPool(2, size), server: "s", start: from, heard: func(time.Time) {},
		emit: func(b *binlog.Batch) {
			defer b.Release()
			require.NotNil(t, b.Format)
			require.NotEmpty(t, b.Events)
			p := piece{b.File, b.Events[0].Start + uint64(b.Events[0].Offset), b.Bytes()}
			next := p.start
			for i := range b.Events {
				ev := &b.Events[i]
				require.Equal(t, next, ev.Start+uint64(ev.Offset), "a batch has no holes")
				require.NotEmpty(t, ev.Raw)
				next += uint64(len(ev.Raw))
				files[b.File] = append(files[b.File], ev.Raw...)
			}
			require.LessOrEqual(t, p.bytes, size)
			batches = append(batches, p)
		},
	}
	return files, batches, rd.run(context.Background())
}

func fromStart() start {
	return start{at: binlog.Position{File: "b.000001", Offset: binlog.FileHeaderSize}}
}
