package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// frameHeader is the beginning of every frame.
type frameHeader struct {
	kind   kind
	codec  codec
	stored int // bytes behind the header
	raw    int // bytes once they are decompressed
}

// put writes the header, the hash of stored included, to the first 20 bytes of b.
func (h frameHeader) put(b, stored []byte) {
	b[0], b[1], b[2], b[3] = byte(h.kind), byte(h.codec), 0, 0
	binary.LittleEndian.PutUint32(b[4:], uint32(h.stored))
	binary.LittleEndian.PutUint32(b[8:], uint32(h.raw))
	binary.LittleEndian.PutUint64(b[hashedHeader:], frameHash(b[:hashedHeader], stored))
}

func frameHash(header, stored []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(header)
	_, _ = d.Write(stored)
	return d.Sum64()
}

// decodeFrameHeader reads a header and checks all but its hash, so that no length is believed that is impossible.
func decodeFrameHeader(b []byte, offset int64) (frameHeader, error) {
	stored, raw := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
	h := frameHeader{kind: kind(b[0]), codec: codec(b[1]), stored: int(stored), raw: int(raw)}
	if b[2] != 0 || b[3] != 0 || h.codec > codecZstd {
		return h, corrupt(offset, "not a frame header")
	}
	maxStored, maxRaw := 0, 0
	switch h.kind {
	case kindSpan:
		maxStored, maxRaw = maxSpanFrame, maxSpanFrame
	case kindData:
		maxStored, maxRaw = MaxFrame, MaxFrame
	case kindIndex:
		maxStored, maxRaw = maxIndexStored, maxIndexRaw
	default:
		return h, corrupt(offset, "frame of unknown kind %d", h.kind)
	}
	if stored == 0 || raw == 0 || int64(stored) > int64(maxStored) || int64(raw) > int64(maxRaw) {
		return h, corrupt(offset, "frame of kind %d claims %d bytes, %d decompressed", h.kind, stored, raw)
	}
	if (h.codec == codecNone && stored != raw) || (h.codec == codecZstd && h.kind == kindSpan) ||
		(h.codec == codecZstd && h.kind == kindData && stored >= raw) || (h.codec == codecNone && h.kind == kindIndex) {
		return h, corrupt(offset, "frame of kind %d with codec %d claims %d bytes, %d decompressed", h.kind, h.codec, stored, raw)
	}
	return h, nil
}

// appendFrame appends a frame that holds stored.
func appendFrame(dst []byte, h frameHeader, stored []byte) []byte {
	head := len(dst)
	dst = append(dst, make([]byte, frameHeaderSize)...)
	h.stored = len(stored)
	dst = append(dst, stored...)
	h.put(dst[head:], stored)
	return dst
}

// frame is one frame as it stands in a file.
type frame struct {
	frameHeader
	offset int64  // in the file
	bytes  []byte // header and stored bytes; valid until the next frame is read
}

func (f *frame) body() []byte { return f.bytes[frameHeaderSize:] }
func (f *frame) end() int64   { return f.offset + int64(len(f.bytes)) }

// frameReader reads frames one after the other.
type frameReader struct {
	r      io.Reader
	offset int64     // in the file, of the next byte
	sum    hash.Hash // of all that was read; nil: not wanted
	buf    []byte
}

// firstRead bounds what is allocated on the word of a header alone.
const firstRead = 64 << 10

// take reads n bytes more into buf. It returns io.EOF if there was not one byte, ErrTruncated if there were
// too few. Memory grows with what really comes.
func (f *frameReader) take(n int) error {
	for n > 0 {
		at := len(f.buf)
		step := min(n, max(firstRead, at, cap(f.buf)-at))
		f.buf = slices.Grow(f.buf, step)[:at+step]
		m, err := io.ReadFull(f.r, f.buf[at:])
		f.buf = f.buf[:at+m]
		if f.sum != nil {
			_, _ = f.sum.Write(f.buf[at:])
		}
		f.offset += int64(m)
		n -= m
		switch {
		case err == io.EOF && len(f.buf) == 0:
			return io.EOF
		case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%w: ends at offset %d", ErrTruncated, f.offset)
		case err != nil:
			return fmt.Errorf("read segment at offset %d: %w", f.offset, err)
		}
	}
	return nil
}

// fileHeader reads the beginning of a file.
func (f *frameReader) fileHeader() error {
	f.buf = f.buf[:0]
	if err := f.take(fileHeaderSize); err == io.EOF {
		return fmt.Errorf("%w: it is empty", ErrTruncated)
	} else if err != nil {
		return err
	}
	return checkFileHeader(f.buf)
}

// next reads a frame and checks its hash. It returns io.EOF where the file ends between frames.
func (f *frameReader) next() (frame, error) {
	f.buf = f.buf[:0]
	out := frame{offset: f.offset}
	if err := f.take(frameHeaderSize); err != nil {
		return out, err
	}
	h, err := decodeFrameHeader(f.buf, out.offset)
	if err != nil {
		return out, err
	}
	if err := f.take(h.stored); err != nil {
		return out, err
	}
	out.frameHeader, out.bytes = h, f.buf
	if want := binary.LittleEndian.Uint64(f.buf[hashedHeader:]); want != frameHash(f.buf[:hashedHeader], out.body()) {
		return out, corrupt(out.offset, "hash of a frame of %d bytes does not match", len(f.buf))
	}
	return out, nil
}
