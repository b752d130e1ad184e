package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"lastwrite/internal/objstore"
	"lastwrite/pitr"
)

const (
	// fetchAhead is how many chunks are under way or wait to be read.
	fetchAhead = 3
	// maxWindow is the largest zstd window, in bytes, that is decoded; what we write stays far below.
	maxWindow = 64 << 20
	// discardTimeout bounds tidying up after a failure.
	discardTimeout = time.Minute
)

// fetched is one chunk or the reason why it cannot be had.
type fetched struct {
	content []byte
	err     error
}

// chunkReader gives away the chunks of a base in order, each after its hash was compared.
type chunkReader struct {
	queue  <-chan chan fetched
	cancel context.CancelFunc
	work   *sync.WaitGroup
	rest   []byte
	err    error
	report func(fetched int64)
	done   int64
}

// openChunks begins to fetch the data of a base. The caller closes the reader.
func (r *Repository) openChunks(ctx context.Context, m Manifest, report func(fetched int64)) *chunkReader {
	ctx, cancel := context.WithCancel(ctx)
	queue := make(chan chan fetched, fetchAhead-1)
	work := &sync.WaitGroup{}
	work.Go(func() {
		defer close(queue)
		for n, chunk := range m.Chunks {
			result := make(chan fetched, 1)
			select {
			case queue <- result:
			case <-ctx.Done():
				return
			}
			work.Go(func() {
				content, err := r.fetchChunk(ctx, m.ID, n, chunk)
				result <- fetched{content, err}
			})
		}
	})
	return &chunkReader{queue: queue, cancel: cancel, work: work, report: report}
}

func (r *Repository) fetchChunk(ctx context.Context, id string, n int, want Chunk) ([]byte, error) {
	content, info, err := objstore.ReadAll(ctx, r.store, r.chunkKey(id, n), chunkSize)
	switch {
	case errors.Is(err, objstore.ErrNotExist):
		return nil, fmt.Errorf("base %s: %w: chunk %d is gone", id, ErrDamaged, n)
	case errors.Is(err, objstore.ErrTooLarge):
		return nil, fmt.Errorf("base %s: %w: chunk %d has %d bytes, not %d", id, ErrDamaged, n, info.Size, want.Size)
	case err != nil:
		return nil, fmt.Errorf("fetch chunk %d of base %s: %w", n, id, err)
	}
	if sum := sha256.Sum256(content); int64(len(content)) != want.Size || hex.EncodeToString(sum[:]) != want.SHA256 {
		return nil, fmt.Errorf("base %s: %w: chunk %d is not what was stored", id, ErrDamaged, n)
	}
	return content, nil
}

// Read implements io.Reader.
func (c *chunkReader) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		result, more := <-c.queue
		if !more {
			c.err = io.EOF
			continue
		}
		f := <-result
		c.rest, c.err = f.content, f.err
		c.done += int64(len(f.content))
		c.report(c.done)
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Close ends what is under way and waits for it.
func (c *chunkReader) Close() error {
	c.cancel()
	c.work.Wait()
	return nil
}

// dataReader is the decompressed data of a base.
type dataReader struct {
	*zstd.Decoder
	chunks *chunkReader
}

// openData opens the data of a base: a tar archive or SQL text. ctx is the reader's; close it in any case.
func (r *Repository) openData(ctx context.Context, m Manifest, progress pitr.Progress) (*dataReader, error) {
	chunks := r.openChunks(ctx, m, func(done int64) { progress.Report(pitr.StageFetch, done, m.Stored) })
	decoder, err := zstd.NewReader(chunks, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(2))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read base %s: %w", m.ID, err), chunks.Close())
	}
	return &dataReader{decoder, chunks}, nil
}

// Read implements io.Reader. An early or wrong end of the compressed stream is ErrDamaged.
func (d *dataReader) Read(p []byte) (int, error) {
	n, err := d.Decoder.Read(p)
	if err != nil && err != io.EOF && d.chunks.err == io.EOF {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return n, err
}

// Close implements io.Closer.
func (d *dataReader) Close() error {
	err := d.chunks.Close() // first: the decoder waits for its source
	d.Decoder.Close()
	return err
}

// OpenDump opens the SQL text of a base taken by mysqldump. Errors: ErrNotExist, ErrFormat (another method), ErrDamaged, also
// while it is read.
func (r *Repository) OpenDump(ctx context.Context, id string, progress pitr.Progress) (io.ReadCloser, error) {
	m, err := r.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if m.Method != pitr.MethodDump {
		return nil, fmt.Errorf("open base %s as SQL text: %w: it was taken by %s", id, ErrFormat, m.Method)
	}
	return r.openData(ctx, m, progress)
}

// Verify reads a base backup from the store whole and compares every hash. Nothing is written. Errors: ErrNotExist, ErrFormat, ErrDamaged.
func (r *Repository) Verify(ctx context.Context, id string, progress pitr.Progress) error {
	m, err := r.Get(ctx, id)
	if err != nil {
		return err
	}
	data, err := r.openData(ctx, m, progress)
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	n, err := io.Copy(io.Discard, data)
	if err == nil && n != m.Bytes {
		err = fmt.Errorf("%w: %d bytes of data, %d expected", ErrDamaged, n, m.Bytes)
	}
	if err != nil {
		return fmt.Errorf("verify base %s: %w", id, err)
	}
	return nil
}
