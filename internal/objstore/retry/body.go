package retry

import (
	"errors"
	"fmt"
	"io"

	"lastwrite/internal/objstore"
)

// errBody: what is to be sent cannot be read. That is not the store's doing.
var errBody = errors.New("read what is to be written")

// body tells a watch of each read, and marks the errors that are its own.
type body struct {
	objstore.Body
	watch *watch
}

// ReadAt implements io.ReaderAt.
func (b body) ReadAt(p []byte, at int64) (int, error) {
	n, err := b.Body.ReadAt(p, at)
	b.watch.touch()
	pastEnd := errors.Is(err, io.EOF) && at+int64(n) >= b.Size()
	if err != nil && n < len(p) && !pastEnd {
		err = fmt.Errorf("%w: %w", errBody, err)
	}
	return n, err
}
