package faulty

import (
	"fmt"
	"io"
)

// reader damages what is read.
type reader struct {
	inner  io.ReadCloser
	fault  *hit
	target int64 // offset of the damage
	at     int64
}

// reader returns r, damaged if h damages readers. size is that of the object.
func (h *hit) reader(r io.ReadCloser, size int64) io.ReadCloser {
	if h == nil || h.Kind != ShortRead && h.Kind != BrokenRead && h.Kind != Corrupt {
		return r
	}
	target := h.At
	if target < 0 {
		target = h.dice.Int64N(max(size, 1))
	}
	return &reader{inner: r, fault: h, target: target}
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	left := r.target - r.at
	if r.fault.Kind != Corrupt {
		if left == 0 && len(p) > 0 {
			return 0, r.end()
		}
		p = p[:min(int64(len(p)), left)]
	}
	n, err := r.inner.Read(p)
	if r.fault.Kind == Corrupt && left >= 0 && left < int64(n) {
		p[left] ^= 1 << r.fault.dice.IntN(8)
	}
	r.at += int64(n)
	return n, err
}

func (r *reader) end() error {
	if r.fault.Kind == ShortRead {
		return io.EOF
	}
	return fmt.Errorf("read: %w", r.fault.err())
}

// Close implements io.Closer.
func (r *reader) Close() error { return r.inner.Close() }
