package server

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
)

const (
	// packetLimit is the longest payload of one packet, in bytes. A longer payload goes on in the next packet; one that fills its last
	// packet is followed by an empty one (MySQL client/server protocol, "MySQL Packets").
	packetLimit = 1<<24 - 1
	// textLimit is how many bytes of an error's text are sent: a replica keeps 512, its own words included (MYSQL_ERRMSG_SIZE).
	textLimit = 400
)

// errPayload says that a payload was announced with another length than was written.
var errPayload = errors.New("payload length differs from its announcement")

// packetWriter frames payloads into packets, without holding a payload in memory.
type packetWriter struct {
	w    *bufio.Writer
	seq  uint8  // of the next packet
	left uint64 // bytes of the payload still to come
	room int    // bytes of the current packet still to come
	full bool   // whether the current packet has the longest length
	head [4]byte
	ok   [1]byte // the status byte before an event
}

// newPacketWriter makes a writer of the packets that answer a command, which itself had the sequence number 0.
func newPacketWriter(w io.Writer, buffer int) *packetWriter {
	return &packetWriter{w: bufio.NewWriterSize(w, buffer), seq: 1}
}

// begin announces a payload of size bytes; write must follow until it is complete.
func (p *packetWriter) begin(size uint64) error {
	if p.open() {
		return fmt.Errorf("begin packet: %w: %d bytes are missing", errPayload, p.left)
	}
	p.left = size
	return p.header()
}

func (p *packetWriter) header() error {
	n := min(p.left, packetLimit)
	p.room, p.full = int(n), n == packetLimit
	binary.LittleEndian.PutUint32(p.head[:], uint32(n)|uint32(p.seq)<<24)
	p.seq++
	_, err := p.w.Write(p.head[:])
	return err
}

// write adds b to the payload.
func (p *packetWriter) write(b []byte) error {
	if uint64(len(b)) > p.left {
		return fmt.Errorf("write packet: %w: %d bytes too many", errPayload, uint64(len(b))-p.left)
	}
	for len(b) > 0 {
		n := min(len(b), p.room)
		if _, err := p.w.Write(b[:n]); err != nil {
			return err
		}
		b, p.room, p.left = b[n:], p.room-n, p.left-uint64(n)
		if p.room == 0 && p.full {
			if err := p.header(); err != nil {
				return err
			}
		}
	}
	return nil
}

// open tells whether a payload was begun and is not complete.
func (p *packetWriter) open() bool { return p.left > 0 }

// event writes a whole event: the status byte that makes it one, and its bytes.
func (p *packetWriter) event(raw []byte) error {
	if err := p.beginEvent(uint32(len(raw))); err != nil {
		return err
	}
	return p.write(raw)
}

// beginEvent begins the payload of an event of size bytes.
func (p *packetWriter) beginEvent(size uint32) error {
	if err := p.begin(1 + uint64(size)); err != nil {
		return err
	}
	return p.write(p.ok[:])
}

// fail writes the error packet that ends a dump.
func (p *packetWriter) fail(e *mysql.MyError) error {
	b := []byte{mysql.ERR_HEADER, byte(e.Code), byte(e.Code >> 8), '#'}
	b = append(append(b, e.State...), clip(e.Message)...)
	return p.payload(b)
}

// end writes the packet that ends a dump which did not want to wait.
func (p *packetWriter) end() error {
	return p.payload([]byte{mysql.EOF_HEADER, 0, 0, 0, 0})
}

func (p *packetWriter) payload(b []byte) error {
	if err := p.begin(uint64(len(b))); err != nil {
		return err
	}
	if err := p.write(b); err != nil {
		return err
	}
	return p.w.Flush()
}

func (p *packetWriter) flush() error { return p.w.Flush() }

// clip cuts a text that may be too long to be shown.
func clip(text string) string {
	if len(text) <= textLimit {
		return text
	}
	return strings.ToValidUTF8(text[:textLimit], "") + "..."
}
