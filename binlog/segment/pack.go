package segment

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	packChunk    = 256 << 10 // raw bytes of an index compressed at a time
	indexWindow  = 512 << 10 // zstd window of an index; a reader allocates no more
	largeIndex   = 256 << 20 // raw bytes from which on only the beginning of statements is kept
	largeIndexTx = 1 << 10   // how much that is, in bytes
)

// packer compresses an index as it grows: zstd frames, one behind the other, which decompress as one.
type packer struct {
	enc   *zstd.Encoder
	raw   []byte // not compressed yet
	out   []byte
	total int // raw bytes in out
}

// large tells whether the index grows beyond what is reasonable.
func (p *packer) large() bool { return p.total > largeIndex }

// pack compresses what is pending, if it is much or if all is set.
func (p *packer) pack(all bool) error {
	if len(p.raw) < packChunk && !all {
		return nil
	}
	out, err := p.compress(p.out, p.raw)
	if err != nil {
		return err
	}
	p.out, p.total, p.raw = out, p.total+len(p.raw), p.raw[:0]
	return nil
}

func (p *packer) compress(dst, raw []byte) ([]byte, error) {
	if p.enc == nil {
		enc, err := newZstd(zstd.SpeedFastest, indexWindow)
		if err != nil {
			return nil, fmt.Errorf("make index encoder: %w", err)
		}
		p.enc = enc
	}
	return p.enc.EncodeAll(raw, dst), nil
}

// frame returns the INDEX frame that holds head and all rows.
func (p *packer) frame(head []byte) ([]byte, error) {
	if p.total == 0 { // small: all in one
		p.raw = append(head, p.raw...)
		head = nil
	}
	stored, err := p.compress(nil, head)
	if err != nil {
		return nil, err
	}
	if err := p.pack(true); err != nil {
		return nil, err
	}
	stored = append(stored, p.out...)
	raw := p.total + len(head)
	if raw > maxIndexRaw || len(stored) > maxIndexStored {
		return nil, fmt.Errorf("%w: it takes %d bytes, at most %d are allowed", errOrder, raw, maxIndexRaw)
	}
	return appendFrame(nil, frameHeader{kind: kindIndex, codec: codecZstd, raw: raw}, stored), nil
}

// unpacker decompresses an index as it is read.
type unpacker struct {
	*bufio.Reader
	zstd *zstd.Decoder
	left io.LimitedReader
}

// unpack opens the content of an INDEX frame of raw decompressed bytes.
func unpack(stored []byte, raw int) (*unpacker, error) {
	dec, err := zstd.NewReader(bytes.NewReader(stored), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(indexWindow))
	if err != nil {
		return nil, fmt.Errorf("make index decoder: %w", err)
	}
	u := &unpacker{zstd: dec}
	u.left = io.LimitedReader{R: dec, N: int64(raw) + 1}
	u.Reader = bufio.NewReader(&u.left)
	return u, nil
}

// end checks that exactly the announced number of bytes was there.
func (u *unpacker) end() error {
	if _, err := u.ReadByte(); err != io.EOF || u.left.N != 1 {
		return fmt.Errorf("%w: index is longer or shorter than announced", ErrCorrupt)
	}
	return nil
}

func (u *unpacker) close() { u.zstd.Close() }
