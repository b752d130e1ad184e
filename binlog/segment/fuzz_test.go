package segment

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

// seeds are inputs that reach deep.
func seeds(f *testing.F) {
	data, s, _ := tiny(f)
	f.Add(data)
	f.Add(data[:s.IndexOffset])
	f.Add(data[s.IndexOffset:])
	l := newLog(f, "bin.000001", false, 1)
	l.statement("", "DROP DATABASE shop")
	plain, _ := build(f, writeOptions{None, 1 << 20}, l)
	f.Add(plain)
	f.Add(appendFileHeader(nil))
	f.Add([]byte{})
}

// reseal makes the hashes of a file's frames and its trailer right, so that a fuzzer gets past them.
func reseal(data []byte) []byte {
	data = bytes.Clone(data)
	at, index := fileHeaderSize, int64(0)
	for len(data)-at > frameHeaderSize {
		h, err := decodeFrameHeader(data[at:], int64(at))
		if err != nil || len(data)-at < frameHeaderSize+h.stored {
			break
		}
		end := at + frameHeaderSize + h.stored
		h.put(data[at:], data[at+frameHeaderSize:end])
		if h.kind == kindIndex {
			index = int64(end - at)
		}
		at = end
	}
	if n := len(data) - TrailerSize; index > 0 && n >= at {
		sum, raw := sha256.Sum256(data[:n]), uint64(0)
		if old, err := decodeTrailer(data); err == nil {
			raw = old.rawTotal
		}
		t := trailer{indexOffset: int64(n) - index, indexLength: index, rawTotal: raw, sum: sum}
		data = t.append(data[:n])
	}
	return data
}

// Whatever the bytes are, an index is read or refused; reading it ends, and what it says is consistent.
func FuzzReadIndex(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, reseal(data)} {
			x, err := ReadIndex(context.Background(), &memory{data: data})
			if err != nil {
				continue
			}
			end := uint64(0)
			for row, err := range x.Transactions() {
				if err != nil {
					require.ErrorIs(t, err, ErrCorrupt)
					break
				}
				require.GreaterOrEqual(t, row.RawStart, end)
				end = row.Range().To
				require.LessOrEqual(t, end, uint64(x.RawBytes))
			}
			r := NewReader(x, &memory{data: data}, nil, binlog.NewPool(1, 200))
			_, _ = drainAny(r)
			r.Close()
		}
	})
}

// drainAny counts the bytes that a source yields.
func drainAny(r binlog.Source) (n int, err error) {
	for {
		b, err := r.Next(context.Background())
		if err != nil {
			return n, err
		}
		n += b.Bytes()
		b.Release()
	}
}

// An index head and rows of any content, rightly compressed and hashed, are read or refused.
func FuzzIndexContent(f *testing.F) {
	data, _, _ := tiny(f)
	x, err := ReadIndex(context.Background(), &memory{data: data})
	require.NoError(f, err)
	in, err := unpack(x.stored, x.rawLen)
	require.NoError(f, err)
	raw := make([]byte, x.rawLen)
	_, err = io.ReadFull(in, raw)
	require.NoError(f, err)
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) == 0 {
			return
		}
		var p packer
		stored, err := p.compress(nil, raw)
		require.NoError(t, err)
		frame := appendFrame(nil, frameHeader{kind: kindIndex, codec: codecZstd, raw: len(raw)}, stored)
		x, err := openIndex(&trailer{indexOffset: 1 << 20, indexLength: int64(len(frame)), rawTotal: uint64(x.RawBytes)}, frame)
		if err == nil {
			err = x.Verify()
		}
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
		}
	})
}

// A scan ends behind an intact beginning: scanning just that again yields the same frames.
func FuzzScan(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, reseal(data)} {
			walk := func(data []byte) (frames int, raw []byte, end int64, err error) {
				s := Scan(bytes.NewReader(data))
				for s.Next() {
					frames++
					raw = append(raw, s.Frame().Raw...)
				}
				return frames, raw, s.Offset(), s.Err()
			}
			frames, raw, end, err := walk(data)
			require.LessOrEqual(t, end, int64(len(data)))
			require.True(t, err == nil || detected(err), "%v", err)
			if end == 0 {
				continue
			}
			again, rawAgain, endAgain, err := walk(data[:end])
			require.NoError(t, err)
			require.Equal(t, frames, again)
			require.Equal(t, raw, rawAgain)
			require.Equal(t, end, endAgain)
		}
	})
}

// What Verify accepts can be read, index and all.
func FuzzVerify(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, reseal(data)} {
			s, err := verify(context.Background(), bytes.NewReader(data), 2<<10)
			if err != nil {
				require.True(t, detected(err), "%v", err)
				continue
			}
			got, err := readAny(data)
			require.NoError(t, err)
			require.EqualValues(t, s.RawBytes, got)
		}
	})
}

func readAny(data []byte) (int, error) {
	blob := &memory{data: data}
	x, err := ReadIndex(context.Background(), blob)
	if err != nil {
		return 0, err
	}
	r := NewReader(x, blob, nil, binlog.NewPool(1, 300))
	defer r.Close()
	n, err := drainAny(r)
	if err == io.EOF {
		err = nil
	}
	return n, err
}
