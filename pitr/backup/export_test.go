package backup

import (
	"context"
	"io"

	"lastwrite/pitr"
)

// ChunkSize is for tests that count chunks.
const ChunkSize = chunkSize

// Put stores what produce writes as a base, as Take does.
func (r *Repository) Put(ctx context.Context, base pitr.Base, produce func(context.Context, io.Writer) error) error {
	chunks, n, err := r.storeData(ctx, base.ID, 3, func(int64) {}, produce)
	if err != nil {
		return err
	}
	base.Bytes = n
	t := &taking{repo: r, base: base, opts: Options{}.withDefaults()}
	return t.finish(ctx, chunks)
}

// Pack is pack.
func Pack(ctx context.Context, dir string, w io.Writer) error { return pack(ctx, dir, w) }

// DecodeManifest is decodeManifest.
func DecodeManifest(text []byte) (Manifest, error) { return decodeManifest(text) }

// ScanDump runs a dump through the scanner in pieces of n bytes.
func ScanDump(text string, n int) (string, error) {
	s := &dumpScanner{found: func() {}}
	for len(text) > 0 {
		k := min(n, len(text))
		if _, err := s.Write([]byte(text[:k])); err != nil {
			return "", err
		}
		text = text[k:]
	}
	set, err := s.result()
	return set.String(), err
}
