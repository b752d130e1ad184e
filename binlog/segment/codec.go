package segment

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Level is how hard an Encoder tries to make frames small.
type Level uint8

// The levels, each slower than the one before.
const (
	None    Level = iota // stored as it is
	Fastest              // zstd, about level 1
	Default              // zstd, about level 3
	Better               // zstd, about level 7
)

// String names the level as a configuration does.
func (l Level) String() string {
	switch l {
	case None:
		return "none"
	case Fastest:
		return "fastest"
	case Default:
		return "default"
	case Better:
		return "better"
	}
	return fmt.Sprintf("level %d", uint8(l))
}

func (l Level) zstd() zstd.EncoderLevel {
	switch l {
	case Fastest:
		return zstd.SpeedFastest
	case Default:
		return zstd.SpeedDefault
	}
	return zstd.SpeedBetterCompression
}

// Encoder makes DATA frames. Each goroutine needs its own.
type Encoder struct {
	zstd *zstd.Encoder // nil: nothing is compressed
}

// NewEncoder returns an Encoder for a level. It fails for an unknown one.
func NewEncoder(l Level) (*Encoder, error) {
	switch l {
	case None:
		return &Encoder{}, nil
	case Fastest, Default, Better:
	default:
		return nil, fmt.Errorf("make segment encoder: unknown compression %s", l)
	}
	enc, err := newZstd(l.zstd(), MaxFrame)
	if err != nil {
		return nil, fmt.Errorf("make segment encoder: %w", err)
	}
	return &Encoder{zstd: enc}, nil
}

// newZstd leaves zstd's own checksum out: every frame carries a hash of its header and stored bytes.
func newZstd(level zstd.EncoderLevel, window int) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(window))
}

// Frame appends raw to dst as a DATA frame, and returns the extended slice. Raw bytes that compression does not make
// smaller are stored as they are. More than MaxFrame bytes become several frames, no bytes become none.
func (e *Encoder) Frame(dst, raw []byte) []byte {
	for len(raw) > 0 {
		n := min(len(raw), MaxFrame)
		dst = e.frame(dst, raw[:n])
		raw = raw[n:]
	}
	return dst
}

func (e *Encoder) frame(dst, raw []byte) []byte {
	head := len(dst)
	dst = append(dst, make([]byte, frameHeaderSize)...)
	h := frameHeader{kind: kindData, codec: codecNone, raw: len(raw)}
	body := len(dst)
	if e.zstd != nil {
		dst = e.zstd.EncodeAll(raw, dst)
		h.codec = codecZstd
	}
	if h.codec == codecNone || !worth(len(dst)-body, len(raw)) {
		h.codec = codecNone
		dst = append(dst[:body], raw...)
	}
	h.stored = len(dst) - body
	h.put(dst[head:], dst[body:])
	return dst
}

// worth tells whether compression saves enough to pay for decompression.
func worth(stored, raw int) bool { return stored < raw-raw/64 }

// decoder turns frames back into raw bytes.
type decoder struct {
	zstd *zstd.Decoder
}

func newDecoder() (*decoder, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxFrame),
		zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("make segment decoder: %w", err)
	}
	return &decoder{zstd: dec}, nil
}

// data decompresses a DATA frame into the memory of dst, which it replaces where it is too small.
func (d *decoder) data(dst []byte, f *frame) ([]byte, error) {
	if cap(dst) < f.raw {
		dst = make([]byte, 0, f.raw)
	}
	dst = dst[:0:f.raw]
	if f.codec == codecNone {
		return append(dst, f.body()...), nil
	}
	out, err := d.zstd.DecodeAll(f.body(), dst)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || (err == nil && len(out) != f.raw) {
		return nil, corrupt(f.offset, "frame does not hold the %d bytes it claims", f.raw)
	}
	if err != nil {
		return nil, corrupt(f.offset, "decompress frame: %v", err)
	}
	return out, nil
}

func (d *decoder) close() { d.zstd.Close() }
