package segment

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"lastwrite/binlog"
)

// Flags of an index.
const (
	headKnown = 1 << iota
	headTablesCut
	headOpaque
	headKnownFlags = 1<<iota - 1
)

// headLengthSize is the length of the length that an index begins with.
const headLengthSize = 4

// appendHead appends the part of the index before the rows.
func appendHead(dst []byte, s *Summary, spans []Span, frames []FrameInfo) ([]byte, error) {
	at := len(dst)
	dst = append(dst, make([]byte, headLengthSize)...)
	var flags byte
	for i, set := range []bool{s.Known, s.TablesCut, s.Opaque} {
		if set {
			flags |= 1 << i
		}
	}
	dst = append(dst, flags)
	for _, set := range []binlog.GTIDSet{s.Before, s.Added} {
		b, err := set.AppendBinary(nil)
		if err != nil {
			return nil, fmt.Errorf("encode GTID set: %w", err)
		}
		dst = appendText(dst, b)
	}
	for _, g := range []binlog.GTID{s.First, s.Last} {
		dst = append(dst, g.SID.UUID[:]...)
		dst = appendText(dst, g.SID.Tag)
		dst = binary.AppendVarint(dst, g.N)
	}
	dst = binary.AppendVarint(dst, micros(s.MinCommitted))
	dst = binary.AppendVarint(dst, micros(s.MaxCommitted))
	dst = binary.AppendUvarint(dst, uint64(s.Transactions))
	dst = binary.AppendUvarint(dst, uint64(s.Statements))
	for _, list := range [][]string{s.Schemas, s.Tables} {
		dst = binary.AppendUvarint(dst, uint64(len(list)))
		for _, name := range list {
			dst = appendText(dst, name)
		}
	}
	dst = appendFrames(appendSpans(dst, spans), frames)
	n := len(dst) - at - headLengthSize
	if n > math.MaxInt32 {
		return nil, fmt.Errorf("%w: its head takes %d bytes", errOrder, n)
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(n))
	return dst, nil
}

func appendText[T string | []byte](dst []byte, text T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

func appendSpans(dst []byte, spans []Span) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(spans)))
	for i := range spans {
		s := &spans[i]
		dst = appendText(dst, s.Server)
		dst = appendText(dst, s.File)
		dst = binary.AppendUvarint(dst, s.Start)
		dst = binary.AppendUvarint(dst, s.Length)
		dst = appendText(dst, s.Format.Raw)
	}
	return dst
}

func appendFrames(dst []byte, frames []FrameInfo) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(frames)))
	end := int64(fileHeaderSize)
	for i := range frames {
		f := &frames[i]
		dst = binary.AppendUvarint(dst, uint64(f.Offset-end))
		dst = binary.AppendUvarint(dst, uint64(f.StoredLen))
		dst = binary.AppendUvarint(dst, uint64(f.RawLen))
		end = f.end()
	}
	return dst
}

// headReader takes values off the front of b; once it runs short it stays failed and yields zeros.
type headReader struct {
	b      []byte
	failed bool
}

func (r *headReader) take(n uint64) []byte {
	if r.failed || n > uint64(len(r.b)) {
		r.failed = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *headReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.failed = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *headReader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *headReader) text() []byte { return r.take(r.uvarint()) }

func (r *headReader) gtidSet() binlog.GTIDSet {
	set, err := binlog.DecodeGTIDSet(r.text())
	r.failed = r.failed || err != nil
	return set
}

func (r *headReader) gtid() binlog.GTID {
	var g binlog.GTID
	copy(g.SID.UUID[:], r.take(uint64(len(g.SID.UUID))))
	g.SID.Tag, g.N = string(r.text()), r.varint()
	r.failed = r.failed || g.N < 0
	return g
}

// names reads a list of strings, which is sorted.
func (r *headReader) names() []string {
	out := []string{}
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		out = append(out, string(r.text()))
		r.failed = r.failed || len(out) > 1 && out[len(out)-1] < out[len(out)-2]
	}
	return out
}

// readHead reads the part of the index before the rows into x.
func readHead(in *unpacker, x *Index) error {
	var length [headLengthSize]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return fmt.Errorf("%w: read head of index: %w", ErrCorrupt, err)
	}
	n := binary.LittleEndian.Uint32(length[:])
	b, err := io.ReadAll(io.LimitReader(in, int64(n)))
	if err != nil || len(b) != int(n) {
		return fmt.Errorf("%w: head of index has %d of %d bytes", ErrCorrupt, len(b), n)
	}
	r := headReader{b: b}
	x.readSummary(&r)
	x.readSpans(&r)
	x.readFrames(&r)
	if r.failed || len(r.b) != 0 {
		return fmt.Errorf("%w: head of index", ErrCorrupt)
	}
	x.headLen = headLengthSize + int64(n)
	return nil
}

func (x *Index) readSummary(r *headReader) {
	s := &x.Summary
	flags := byte(0)
	if b := r.take(1); b != nil {
		flags = b[0]
	}
	r.failed = r.failed || flags&^byte(headKnownFlags) != 0
	s.Known, s.TablesCut, s.Opaque = flags&headKnown != 0, flags&headTablesCut != 0, flags&headOpaque != 0
	s.Before, s.Added = r.gtidSet(), r.gtidSet()
	s.First, s.Last = r.gtid(), r.gtid()
	s.MinCommitted, s.MaxCommitted = fromMicros(r.varint()), fromMicros(r.varint())
	s.Transactions, s.Statements = int64(r.uvarint()), int(r.uvarint())
	r.failed = r.failed || s.Transactions < 0 || s.Statements < 0
	s.Schemas, s.Tables = r.names(), r.names()
	r.failed = r.failed || len(s.Tables) > MaxTables
}

func (x *Index) readSpans(r *headReader) {
	raw := uint64(0)
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		s := Span{Server: string(r.text()), File: string(r.text()), Start: r.uvarint(), Length: r.uvarint(), RawStart: raw}
		format, err := x.format(r.text())
		if r.failed = r.failed || err != nil; r.failed {
			return
		}
		s.Format = format
		r.failed = checkSpan(&s) != nil || s.Length > math.MaxInt64 || raw+s.Length > math.MaxInt64
		raw += s.Length
		x.Spans = append(x.Spans, s)
	}
}

// format decodes an event unless a span before has the same.
func (x *Index) format(raw []byte) (*binlog.Format, error) {
	if n := len(x.Spans); n > 0 && slices.Equal(x.Spans[n-1].Format.Raw, raw) {
		return x.Spans[n-1].Format, nil
	}
	return binlog.DecodeFormat(raw)
}

// readFrames reads the table of DATA frames and checks that they lie one behind the other, each within a span.
func (x *Index) readFrames(r *headReader) {
	end, raw, span := int64(fileHeaderSize), uint64(0), 0
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		gap, stored, size := r.uvarint(), r.uvarint(), r.uvarint()
		for span < len(x.Spans) && x.Spans[span].rawEnd() <= raw {
			span++
		}
		if gap > math.MaxInt32 || stored <= frameHeaderSize || size == 0 || size > MaxFrame || stored > frameHeaderSize+size ||
			span == len(x.Spans) || raw+size > x.Spans[span].rawEnd() {
			r.failed = true
			return
		}
		f := FrameInfo{Offset: end + int64(gap), StoredLen: int(stored), RawStart: raw, RawLen: int(size)}
		end, raw = f.end(), raw+size
		x.Frames = append(x.Frames, f)
	}
	r.failed = r.failed || end > x.IndexOffset || raw != uint64(x.RawBytes) ||
		(len(x.Spans) > 0 && x.Spans[len(x.Spans)-1].rawEnd() != raw) || (len(x.Spans) == 0 && raw != 0)
}
