package binlog

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Fields before the data of a transaction payload event, each a type, a length and a value, all length-encoded
// (mysql::binlog::event::codecs::binary::Transaction_payload).
const (
	payloadEndMark     = 0
	payloadCompression = 2
	compressionZstd    = 0
	compressionNone    = 255
	payloadMaxMemory   = 64 << 20
	payloadMaxBody     = MaxStatement + 4<<10 // more of an inner event is not looked at
)

// payloadReader lists what is in a compressed transaction. It decompresses as it goes, in bounded memory.
type payloadReader struct {
	zstd *zstd.Decoder
	body []byte
}

func (p *payloadReader) read(body []byte, a *Assembler) error {
	data, compression, err := payloadData(body)
	if err != nil {
		return err
	}
	var src io.Reader = bytes.NewReader(data)
	switch compression {
	case compressionNone:
	case compressionZstd:
		if err := p.reset(src); err != nil {
			return err
		}
		src = p.zstd
	default:
		return fmt.Errorf("read transaction payload: %w: compression type %d", ErrMalformed, compression)
	}
	return p.events(src, a)
}

func (p *payloadReader) reset(src io.Reader) error {
	if p.zstd != nil {
		return p.zstd.Reset(src)
	}
	var err error
	p.zstd, err = zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(payloadMaxMemory))
	return err
}

// payloadData reads the fields and returns what follows them.
func payloadData(body []byte) (data []byte, compression uint64, err error) {
	r := byteReader{b: body}
	for !r.failed {
		field := r.lenenc()
		if field == payloadEndMark {
			break
		}
		value := byteReader{b: r.take(int(min(r.lenenc(), uint64(len(body)))))}
		if field == payloadCompression {
			compression = value.lenenc()
		}
		r.failed = r.failed || value.failed
	}
	if r.failed {
		return nil, 0, fmt.Errorf("read transaction payload: %w", ErrMalformed)
	}
	return r.b, compression, nil
}

// events walks the inner events, which carry no checksums.
func (p *payloadReader) events(src io.Reader, a *Assembler) error {
	var head [HeaderSize]byte
	for {
		if _, err := io.ReadFull(src, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read transaction payload: %w", err)
		}
		h, err := DecodeHeader(head[:])
		if err != nil {
			return fmt.Errorf("read transaction payload: %w", err)
		}
		if err := p.event(src, h, a); err != nil {
			return err
		}
	}
}

func (p *payloadReader) event(src io.Reader, h Header, a *Assembler) error {
	size := int64(h.Size) - HeaderSize
	keep := min(size, payloadMaxBody)
	if cap(p.body) < int(keep) {
		p.body = make([]byte, keep)
	}
	body := p.body[:keep]
	if _, err := io.ReadFull(src, body); err != nil {
		return fmt.Errorf("read transaction payload: %w", err)
	}
	if _, err := io.CopyN(io.Discard, src, size-keep); err != nil {
		return fmt.Errorf("read transaction payload: %w", err)
	}
	switch h.Type {
	case TypeTableMap:
		return a.tableMap(body)
	case TypeQuery:
		q, err := DecodeQuery(body)
		if err == nil && controlOf(q.Text) == controlNone {
			a.statement(q, keep < size)
		}
		return err
	default:
		a.rows(h.Type, body, uint64(h.Size))
	}
	return nil
}
