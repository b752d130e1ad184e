package archive

import (
	"fmt"

	"lastwrite/binlog"
	"lastwrite/binlog/segment"
)

// builder turns batches into frames and segments: it decides where they are cut. It does no I/O; what it decides goes to out in order.
//
// A frame ends between transactions, unless one transaction is larger than a frame: that one begins a segment, and is
// cut anywhere. So what is not a whole transaction yet is always either in raw behind boundary, or the open segment as a whole.
type builder struct {
	frameSize   int
	segmentSize int64
	acceptGap   bool
	out         stages
	gap         func(missing, server, file string, at uint64)

	asm      *binlog.Assembler
	executed *binlog.GTIDSetBuilder
	known    bool // executed is known

	server, file string
	format       *binlog.Format
	doneTo       uint64 // offset in file behind the last whole transaction
	next         uint64 // offset in file of the next byte to come

	raw      []byte
	boundary int    // whole transactions in raw
	rawStart uint64 // offset in file of raw's first byte
	large    bool   // the open segment holds nothing but the beginning of the open transaction

	index     *segment.IndexBuilder
	open      bool  // out has an open segment
	spanOut   bool  // out knows the span that raw belongs to
	spanIndex bool  // index knows it
	size      int64 // raw bytes in the open segment
}

// stages is what comes behind the builder.
type stages interface {
	openSegment()
	beginSpan(server, file string, start uint64, f *binlog.Format)
	frame(raw []byte) (fresh []byte) // takes raw over, gives an empty buffer back
	seal(index *segment.IndexBuilder, end binlog.Cursor)
	abort()
}

func newBuilder(cfg Config, out stages, at binlog.Cursor) *builder {
	b := &builder{
		frameSize: cfg.FrameSize, segmentSize: cfg.SegmentSize, acceptGap: cfg.AcceptGap, out: out,
		asm: binlog.NewAssembler(), raw: make([]byte, 0, cfg.FrameSize+cfg.FrameSize/4),
	}
	b.reset(at)
	return b
}

// reset starts over at a cursor, with nothing pending.
func (b *builder) reset(at binlog.Cursor) {
	b.asm.Reset()
	b.executed, b.known = binlog.NewGTIDSetBuilder(at.Executed), at.Known
	b.server, b.file, b.format = at.Server, at.File, nil
	b.doneTo, b.next, b.rawStart = at.Offset, at.Offset, at.Offset
	b.raw, b.boundary = b.raw[:0], 0
	b.large, b.open = false, false
	b.beginIndex()
}

func (b *builder) beginIndex() {
	b.index = segment.NewIndexBuilder(b.executed.Set(), b.known)
	b.spanOut, b.spanIndex, b.size = false, false, 0
}

// cursor is the place behind the last whole transaction.
func (b *builder) cursor() binlog.Cursor {
	return binlog.Cursor{
		Server: b.server, Position: binlog.Position{File: b.file, Offset: b.doneTo},
		Executed: b.executed.Set(), Known: b.known,
	}
}

// discard gives the unfinished transaction up.
func (b *builder) discard() {
	b.asm.Reset()
	if b.large {
		b.out.abort()
		b.large, b.open = false, false
		b.spanOut, b.size = false, 0
		b.rawStart = b.doneTo
	}
	b.raw = b.raw[:b.boundary]
	b.next = b.doneTo
}

// write takes the events of a batch.
func (b *builder) write(batch *binlog.Batch) error {
	for i := range batch.Events {
		if err := b.event(batch, &batch.Events[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) event(batch *binlog.Batch, ev *binlog.Event) error {
	if err := b.place(batch, ev); err != nil {
		return err
	}
	step, err := b.asm.Add(ev, b.format)
	if err != nil {
		return fmt.Errorf("%s:%d: %w", b.file, ev.Start, err)
	}
	b.raw = append(b.raw, ev.Raw...)
	b.next += uint64(len(ev.Raw))
	switch {
	case step == binlog.Begin:
		err = b.begun()
	case step == binlog.End:
		t := b.asm.Transaction()
		b.executed.Add(t.GTID)
		b.advance()
		b.index.Add(t)
	case step == binlog.Outside && ev.Last():
		if ev.Header.Type == binlog.TypePreviousGTIDs {
			err = b.previousGTIDs(ev)
		}
		b.advance()
	}
	if err != nil {
		return err
	}
	b.cut()
	return nil
}

// place makes sure that ev follows what came before, or begins a new span.
func (b *builder) place(batch *binlog.Batch, ev *binlog.Event) error {
	at := ev.Start + uint64(ev.Offset)
	if b.format != nil && b.server == batch.Server && b.file == batch.File && b.next == at {
		return nil
	}
	if b.asm.Open() || !ev.First() {
		return fmt.Errorf("%w: %s:%d comes inside a transaction that should go on at %s:%d",
			binlog.ErrTorn, batch.File, at, b.file, b.next)
	}
	if b.server == batch.Server && b.file == batch.File && at < b.doneTo {
		return fmt.Errorf("%w: %s:%d comes again, %d was reached", ErrDiverged, batch.File, at, b.doneTo)
	}
	if len(b.raw) > 0 {
		b.emit(len(b.raw))
	}
	b.server, b.file, b.format = batch.Server, batch.File, batch.Format
	b.doneTo, b.next, b.rawStart = at, at, at
	b.spanOut, b.spanIndex = false, false
	return nil
}

func (b *builder) begun() error {
	switch g := b.asm.Transaction().GTID; {
	case g.IsZero():
		return fmt.Errorf("%w at %s:%d", ErrAnonymous, b.file, b.asm.Transaction().Start)
	case b.executed.Has(g):
		return fmt.Errorf("%w: %s comes again at %s:%d", ErrDiverged, g, b.file, b.asm.Transaction().Start)
	}
	return nil
}

// advance moves the boundary behind all that was taken.
func (b *builder) advance() {
	if !b.spanIndex {
		b.index.BeginSpan(b.server, b.file, b.doneTo, b.format)
		b.spanIndex = true
	}
	b.index.Extend(int(b.next - b.doneTo))
	b.size += int64(b.next - b.doneTo)
	b.doneTo = b.next
	b.boundary = len(b.raw)
	b.large = false
}

// previousGTIDs compares what a file presumes with what the archive holds.
func (b *builder) previousGTIDs(ev *binlog.Event) error {
	prev, err := binlog.DecodeGTIDSet(ev.Body(b.format.Checksum))
	if err != nil {
		return fmt.Errorf("read previous GTIDs of %s: %w", b.file, err)
	}
	if !b.known {
		b.known = true
		b.executed = binlog.NewGTIDSetBuilder(prev)
		b.index.SetBefore(prev)
		return nil
	}
	missing := prev.Subtract(b.executed.Set())
	if missing.IsEmpty() {
		return nil
	}
	if !b.acceptGap {
		return fmt.Errorf("%w: %s presumes %s, which the archive does not hold", ErrGap, b.file, missing)
	}
	if b.gap != nil {
		b.gap(missing.String(), b.server, b.file, ev.Start)
	}
	return b.jump(prev)
}

// jump begins a new stretch: a segment whose set of earlier transactions is not what the archive holds.
// The file's first events are pending in raw; they go to the new segment.
func (b *builder) jump(prev binlog.GTIDSet) error {
	b.flush()
	b.executed.AddSet(prev)
	b.beginIndex()
	return nil
}

// cut closes frames and segments that are full.
func (b *builder) cut() {
	if len(b.raw) >= b.frameSize {
		if b.boundary == 0 && !b.large { // one transaction, larger than a frame
			if b.open {
				b.sealSegment()
			}
			b.large = true
		}
		if !b.large {
			b.emit(b.boundary)
		}
		for b.large && len(b.raw) > 0 {
			b.emit(min(len(b.raw), b.frameSize))
		}
	}
	if b.size >= b.segmentSize && b.boundary == len(b.raw) {
		b.flush()
	}
}

// emit sends the first n bytes of raw on as one frame.
func (b *builder) emit(n int) {
	if !b.open {
		b.out.openSegment()
		b.open = true
	}
	if !b.spanOut {
		b.out.beginSpan(b.server, b.file, b.rawStart, b.format)
		b.spanOut = true
	}
	rest := b.raw[n:]
	fresh := append(b.out.frame(b.raw[:n]), rest...)
	b.raw, b.boundary = fresh, max(0, b.boundary-n)
	b.rawStart += uint64(n)
}

// flush closes the open segment behind the last whole transaction. It tells whether there was anything to close.
func (b *builder) flush() bool {
	if b.large {
		return false
	}
	if b.boundary > 0 {
		b.emit(b.boundary)
	}
	if !b.open {
		return false
	}
	b.sealSegment()
	return true
}

func (b *builder) sealSegment() {
	b.out.seal(b.index, b.cursor())
	b.open = false
	b.beginIndex()
}

// dirty tells whether whole transactions wait for flush.
func (b *builder) dirty() bool { return !b.large && (b.boundary > 0 || b.open) }
