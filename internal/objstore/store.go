package objstore

import (
	"bytes"
	"context"
	"io"
	"iter"
	"time"
)

// Store keeps objects by key. All methods may be called from many goroutines at
// once. Errors are tested with errors.Is against the sentinels of this package.
type Store interface {
	// Get opens an object. The reader is bound to ctx and must be closed.
	// An absent key is ErrNotExist.
	Get(ctx context.Context, key string) (io.ReadCloser, Info, error)

	// GetRange opens length bytes at offset. A negative offset counts from the
	// end: offset -n, length n reads the last n bytes (the whole object where it is
	// shorter than n). What reaches beyond the end is cut off; a range that holds no
	// byte of the object, and a length below 1, is ErrRange. Info.Size is the
	// size of the whole object.
	GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, Info, error)

	// Put writes an object, whether or not the key was taken. A Put whose caller
	// has given up may still land later and cover a newer one: what has more
	// than one writer is written with PutIf.
	Put(ctx context.Context, key string, body Body) (Version, error)

	// PutIf writes an object if cond holds, in one step with the test. It
	// returns ErrPrecondition if cond does not hold; nothing is written then.
	PutIf(ctx context.Context, key string, body Body, cond Cond) (Version, error)

	// List yields the objects whose key begins with prefix and is greater than
	// startAfter, in byte order of the keys. An error is yielded once, as the last
	// element. An object written or deleted while the listing goes on may or
	// may not be seen.
	List(ctx context.Context, prefix, startAfter string) iter.Seq2[Info, error]

	// Delete removes an object. An absent key is not an error.
	Delete(ctx context.Context, key string) error
}

// Info describes an object as it was when it was opened or listed.
type Info struct {
	Key      string
	Size     int64 // bytes of the whole object
	Version  Version
	Modified time.Time // by the store's clock; never used for a decision
}

// Version identifies a content of one key; it is opaque and only compared for
// equality. Two contents of a key never share a version. Putting the same
// bytes again may give the same version (S3's ETag), so a value that
// is changed by compare-and-swap must contain something that never repeats. What a reader
// is told is the version of the content it gets, or, from some servers and
// while the object is being replaced, an older one: never a newer one, so
// a compare-and-swap never succeeds over a content that was not seen.
type Version string

// Body is the content of an object to be written: random access, so that a failed
// attempt can be sent again and parts can go side by side. ReadAt must be safe
// for concurrent use. *bytes.Reader and *io.SectionReader are bodies.
type Body interface {
	io.ReaderAt
	Size() int64 // bytes
}

// Bytes is the body that holds b. The caller must not change b until the write
// has returned.
func Bytes(b []byte) Body { return bytes.NewReader(b) }
