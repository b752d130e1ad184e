package segment

import (
	"context"
	"errors"
	"fmt"
	"io"

	"lastwrite/binlog"
)

const (
	// Version is the format version this package writes, and the only one it reads.
	Version = 1
	// MaxFrame is how many bytes of the log one DATA frame holds at most (4 MiB).
	MaxFrame = 4 << 20
	// TrailerSize is the length of a segment's trailer in bytes.
	TrailerSize = 60
)

const (
	fileHeaderSize  = 8
	frameHeaderSize = 20
	hashedHeader    = 12       // bytes of a frame header that its hash covers
	maxSpanFrame    = 64 << 10 // stored bytes of a SPAN frame
	maxIndexStored  = 512 << 20
	maxIndexRaw     = 1 << 30
)

// kind is the first byte of a frame.
type kind uint8

const (
	kindSpan  kind = 1
	kindData  kind = 2
	kindIndex kind = 3
)

// codec is the second byte of a frame: how its bytes are stored.
type codec uint8

const (
	codecNone codec = 0
	codecZstd codec = 1
)

var (
	// ErrCorrupt says that bytes are not what was written: a hash, a length or a structure is wrong.
	ErrCorrupt = errors.New("corrupt segment")
	// ErrTruncated says that a segment ends before its end, as one does that was never finished.
	ErrTruncated = errors.New("truncated segment")
	// ErrVersion says that a segment was written by a version of this package that this one does not know.
	ErrVersion = errors.New("unknown segment version")
)

// corrupt names the offset in the file where something is wrong.
func corrupt(offset int64, format string, args ...any) error {
	return fmt.Errorf("%w: offset %d: %s", ErrCorrupt, offset, fmt.Sprintf(format, args...))
}

// Span is a run of bytes of one log file of one server that a segment holds.
type Span struct {
	Server   string         // server_uuid of the server whose file it is
	File     string         // base name of the log file
	Start    uint64         // offset in the log file of the first byte
	Length   uint64         // in bytes
	RawStart uint64         // offset of the first byte in the segment's raw stream
	Format   *binlog.Format // in force for all events of the span
}

// End is the offset in the log file behind the span.
func (s Span) End() uint64 { return s.Start + s.Length }

// rawEnd is the offset in the raw stream behind the span.
func (s *Span) rawEnd() uint64 { return s.RawStart + s.Length }

// samePlace tells whether both spans name the same bytes of the same log file.
func (s *Span) samePlace(o *Span) bool {
	return s.Server == o.Server && s.File == o.File && s.Start == o.Start && s.Length == o.Length
}

// FrameInfo tells where a DATA frame stands.
type FrameInfo struct {
	Offset    int64  // in the segment, of the frame's header
	StoredLen int    // in the segment, header included
	RawStart  uint64 // offset of its first byte in the raw stream
	RawLen    int    // bytes of the log it holds
}

// end is the offset in the segment behind the frame.
func (f *FrameInfo) end() int64 { return f.Offset + int64(f.StoredLen) }

// Range is a part of a segment's raw stream: the bytes From to To, To excluded. Both
// must be boundaries between events.
type Range struct{ From, To uint64 }

// Blob is where a finished segment is read from.
type Blob interface {
	// ReadRange opens length bytes at offset. A negative offset counts from the end; what
	// reaches beyond either end of the blob is cut off. The caller closes the reader.
	ReadRange(ctx context.Context, offset, length int64) (io.ReadCloser, error)
}
