package segment

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"lastwrite/binlog"
)

// chunk is a run of bytes of a segment's raw stream, all of one span.
type chunk struct {
	span  *Span
	start uint64 // of data in the raw stream
	data  []byte // not empty; valid until the next chunk is asked for
}

// chunks is where a cutter takes its bytes from. Its end is io.EOF.
type chunks interface {
	next(ctx context.Context) (chunk, error)
}

// errCut says that bytes end, or go on elsewhere, in the middle of an event.
var errCut = errors.New("ends inside an event")

// cutter cuts the raw stream into events and fills batches with them. It believes nothing: every header, every offset
// and every CRC32 is checked.
type cutter struct {
	src  chunks
	span *Span
	used *Span  // of the batch that was filled last
	pos  uint64 // in the raw stream, of data
	data []byte
	jump bool // data does not follow what was taken before

	open   bool // an event was begun: its header is in head
	jumped bool // that event does not follow the one before
	head   [binlog.HeaderSize]byte
	header binlog.Header
	start  uint64 // offset of the event in its log file
	off    int    // bytes of it that were handed out
	crc    pieceChecksum

	err error // what comes after the batch that was handed out last
}

// fill reads events into b. It returns io.EOF if there are none left. What was read before an
// error is handed out before it.
func (c *cutter) fill(ctx context.Context, b *binlog.Batch) error {
	if c.err == nil {
		c.err = c.events(ctx, b)
	}
	if len(b.Events) > 0 {
		return nil
	}
	return c.err
}

func (c *cutter) events(ctx context.Context, b *binlog.Batch) error {
	free := b.Buffer()
	if len(free) < binlog.HeaderSize {
		return fmt.Errorf("read segment: batches of %d bytes cannot hold an event's header", len(free))
	}
	for {
		if !c.open {
			if err := c.begin(ctx); err != nil {
				return err
			}
		}
		rest := int(c.header.Size) - c.off
		if len(b.Events) > 0 && (c.jumped || rest > len(free)) {
			return nil // this one belongs to the next batch
		}
		if len(b.Events) == 0 {
			b.Server, b.File, b.Format = c.span.Server, c.span.File, c.span.Format
			c.used, c.jumped = c.span, false
		}
		n := min(rest, len(free))
		ev, err := c.piece(ctx, free[:n:n])
		if err != nil {
			return err
		}
		b.Events = append(b.Events, ev)
		free = free[n:]
		if c.open {
			return nil // it goes on in the next batch
		}
	}
}

// more makes sure that there is data. It tells by jump where that does not follow.
func (c *cutter) more(ctx context.Context) error {
	for len(c.data) == 0 {
		ch, err := c.src.next(ctx)
		if err != nil {
			return err
		}
		c.jump = c.jump || ch.span != c.span || ch.start != c.pos
		c.span, c.pos, c.data = ch.span, ch.start, ch.data
	}
	return nil
}

// read fills dst with bytes of the event at hand.
func (c *cutter) read(ctx context.Context, dst []byte) error {
	for len(dst) > 0 {
		span := c.span
		err := c.more(ctx)
		if err == io.EOF || (err == nil && c.jump) {
			return fmt.Errorf("%w: %s:%d: %w", ErrCorrupt, span.File, c.start, errCut)
		}
		if err != nil {
			return err
		}
		n := copy(dst, c.data)
		dst, c.data, c.pos = dst[n:], c.data[n:], c.pos+uint64(n)
	}
	return nil
}

// begin reads the header of the next event.
func (c *cutter) begin(ctx context.Context) error {
	if err := c.more(ctx); err != nil {
		return err
	}
	c.jumped, c.jump = c.jump, false
	c.start = c.span.Start + c.pos - c.span.RawStart
	if err := c.read(ctx, c.head[:]); err != nil {
		return err
	}
	h, err := binlog.DecodeHeader(c.head[:])
	if err != nil {
		return fmt.Errorf("%w: %s:%d: %w", ErrCorrupt, c.span.File, c.start, err)
	}
	end := c.start + uint64(h.Size)
	switch {
	case end > c.span.End():
		return fmt.Errorf("%w: %s:%d: %w at %d", ErrCorrupt, c.span.File, c.start, errCut, c.span.End())
	case h.Artificial():
		return fmt.Errorf("%w: %s:%d: event of type %d stands in no log file", ErrCorrupt, c.span.File, c.start, h.Type)
	case h.NextPos != 0 && h.NextPos != uint32(end):
		return fmt.Errorf("%w: %s:%d: event of %d bytes says it ends at %d", ErrCorrupt, c.span.File, c.start, h.Size, h.NextPos)
	}
	c.header, c.open, c.off = h, true, 0
	c.crc = pieceChecksum{}
	return nil
}

// piece reads as much of the event as dst holds.
func (c *cutter) piece(ctx context.Context, dst []byte) (binlog.Event, error) {
	ev := binlog.Event{Header: c.header, Start: c.start, Offset: uint32(c.off), Raw: dst}
	span := c.span
	if c.off == 0 {
		dst = dst[copy(dst, c.head[:]):]
	}
	if err := c.read(ctx, dst); err != nil {
		return ev, err
	}
	if err := c.verify(&ev); err != nil {
		return ev, fmt.Errorf("%w: %s:%d: %w", ErrCorrupt, span.File, c.start, err)
	}
	c.off += len(ev.Raw)
	c.open = !ev.Last()
	return ev, nil
}

// verify checks the event's CRC32, once all of it is there. A format description event always has one.
func (c *cutter) verify(ev *binlog.Event) error {
	if !c.span.Format.Checksum && ev.Header.Type != binlog.TypeFormatDescription {
		return nil
	}
	if ev.First() && ev.Last() {
		return binlog.VerifyChecksum(ev.Raw)
	}
	return c.crc.add(ev)
}

// pieceChecksum computes the CRC32 of an event that comes in pieces.
type pieceChecksum struct {
	computed uint32
	stored   [binlog.ChecksumSize]byte
}

func (p *pieceChecksum) add(ev *binlog.Event) error {
	covered := int64(ev.Header.Size) - binlog.ChecksumSize
	if covered < binlog.HeaderSize {
		return fmt.Errorf("%w: %d bytes are too few to hold a checksum", binlog.ErrMalformed, ev.Header.Size)
	}
	n := int(max(0, min(covered-int64(ev.Offset), int64(len(ev.Raw)))))
	p.computed = crc32.Update(p.computed, crc32.IEEETable, ev.Raw[:n])
	if n < len(ev.Raw) {
		copy(p.stored[int64(ev.Offset)+int64(n)-covered:], ev.Raw[n:])
	}
	if !ev.Last() {
		return nil
	}
	return binlog.CompareChecksum(p.computed, p.stored[:])
}
