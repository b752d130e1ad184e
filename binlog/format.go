package binlog

import (
	"bytes"
	"fmt"
)

// Format is the format description event in force, and what it says.
type Format struct {
	Raw           []byte // the whole event; a copy of its own
	ServerVersion string // of the server that wrote the file
	Checksum      bool   // whether events end in a CRC32
}

// Layout of a format description event's body: binlog version 2, server version 50, create time 4, header length 1,
// post-header lengths (one per event type), checksum algorithm 1, and a CRC32 that is always there (from MySQL 5.6.1).
const (
	formatVersionLen = 50
	formatFixed      = 2 + formatVersionLen + 4 + 1
	checksumCRC32    = 1
)

// DecodeFormat reads a whole format description event and verifies its own CRC32.
// It returns ErrMalformed for anything but binlog version 4 with 19-byte headers.
func DecodeFormat(raw []byte) (*Format, error) {
	h, err := DecodeHeader(raw)
	if err != nil {
		return nil, fmt.Errorf("decode format description event: %w", err)
	}
	if h.Type != TypeFormatDescription || int(h.Size) != len(raw) || len(raw) < HeaderSize+formatFixed+1+ChecksumSize {
		return nil, fmt.Errorf("decode format description event: %w: type %d, %d bytes", ErrMalformed, h.Type, len(raw))
	}
	if err := VerifyChecksum(raw); err != nil {
		return nil, fmt.Errorf("decode format description event: %w", err)
	}
	body := raw[HeaderSize:]
	if v := int(body[0]) | int(body[1])<<8; v != 4 || body[formatFixed-1] != HeaderSize {
		return nil, fmt.Errorf("decode format description event: %w: binlog version %d, header length %d", ErrMalformed, v, body[formatFixed-1])
	}
	alg := raw[len(raw)-ChecksumSize-1]
	if alg > checksumCRC32 {
		return nil, fmt.Errorf("decode format description event: %w: checksum algorithm %d", ErrMalformed, alg)
	}
	version, _, _ := bytes.Cut(body[2:2+formatVersionLen], []byte{0})
	return &Format{Raw: bytes.Clone(raw), ServerVersion: string(version), Checksum: alg == checksumCRC32}, nil
}
