package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"lastwrite/internal/objstore"
)

// errProducer tells the storing half that there will be no more data; why, the other half knows.
var errProducer = errors.New("the data cannot be had")

// storeData compresses what produce writes, cuts it into chunks and stores them, parallel of them side by side. bytes is what was
// written before compression; report is told it all the while. When anything fails the rest is ended and what
// was stored stays: see discard.
func (r *Repository) storeData(ctx context.Context, id string, parallel int, report func(done int64),
	produce func(context.Context, io.Writer) error) (chunks []Chunk, bytes int64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	from, to := io.Pipe()
	counter := &counter{report: report}
	var produced, stored error
	group.Go(func() error {
		produced = compress(ctx, to, counter, produce)
		if produced != nil {
			_ = to.CloseWithError(errProducer)
		} else {
			_ = to.Close()
		}
		return produced
	})
	group.Go(func() error {
		chunks, stored = r.storeChunks(ctx, id, from, parallel)
		_ = from.CloseWithError(errors.Join(stored, io.ErrClosedPipe))
		return stored
	})
	_ = group.Wait() // which of the two failed first is a matter of chance
	switch {
	case stored != nil && !errors.Is(stored, errProducer) && !errors.Is(stored, context.Canceled):
		return nil, 0, stored // what the producer then complains of is only the consequence
	case produced != nil:
		return nil, 0, produced
	case stored != nil:
		return nil, 0, stored
	}
	return chunks, counter.n, nil
}

// compress runs produce and writes what it writes to w as one zstd stream.
func compress(ctx context.Context, w io.Writer, counter *counter, produce func(context.Context, io.Writer) error) error {
	encoder, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(true))
	if err != nil {
		return fmt.Errorf("prepare compression: %w", err)
	}
	counter.w = encoder
	if err := produce(ctx, counter); err != nil {
		_ = encoder.Close()
		return err
	}
	return encoder.Close()
}

// counter counts what passes.
type counter struct {
	w      io.Writer
	n      int64
	report func(done int64)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.report(c.n)
	return n, err
}

// storeChunks cuts a stream into chunks and stores them. It returns when no upload is under way any more.
func (r *Repository) storeChunks(ctx context.Context, id string, from io.Reader, parallel int) ([]Chunk, error) {
	uploads, ctx := errgroup.WithContext(ctx)
	free := make(chan []byte, parallel+1)
	for range parallel + 1 {
		free <- nil // made on first use
	}
	var chunks []*Chunk
	cut := func() error {
		for {
			buf, err := takeBuffer(ctx, free)
			if err != nil {
				return err
			}
			n, err := io.ReadFull(from, buf)
			if n > 0 && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) {
				number, chunk := len(chunks), &Chunk{}
				chunks = append(chunks, chunk)
				uploads.Go(func() (err error) {
					*chunk, err = r.storeChunk(ctx, id, number, buf[:n])
					free <- buf
					return err
				})
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	if err := cut(); err != nil {
		if failed := uploads.Wait(); failed != nil {
			return nil, failed
		}
		return nil, err
	}
	if err := uploads.Wait(); err != nil {
		return nil, err
	}
	list := make([]Chunk, len(chunks))
	for i, chunk := range chunks {
		list[i] = *chunk
	}
	return list, nil
}

func takeBuffer(ctx context.Context, free <-chan []byte) ([]byte, error) {
	select {
	case buf := <-free:
		if buf == nil {
			buf = make([]byte, chunkSize)
		}
		return buf, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (r *Repository) storeChunk(ctx context.Context, id string, n int, content []byte) (Chunk, error) {
	sum := sha256.Sum256(content)
	chunk := Chunk{Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	if _, err := r.store.PutIf(ctx, r.chunkKey(id, n), objstore.Bytes(content), objstore.IfAbsent()); err != nil {
		return Chunk{}, fmt.Errorf("store chunk %d of base %s: %w", n, id, err)
	}
	return chunk, nil
}

// discard removes the data of a backup that failed, also when ctx has ended.
func (r *Repository) discard(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	if err := r.deleteData(ctx, id); err != nil {
		return fmt.Errorf("remove what is left of base %s: %w", id, err)
	}
	return nil
}
