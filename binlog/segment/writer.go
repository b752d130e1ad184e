package segment

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"lastwrite/binlog"
)

var errFinished = errors.New("segment is finished")

// Writer writes a segment to an io.Writer, in one pass. After an error it is of no more use.
type Writer struct {
	w      io.Writer
	sum    hash.Hash
	size   int64
	raw    uint64
	spans  []Span
	frames []FrameInfo
	err    error
}

// NewWriter begins a segment: it writes the file header.
func NewWriter(w io.Writer) (*Writer, error) {
	sw := &Writer{w: w, sum: sha256.New()}
	if err := sw.write(appendFileHeader(nil)); err != nil {
		return nil, err
	}
	return sw, nil
}

// Size is how many bytes were written.
func (w *Writer) Size() int64 { return w.size }

func (w *Writer) write(b []byte) error {
	if w.err != nil {
		return w.err
	}
	n, err := w.w.Write(b)
	w.size += int64(n)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = fmt.Errorf("write segment: %w", err)
		return w.err
	}
	_, _ = w.sum.Write(b)
	return nil
}

// BeginSpan says that the DATA frames that follow are the bytes of a log file from offset start on.
func (w *Writer) BeginSpan(server, file string, start uint64, f *binlog.Format) error {
	s := Span{Server: server, File: file, Start: start, RawStart: w.raw, Format: f}
	body, err := appendSpan(nil, &s)
	if err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	if err := w.write(appendFrame(nil, frameHeader{kind: kindSpan, codec: codecNone, raw: len(body)}, body)); err != nil {
		return err
	}
	w.spans = append(w.spans, s)
	return nil
}

// AppendFrame writes what Encoder.Frame made. It returns ErrCorrupt for anything else.
func (w *Writer) AppendFrame(frame []byte) error {
	if len(w.spans) == 0 {
		return fmt.Errorf("write segment: %w: a frame comes before the first span", errOrder)
	}
	known, raw := len(w.frames), w.raw
	for rest, at := frame, w.size; len(rest) > 0; {
		h, err := decodeWhole(rest, at)
		if err != nil {
			w.frames = w.frames[:known]
			return fmt.Errorf("write segment: %w", err)
		}
		n := frameHeaderSize + h.stored
		w.frames = append(w.frames, FrameInfo{Offset: at, StoredLen: n, RawStart: raw, RawLen: h.raw})
		raw += uint64(h.raw)
		rest, at = rest[n:], at+int64(n)
	}
	if err := w.write(frame); err != nil {
		return err
	}
	w.spans[len(w.spans)-1].Length += raw - w.raw
	w.raw = raw
	return nil
}

// decodeWhole reads the header of a DATA frame that b begins with and holds.
func decodeWhole(b []byte, offset int64) (frameHeader, error) {
	if len(b) <= frameHeaderSize {
		return frameHeader{}, corrupt(offset, "%d bytes are no frame", len(b))
	}
	h, err := decodeFrameHeader(b, offset)
	if err == nil && (h.kind != kindData || frameHeaderSize+h.stored > len(b)) {
		err = corrupt(offset, "not a whole DATA frame")
	}
	return h, err
}

// Finish writes index and trailer. The builder must have been told of the same spans as the Writer. Making the
// bytes durable is up to the caller.
func (w *Writer) Finish(b *IndexBuilder) (Summary, error) {
	if w.err != nil {
		return Summary{}, w.err
	}
	if err := b.matches(w.spans); err != nil {
		return Summary{}, fmt.Errorf("write segment: %w", err)
	}
	s := b.Summary()
	head, err := appendHead(nil, &s, w.spans, w.frames)
	if err != nil {
		return Summary{}, fmt.Errorf("write segment: %w", err)
	}
	index, err := b.packed.frame(head)
	if err != nil {
		return Summary{}, fmt.Errorf("write segment: %w", err)
	}
	t := trailer{indexOffset: w.size, indexLength: int64(len(index)), rawTotal: w.raw}
	if err := w.write(index); err != nil {
		return Summary{}, err
	}
	copy(t.sum[:], w.sum.Sum(nil))
	if err := w.write(t.append(nil)); err != nil {
		return Summary{}, err
	}
	w.err = fmt.Errorf("write segment: %w", errFinished)
	s.stored(&t)
	return s, nil
}

// stored notes what the trailer says.
func (s *Summary) stored(t *trailer) {
	s.RawBytes, s.StoredBytes = int64(t.rawTotal), t.size()
	s.IndexOffset, s.IndexLength = t.indexOffset, t.indexLength
	s.SHA256 = hex.EncodeToString(t.sum[:])
}
