package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"lastwrite/binlog"
)

const (
	fileMagic    = "LWSG"
	trailerMagic = "GSWL"
)

// appendFileHeader appends magic, version and two reserved bytes.
func appendFileHeader(dst []byte) []byte {
	dst = append(dst, fileMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, Version)
	return append(dst, 0, 0)
}

func checkFileHeader(b []byte) error {
	if string(b[:4]) != fileMagic {
		return corrupt(0, "not a segment")
	}
	return checkVersion(binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]))
}

func checkVersion(version, reserved uint16) error {
	if version != Version {
		return fmt.Errorf("%w: %d (this program knows %d)", ErrVersion, version, Version)
	}
	if reserved != 0 {
		return fmt.Errorf("%w: reserved bytes are in use", ErrCorrupt)
	}
	return nil
}

// trailer ends a finished segment.
type trailer struct {
	indexOffset int64
	indexLength int64
	rawTotal    uint64
	sum         [sha256.Size]byte // of everything before the trailer
}

// append appends the trailer's 60 bytes to dst.
func (t *trailer) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.indexOffset))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(t.indexLength))
	dst = binary.LittleEndian.AppendUint64(dst, t.rawTotal)
	dst = append(dst, t.sum[:]...)
	dst = binary.LittleEndian.AppendUint16(dst, Version)
	dst = append(dst, 0, 0)
	return append(dst, trailerMagic...)
}

// size is the length of the whole segment.
func (t *trailer) size() int64 { return t.indexOffset + t.indexLength + TrailerSize }

// decodeTrailer reads the last 60 bytes of a segment.
func decodeTrailer(b []byte) (*trailer, error) {
	if len(b) < TrailerSize {
		return nil, fmt.Errorf("%w: %d bytes where a trailer of %d was expected", ErrTruncated, len(b), TrailerSize)
	}
	b = b[len(b)-TrailerSize:]
	if string(b[TrailerSize-len(trailerMagic):]) != trailerMagic {
		return nil, fmt.Errorf("%w: it does not end in a trailer", ErrCorrupt)
	}
	if err := checkVersion(binary.LittleEndian.Uint16(b[52:]), binary.LittleEndian.Uint16(b[54:])); err != nil {
		return nil, err
	}
	offset := binary.LittleEndian.Uint64(b)
	t := &trailer{indexLength: int64(binary.LittleEndian.Uint32(b[8:])), rawTotal: binary.LittleEndian.Uint64(b[12:])}
	copy(t.sum[:], b[20:])
	if offset < fileHeaderSize || offset > math.MaxInt64/2 || t.indexLength <= frameHeaderSize ||
		t.indexLength > frameHeaderSize+maxIndexStored || t.rawTotal > math.MaxInt64 {
		return nil, fmt.Errorf("%w: trailer names an index of %d bytes at %d", ErrCorrupt, t.indexLength, offset)
	}
	t.indexOffset = int64(offset)
	return t, nil
}

var errSpan = errors.New("span cannot be written")

// appendSpan appends what a SPAN frame holds.
func appendSpan(dst []byte, s *Span) ([]byte, error) {
	if err := checkSpan(s); err != nil {
		return nil, err
	}
	dst = append(dst, byte(len(s.Server)))
	dst = append(dst, s.Server...)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(s.File)))
	dst = append(dst, s.File...)
	dst = binary.LittleEndian.AppendUint64(dst, s.Start)
	return append(dst, s.Format.Raw...), nil
}

// Limits of what a span may name, in bytes.
const (
	maxServer = 255
	maxFile   = 4 << 10
	maxFormat = 32 << 10
)

func checkSpan(s *Span) error {
	switch {
	case s.Format == nil:
		return fmt.Errorf("%w: %s:%d has no format", errSpan, s.File, s.Start)
	case len(s.Server) > maxServer || len(s.File) > maxFile || len(s.Format.Raw) > maxFormat:
		return fmt.Errorf("%w: server name of %d, file name of %d, format of %d bytes", errSpan, len(s.Server), len(s.File), len(s.Format.Raw))
	case s.Start > math.MaxInt64:
		return fmt.Errorf("%w: starts at %d", errSpan, s.Start)
	}
	return nil
}

// decodeSpan reads what a SPAN frame holds; the result shares no memory with b.
func decodeSpan(b []byte, offset int64) (*Span, error) {
	s := &Span{}
	n := 1 + int(b[0])
	if len(b) < n+2 {
		return nil, corrupt(offset, "span of %d bytes", len(b))
	}
	s.Server, b = string(b[1:n]), b[n:]
	n = 2 + int(binary.LittleEndian.Uint16(b))
	if len(b) < n+8 {
		return nil, corrupt(offset, "span names a file of %d bytes", n-2)
	}
	s.File, b = string(b[2:n]), b[n:]
	s.Start = binary.LittleEndian.Uint64(b)
	format, err := binlog.DecodeFormat(b[8:])
	if err != nil {
		return nil, corrupt(offset, "span of %s: %v", s.File, err)
	}
	s.Format = format
	if err := checkSpan(s); err != nil {
		return nil, corrupt(offset, "%v", err)
	}
	return s, nil
}

// sameFormat tells whether both formats are the same event.
func sameFormat(a, b *binlog.Format) bool { return a == b || bytes.Equal(a.Raw, b.Raw) }
