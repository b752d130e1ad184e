package stream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

const (
	packetHeader = 4
	// maxPacket is the payload length that says: continued in the next packet.
	maxPacket = 1<<24 - 1
)

// packets takes the payloads of MySQL packets off a stream, whatever their length, without holding them.
type packets struct {
	br   *bufio.Reader
	seq  uint8 // number that the next packet must have
	left int   // unread bytes of the packet at hand
	more bool  // the payload goes on in another packet
}

// idle tells whether nothing has arrived that was not read.
func (p *packets) idle() bool { return p.br.Buffered() == 0 }

// next goes to the next payload; the one before must have been read and finished.
func (p *packets) next() error { return p.header() }

func (p *packets) header() error {
	h, err := p.br.Peek(packetHeader)
	if err != nil {
		if len(h) > 0 && errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	if h[3] != p.seq {
		return fmt.Errorf("%w: packet number %d where %d was expected", ErrProtocol, h[3], p.seq)
	}
	p.seq++
	p.left = int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	p.more = p.left == maxPacket
	_, err = p.br.Discard(packetHeader)
	return err
}

// read fills b from the payload. A payload that is too short is ErrProtocol.
func (p *packets) read(b []byte) error {
	for len(b) > 0 {
		if p.left == 0 {
			if !p.more {
				return fmt.Errorf("%w: packet ends %d bytes early", ErrProtocol, len(b))
			}
			if err := p.header(); err != nil {
				return err
			}
			continue
		}
		n := min(len(b), p.left)
		if _, err := io.ReadFull(p.br, b[:n]); err != nil {
			return unexpected(err)
		}
		b, p.left = b[n:], p.left-n
	}
	return nil
}

// rest returns what is left of a payload that must fit limit bytes.
func (p *packets) rest(limit int) ([]byte, error) {
	if p.more || p.left > limit {
		return nil, fmt.Errorf("%w: packet of %d bytes where at most %d make sense", ErrProtocol, p.left, limit)
	}
	b := make([]byte, p.left)
	return b, p.read(b)
}

// finish makes sure that the payload is at its end.
func (p *packets) finish() error {
	if p.more && p.left == 0 {
		if err := p.header(); err != nil {
			return err
		}
	}
	if p.left != 0 {
		return fmt.Errorf("%w: %d bytes too many in a packet", ErrProtocol, p.left)
	}
	return nil
}

// unexpected turns an end of the stream inside a packet into what it is.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
