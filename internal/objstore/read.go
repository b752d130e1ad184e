package objstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

const (
	// compareChunk is how much of an object SameContent holds in memory, twice.
	compareChunk = 256 << 10
	// readAttempts is how often ReadAll begins again when the object is replaced.
	readAttempts = 10
)

// ReadAll reads a whole object of at most limit bytes. A larger one is
// ErrTooLarge, and is not read: memory is bounded by the caller, not by what somebody
// has put into the store. If a store reports ErrChanged, ReadAll reads the new
// content.
func ReadAll(ctx context.Context, store Store, key string, limit int64) ([]byte, Info, error) {
	for attempt := 1; ; attempt++ {
		content, info, err := readOnce(ctx, store, key, limit)
		if !errors.Is(err, ErrChanged) || attempt == readAttempts {
			return content, info, err
		}
	}
}

func readOnce(ctx context.Context, store Store, key string, limit int64) ([]byte, Info, error) {
	r, info, err := store.Get(ctx, key)
	if err != nil {
		return nil, Info{}, err
	}
	defer func() { _ = r.Close() }()
	if info.Size > limit {
		return nil, info, fmt.Errorf("read %s: %w: %d bytes, at most %d are allowed", key, ErrTooLarge, info.Size, limit)
	}
	content := make([]byte, info.Size)
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, info, fmt.Errorf("read %s: %w", key, unexpectedEOF(err))
	}
	return content, info, nil
}

// SameContent reports whether the object at key holds exactly the bytes of body. It
// is how the outcome of a conditional write is found whose reply was lost. An
// absent object is not the same, and not an error.
func SameContent(ctx context.Context, store Store, key string, body Body) (Info, bool, error) {
	r, info, err := store.Get(ctx, key)
	if errors.Is(err, ErrNotExist) {
		return Info{}, false, nil
	}
	if err != nil {
		return Info{}, false, err
	}
	defer func() { _ = r.Close() }()
	if info.Size != body.Size() {
		return info, false, nil
	}
	same, err := equalContent(r, body)
	if err != nil {
		return Info{}, false, fmt.Errorf("compare %s: %w", key, err)
	}
	return info, same, nil
}

func equalContent(r io.Reader, body Body) (bool, error) {
	size := body.Size()
	chunk := min(size, compareChunk)
	stored, sent := make([]byte, chunk), make([]byte, chunk)
	for at := int64(0); at < size; at += chunk {
		n := min(chunk, size-at)
		if _, err := io.ReadFull(r, stored[:n]); err != nil {
			return false, unexpectedEOF(err)
		}
		if got, err := body.ReadAt(sent[:n], at); int64(got) < n {
			return false, fmt.Errorf("read what was sent: %w", unexpectedEOF(err))
		}
		if !bytes.Equal(stored[:n], sent[:n]) {
			return false, nil
		}
	}
	return true, nil
}

// unexpectedEOF turns an early end into the error that says so.
func unexpectedEOF(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// BindReader returns r with each Read failing once ctx is done, as Store.Get
// promises; for stores whose reads would not notice.
func BindReader(ctx context.Context, r io.ReadCloser) io.ReadCloser {
	return boundReader{r: r, done: ctx.Err}
}

// boundReader hides every other method of r, which would bypass the context.
type boundReader struct {
	r    io.ReadCloser
	done func() error
}

// Read implements io.Reader.
func (b boundReader) Read(p []byte) (int, error) {
	if err := b.done(); err != nil {
		return 0, err
	}
	return b.r.Read(p)
}

// Close implements io.Closer.
func (b boundReader) Close() error { return b.r.Close() }
