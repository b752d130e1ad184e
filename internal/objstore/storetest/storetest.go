package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
)

// Run checks the store that open returns against each promise of
// objstore.Store. open is called once per subtest and returns an empty store.
func Run(t *testing.T, open func(t *testing.T) objstore.Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, objstore.Store)
	}{
		{"put and get back", putGet},
		{"empty object", empty},
		{"absent object", absentObject},
		{"invalid keys are refused by every method", invalidKeys},
		{"odd keys", oddKeys},
		{"a key and its child", parentKey},
		{"delete is idempotent", deleteTwice},
		{"if absent", ifAbsent},
		{"if match", ifMatch},
		{"no condition is refused", noCondition},
		{"a body that cannot be read leaves nothing", brokenBody},
		{"cancelled context", cancelled},
		{"reader ends with its context", readerCancelled},
		{"ranges", ranges},
		{"list in byte order", listOrder},
		{"list by prefix and after a key", listPrefix},
		{"list pages", listPages},
		{"32 writers if absent, one wins", raceAbsent},
		{"32 writers if match, one wins", raceMatch},
		{"compare-and-swap counter", counter},
		{"readers see whole contents while it is replaced", replaced},
		{"large object", large},
		{"large object, writers if absent", largeRace},
		{"probe", probe},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// probe: a store that passes the suite passes Probe, which leaves nothing behind.
func probe(t *testing.T, s objstore.Store) {
	require.NoError(t, objstore.Probe(t.Context(), s, "cluster"))
	require.Empty(t, list(t, s, "", ""))
}

// read returns the content and the description of an object.
func read(t *testing.T, s objstore.Store, key string) (string, objstore.Info) {
	t.Helper()
	content, info, err := objstore.ReadAll(t.Context(), s, key, 1<<30)
	require.NoError(t, err)
	return string(content), info
}

// put writes an object and returns its version.
func put(t *testing.T, s objstore.Store, key, content string) objstore.Version {
	t.Helper()
	v, err := s.Put(t.Context(), key, text(content))
	require.NoError(t, err)
	require.NotEmpty(t, v)
	return v
}

// list returns the listed keys.
func list(t *testing.T, s objstore.Store, prefix, after string) []string {
	t.Helper()
	var keys []string
	for info, err := range s.List(t.Context(), prefix, after) {
		require.NoError(t, err)
		keys = append(keys, info.Key)
	}
	return keys
}

// listError returns the error with which a listing ends.
func listError(ctx context.Context, s objstore.Store, prefix string) error {
	for _, err := range s.List(ctx, prefix, "") {
		if err != nil {
			return err
		}
	}
	return nil
}

// readRange returns the bytes of a range.
func readRange(ctx context.Context, s objstore.Store, key string, offset, length int64) (string, objstore.Info, error) {
	r, info, err := s.GetRange(ctx, key, offset, length)
	if err != nil {
		return "", info, err
	}
	content, err := io.ReadAll(r)
	return string(content), info, errors.Join(err, r.Close())
}

func text(s string) objstore.Body { return objstore.Bytes([]byte(s)) }

// noise returns n bytes that no compression makes smaller, the same for a seed.
func noise(n int, seed uint64) []byte {
	content := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(content)
	return content
}

// brokenReader is a body whose second half cannot be read.
type brokenReader struct{ *bytes.Reader }

var errBroken = errors.New("broken body")

// ReadAt implements io.ReaderAt.
func (b brokenReader) ReadAt(p []byte, at int64) (int, error) {
	half := b.Size() / 2
	if at >= half {
		return 0, errBroken
	}
	if n := half - at; int64(len(p)) > n {
		m, _ := b.Reader.ReadAt(p[:n], at)
		return m, errBroken
	}
	return b.Reader.ReadAt(p, at)
}
