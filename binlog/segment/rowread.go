package segment

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"lastwrite/binlog"
)

// Row is what the index says of one transaction. It owns its memory.
type Row struct {
	binlog.Transaction
	Span     int    // place in Index.Spans
	RawStart uint64 // offset of the first byte in the raw stream; Size bytes follow
}

// Range is where the transaction stands in the raw stream.
func (r *Row) Range() Range { return Range{r.RawStart, r.RawStart + r.Size()} }

// rowDecoder reads rows. Once something is wrong it stays failed and yields zeros.
type rowDecoder struct {
	in    *unpacker
	spans []Span
	state rowState
	names []string
	text  []byte
	err   error
}

func newRowDecoder(in *unpacker, spans []Span) *rowDecoder {
	return &rowDecoder{in: in, spans: spans, state: newRowState()}
}

func (d *rowDecoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: index row: %s", ErrCorrupt, fmt.Sprintf(format, args...))
	}
}

func (d *rowDecoder) byte() byte {
	b, err := d.in.ReadByte()
	if err != nil {
		d.fail("%v", err)
	}
	return b
}

func (d *rowDecoder) uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(d.in)
	if err != nil {
		d.fail("%v", err)
		return 0
	}
	return v
}

func (d *rowDecoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// take reads n bytes; they are valid until the next call.
func (d *rowDecoder) take(n uint64, limit int) []byte {
	if n > uint64(limit) {
		d.fail("text of %d bytes", n)
	}
	if d.err != nil {
		return nil
	}
	if uint64(cap(d.text)) < n {
		d.text = make([]byte, max(n, maxNameLen))
	}
	b := d.text[:n]
	if _, err := io.ReadFull(d.in, b); err != nil {
		d.fail("%v", err)
		return nil
	}
	return b
}

// row reads the next row.
func (d *rowDecoder) row() (Row, error) {
	var r Row
	s := &d.state
	flags := d.byte()
	if flags&^byte(rowKnownFlags) != 0 || (flags&rowSpan == 0 && s.span < 0) {
		d.fail("flags %#x", flags)
	}
	span, start := s.span, s.end
	if flags&rowSpan != 0 {
		if span = d.span(); d.err == nil {
			start = d.spans[span].Start
		}
	}
	if flags&rowGap != 0 {
		start += d.uvarint()
	}
	switch {
	case flags&rowNext != 0:
		r.GTID = binlog.GTID{SID: s.gtid.SID, N: s.gtid.N + 1}
	case flags&rowGTID != 0:
		r.GTID = d.gtid()
	}
	committed := s.committed + d.varint()
	originally := committed
	if flags&rowOriginally != 0 {
		originally += d.varint()
	}
	r.Committed, r.Originally, r.Opaque = fromMicros(committed), fromMicros(originally), flags&rowOpaque != 0
	r.SequenceNumber = s.sequence + d.varint()
	r.LastCommitted = r.SequenceNumber - d.varint()
	r.Span, r.Start, r.End = span, start, start+d.uvarint()
	r.Events = int(min(d.uvarint(), math.MaxInt32))
	d.content(&r)
	d.place(&r)
	s.remember(r.GTID)
	s.span, s.end, s.committed, s.sequence = span, r.End, committed, r.SequenceNumber
	return r, d.err
}

func (d *rowDecoder) span() int {
	step := d.uvarint()
	if step == 0 || step > uint64(len(d.spans)-1-d.state.span) {
		d.fail("%d spans further than %d of %d", step, d.state.span, len(d.spans))
		return 0
	}
	return d.state.span + int(step)
}

// place checks that the row lies in its span, behind the row before.
func (d *rowDecoder) place(r *Row) {
	if d.err != nil {
		return
	}
	s := &d.spans[r.Span]
	if r.Start < s.Start || r.End <= r.Start || r.End > s.End() || (r.Span == d.state.span && r.Start < d.state.end) {
		d.fail("transaction from %d to %d in the span from %d to %d of %s", r.Start, r.End, s.Start, s.End(), s.File)
		return
	}
	r.RawStart = s.RawStart + r.Start - s.Start
}

func (d *rowDecoder) gtid() binlog.GTID {
	var g binlog.GTID
	ref := d.uvarint()
	switch known := d.state.origins; {
	case ref == 0:
		copy(g.SID.UUID[:], d.take(uint64(len(g.SID.UUID)), len(g.SID.UUID)))
		g.SID.Tag = string(d.take(uint64(d.byte()), maxTagLen))
	case ref <= uint64(len(known)):
		g.SID, g.N = known[ref-1].sid, known[ref-1].last
	default:
		d.fail("origin %d of %d", ref, len(known))
	}
	if g.N += d.varint(); g.N < 1 {
		d.fail("transaction number %d", g.N)
	}
	return g
}

// count reads the length of a list. What is allocated grows with what really comes.
func (d *rowDecoder) count() uint64 {
	n := d.uvarint()
	if n > maxPerRow {
		d.fail("list of %d", n)
	}
	return n
}

func (d *rowDecoder) content(r *Row) {
	for n := d.count(); n > 0 && d.err == nil; n-- {
		c := binlog.TableChange{Schema: d.name(), Table: d.name(), Ops: binlog.Ops(d.byte()), Bytes: d.uvarint()}
		r.Tables = append(r.Tables, c)
	}
	for n := d.count(); n > 0 && d.err == nil; n-- {
		st := binlog.Statement{Schema: d.name()}
		flags := d.byte()
		if flags&^byte(statementKnownFlags) != 0 {
			d.fail("statement flags %#x", flags)
		}
		st.Changed, st.Cut = flags&statementChanged != 0, flags&statementCut != 0
		st.SQLMode = d.uvarint()
		charset := d.uvarint()
		if charset > math.MaxUint16 {
			d.fail("character set %d", charset)
		}
		st.Charset = uint16(charset)
		st.Text = string(d.take(d.uvarint(), binlog.MaxStatement))
		r.Statements = append(r.Statements, st)
	}
}

func (d *rowDecoder) name() string {
	switch ref := d.uvarint(); {
	case ref == 0:
		return ""
	case ref == 1:
		name := string(d.take(d.uvarint(), maxNameLen))
		if name == "" {
			d.fail("empty name")
		}
		if len(d.names) < maxNames {
			d.names = append(d.names, name)
		}
		return name
	case ref-2 < uint64(len(d.names)):
		return d.names[ref-2]
	default:
		d.fail("name %d of %d", ref-2, len(d.names))
		return ""
	}
}
