package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
)

const (
	readAhead = 2         // decompressed frames that wait for the reader
	mergeGap  = 256 << 10 // unwanted bytes that are read rather than asked around
	maxRead   = 32 << 20  // bytes asked for at a time, so that no request stays open for long behind a slow reader
)

// fetched is a frame on its way from a fetcher to its Reader.
type fetched struct {
	frame int // place in Index.Frames
	raw   []byte
	err   error // the last one to come, where it is set
}

// fetcher reads, checks and decompresses frames ahead of their use.
type fetcher struct {
	index  *Index
	blob   Blob
	wanted []int // places in index.Frames, ascending
	out    chan fetched
	free   chan []byte // memory of frames that are done with
}

func newFetcher(x *Index, b Blob, wanted []int) *fetcher {
	f := &fetcher{index: x, blob: b, wanted: wanted, out: make(chan fetched, readAhead), free: make(chan []byte, readAhead+2)}
	for range readAhead + 2 { // one in the reader's hands, one being filled
		f.free <- nil
	}
	return f
}

// run fetches all wanted frames and closes out behind the last.
func (f *fetcher) run(ctx context.Context) {
	defer close(f.out)
	dec, err := newDecoder()
	if err == nil {
		defer dec.close()
		err = f.all(ctx, dec)
	}
	if err != nil {
		_ = f.send(ctx, fetched{err: err})
	}
}

func (f *fetcher) send(ctx context.Context, out fetched) error {
	select {
	case f.out <- out:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// all fetches run by run. A read that breaks off is taken up again from the frame it broke off in, unless it has brought
// no frame at all.
func (f *fetcher) all(ctx context.Context, dec *decoder) error {
	for at := 0; at < len(f.wanted); {
		n, err := f.request(ctx, dec, f.wanted[at:f.requestEnd(at)])
		at += n
		if err != nil && (n == 0 || ctx.Err() != nil || errors.Is(err, ErrCorrupt)) {
			return err
		}
	}
	return nil
}

// requestEnd finds how many of the wanted frames from at on are read with one request.
func (f *fetcher) requestEnd(at int) int {
	frames := f.index.Frames
	first := &frames[f.wanted[at]]
	end := at + 1
	for ; end < len(f.wanted); end++ {
		last, next := &frames[f.wanted[end-1]], &frames[f.wanted[end]]
		if next.Offset-last.end() > mergeGap || next.end()-first.Offset > maxRead {
			break
		}
	}
	return end
}

// request fetches frames with one request, and tells how many it has handed on.
func (f *fetcher) request(ctx context.Context, dec *decoder, wanted []int) (int, error) {
	frames := f.index.Frames
	from, to := frames[wanted[0]].Offset, frames[wanted[len(wanted)-1]].end()
	body, err := f.blob.ReadRange(ctx, from, to-from)
	if err != nil {
		return 0, fmt.Errorf("read segment: %w", err)
	}
	defer func() { _ = body.Close() }()
	fr := frameReader{r: body, offset: from}
	for i, at := range wanted {
		if err := f.one(ctx, dec, &fr, at); err != nil {
			return i, err
		}
	}
	return len(wanted), nil
}

func (f *fetcher) one(ctx context.Context, dec *decoder, fr *frameReader, at int) error {
	info := &f.index.Frames[at]
	if err := fr.skip(info.Offset - fr.offset); err != nil {
		return err
	}
	got, err := fr.next()
	if err == io.EOF {
		err = fmt.Errorf("%w: ends at offset %d", ErrTruncated, fr.offset)
	}
	if err != nil {
		return fmt.Errorf("read segment: %w", err)
	}
	if got.kind != kindData || len(got.bytes) != info.StoredLen || got.raw != info.RawLen {
		return fmt.Errorf("read segment: %w", corrupt(info.Offset, "not the frame that the index names"))
	}
	var mem []byte
	select {
	case mem = <-f.free:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	raw, err := dec.data(mem, &got)
	if err != nil {
		return fmt.Errorf("read segment: %w", err)
	}
	return f.send(ctx, fetched{frame: at, raw: raw})
}

// skip reads n bytes that nobody wants.
func (f *frameReader) skip(n int64) error {
	if n == 0 {
		return nil
	}
	m, err := io.CopyN(io.Discard, f.r, n)
	f.offset += m
	if err == io.EOF {
		err = fmt.Errorf("%w: ends at offset %d", ErrTruncated, f.offset)
	}
	if err != nil {
		return fmt.Errorf("read segment: %w", err)
	}
	return nil
}
