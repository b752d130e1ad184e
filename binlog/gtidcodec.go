package binlog

import (
	"encoding/binary"
	"fmt"
)

// Binary form of a GTID set, as in COM_BINLOG_DUMP_GTID and in a previous-GTIDs event (Gtid_set::encode):
// the number of origins (8 bytes; in the tagged form the bytes 0 and 7 are 1 and the number stands in between), then
// for each origin its UUID (16), in the tagged form its tag (length times two, 1; characters), the number
// of intervals (8), and for each interval its start and its end (8 each, end exclusive).
const (
	countLen    = 8
	uuidLen     = 16
	intervalLen = 16
)

// AppendBinary appends the binary form of the set to dst.
func (s GTIDSet) AppendBinary(dst []byte) ([]byte, error) {
	sids := s.sids()
	tagged := false
	for _, sid := range sids {
		tagged = tagged || sid.Tag != ""
	}
	n := uint64(len(sids))
	if tagged {
		n = n<<8 | 1 | 1<<56
	}
	dst = binary.LittleEndian.AppendUint64(dst, n)
	for _, sid := range sids {
		dst = append(dst, sid.UUID[:]...)
		if tagged {
			dst = append(dst, byte(len(sid.Tag)<<1))
			dst = append(dst, sid.Tag...)
		}
		ivs := s.m[sid]
		dst = binary.LittleEndian.AppendUint64(dst, uint64(len(ivs)))
		for _, iv := range ivs {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(iv.start))
			dst = binary.LittleEndian.AppendUint64(dst, uint64(iv.end))
		}
	}
	return dst, nil
}

// DecodeGTIDSet reads the binary form; all of b must belong to it. It returns ErrMalformed otherwise.
func DecodeGTIDSet(b []byte) (GTIDSet, error) {
	r := byteReader{b: b}
	n := r.uint64()
	tagged := n>>56 == 1
	if tagged {
		n = n << 8 >> 16
	}
	out := NewGTIDSetBuilder(GTIDSet{})
	for range n {
		if r.failed {
			break
		}
		sid := SID{}
		copy(sid.UUID[:], r.take(uuidLen))
		if tagged {
			if l := int(r.byte() >> 1); l > 0 {
				sid.Tag = string(r.take(l))
			}
		}
		decodeIntervals(&r, out, sid)
	}
	if r.failed || len(r.b) != 0 {
		return GTIDSet{}, fmt.Errorf("decode GTID set of %d bytes: %w", len(b), ErrMalformed)
	}
	return out.Set(), nil
}

func decodeIntervals(r *byteReader, out *GTIDSetBuilder, sid SID) {
	for range r.uint64() {
		iv := interval{int64(r.uint64()), int64(r.uint64())}
		if r.failed || iv.start < 1 || iv.end <= iv.start {
			r.failed = true
			return
		}
		out.insert(sid, iv)
	}
}

// byteReader takes values off the front of b; once it runs short it stays failed and yields zeros.
type byteReader struct {
	b      []byte
	failed bool
}

func (r *byteReader) take(n int) []byte {
	if r.failed || n < 0 || n > len(r.b) {
		r.failed = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *byteReader) uint(n int) uint64 {
	var v uint64
	for i, c := range r.take(n) {
		v |= uint64(c) << (8 * i)
	}
	return v
}

func (r *byteReader) byte() byte     { return byte(r.uint(1)) }
func (r *byteReader) uint64() uint64 { return r.uint(8) }

// lenenc reads a length-encoded integer (Protocol::LengthEncodedInteger, net_field_length).
func (r *byteReader) lenenc() uint64 {
	switch c := r.byte(); c {
	case 252:
		return r.uint(2)
	case 253:
		return r.uint(3)
	case 254:
		return r.uint(8)
	case 251, 255:
		r.failed = true
		return 0
	default:
		return uint64(c)
	}
}
