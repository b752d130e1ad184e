package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"lastwrite/binlog"
)

var (
	// ErrRange says that a Range is not one: backwards, beyond the segment's end, or not in order.
	ErrRange = errors.New("invalid range of a segment")

	errClosed = errors.New("segment reader is closed")
)

// Reader yields the events of a segment, or of parts of it, in batches; it is a binlog.Source. Frames are fetched in a
// goroutine of its own, a little ahead of their use; besides the pool's batches it holds at most five frames, one of them compressed.
//
// No byte of a frame is handed out before the frame's hash was compared; a whole event not before its CRC32 was, too.
// Events within a batch follow each other in the file; a new batch begins where the span or the range changes.
type Reader struct {
	pool   *binlog.Pool
	cutter cutter
	frames *rangeReader
	err    error // what is wrong with the ranges
}

// NewReader returns a Reader of the given parts of the raw stream, in ascending order; nil stands for all of it. It must be
// closed. The segment's own errors, ErrRange among them, come from Next.
func NewReader(x *Index, b Blob, ranges []Range, pool *binlog.Pool) *Reader {
	if ranges == nil {
		ranges = []Range{{0, uint64(x.RawBytes)}}
	}
	ranges, err := normalize(ranges, uint64(x.RawBytes))
	r := &Reader{pool: pool, err: err}
	r.frames = &rangeReader{index: x, ranges: ranges, fetcher: newFetcher(x, b, framesOf(x.Frames, ranges)), done: make(chan struct{})}
	r.cutter.src = r.frames
	return r
}

// normalize checks the order of ranges, drops empty ones and joins those that touch.
func normalize(ranges []Range, total uint64) ([]Range, error) {
	out := make([]Range, 0, len(ranges))
	end := uint64(0)
	for _, r := range ranges {
		if r.From > r.To || r.To > total || r.From < end {
			return nil, fmt.Errorf("%w: %d to %d, behind %d, of %d bytes", ErrRange, r.From, r.To, end, total)
		}
		end = r.To
		switch n := len(out); {
		case r.From == r.To:
		case n > 0 && out[n-1].To == r.From:
			out[n-1].To = r.To
		default:
			out = append(out, r)
		}
	}
	return out, nil
}

// framesOf finds the frames that hold something of the ranges.
func framesOf(frames []FrameInfo, ranges []Range) []int {
	var out []int
	at := 0
	for _, r := range ranges {
		skip, _ := slices.BinarySearchFunc(frames[at:], r.From, func(f FrameInfo, from uint64) int {
			if f.RawStart+uint64(f.RawLen) <= from {
				return -1
			}
			return 1
		})
		at += skip
		for ; at < len(frames) && frames[at].RawStart < r.To; at++ {
			out = append(out, at)
		}
		if at > 0 && frames[at-1].RawStart+uint64(frames[at-1].RawLen) > r.To {
			at-- // the next range may begin in the same frame
		}
	}
	return slices.Compact(out)
}

// Next returns the next batch, which the caller must release. It returns io.EOF when there is no more. ErrCorrupt and
// ErrTruncated tell that the segment is not what its index says; whatever Next returned before is right. The first call's
// context lends its values to the reads, but only Close ends them.
func (r *Reader) Next(ctx context.Context) (*binlog.Batch, error) {
	if r.err != nil {
		return nil, r.err
	}
	b, err := r.pool.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.cutter.fill(ctx, b); err != nil {
		b.Release()
		return nil, err
	}
	return b, nil
}

// Close ends the reads and waits for them. It may be called more than once, but not beside Next.
func (r *Reader) Close() {
	r.frames.close()
	if r.err == nil {
		r.err = errClosed
	}
}

// rangeReader cuts what a fetcher brings down to the ranges.
type rangeReader struct {
	index   *Index
	ranges  []Range // not yielded yet
	span    int     // place in index.Spans of the frame at hand
	frame   FrameInfo
	raw     []byte // of the frame at hand
	fetcher *fetcher

	cancel  context.CancelFunc // nil: not started
	closing sync.Once
	done    chan struct{}
}

func (r *rangeReader) start(ctx context.Context) {
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(r.done)
		r.fetcher.run(ctx)
	}()
}

func (r *rangeReader) close() {
	r.closing.Do(func() {
		if r.cancel != nil {
			r.cancel()
			<-r.done
		}
	})
}

// next yields the next run of wanted bytes within one frame.
func (r *rangeReader) next(ctx context.Context) (chunk, error) {
	if r.cancel == nil {
		r.start(ctx)
	}
	for len(r.ranges) > 0 {
		want := &r.ranges[0]
		end := r.frame.RawStart + uint64(len(r.raw))
		switch {
		case want.From == want.To:
			r.ranges = r.ranges[1:]
		case want.From >= r.frame.RawStart && want.From < end:
			from := want.From
			want.From = min(want.To, end)
			return r.chunk(from, want.From), nil
		default:
			if err := r.fetch(ctx); err != nil {
				return chunk{}, err
			}
		}
	}
	return chunk{}, io.EOF
}

func (r *rangeReader) chunk(from, to uint64) chunk {
	for r.index.Spans[r.span].rawEnd() <= from {
		r.span++
	}
	return chunk{span: &r.index.Spans[r.span], start: from, data: r.raw[from-r.frame.RawStart : to-r.frame.RawStart]}
}

// fetch takes the next frame, and gives the memory of the one at hand back.
func (r *rangeReader) fetch(ctx context.Context) error {
	if r.raw != nil {
		r.fetcher.free <- r.raw
		r.raw = nil
	}
	select {
	case got, more := <-r.fetcher.out:
		if !more {
			return fmt.Errorf("read segment: %w: its frames do not hold the range from %d", ErrCorrupt, r.ranges[0].From)
		}
		if got.err != nil {
			return got.err
		}
		r.frame, r.raw = r.index.Frames[got.frame], got.raw
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
