package objstore

import "fmt"

// Span turns the arguments of a GetRange into the bytes [start, start+n) of an
// object of size bytes, by the rules of Store.GetRange.
func Span(offset, length, size int64) (start, n int64, err error) {
	start = offset
	if offset < 0 {
		start = max(0, size+offset)
	}
	if length < 1 || start >= size {
		return 0, 0, fmt.Errorf("%w: %d bytes at %d of %d", ErrRange, length, offset, size)
	}
	return start, min(length, size-start), nil
}
