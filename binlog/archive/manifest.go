package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"lastwrite/internal/objstore"
)

// manifest summarises a run of segments of one epoch. Stored as JSON, compressed with zstd.
type manifest struct {
	Format  int      `json:"format"`
	Epoch   uint64   `json:"epoch"`
	First   uint64   `json:"first"` // sequence number of the first entry
	Sealed  bool     `json:"sealed"`
	Entries []*Entry `json:"entries"`
}

const (
	manifestFormat = 1
	manifestLimit  = 256 << 20 // bytes, compressed or not: more is not read
)

func encodeManifest(m manifest) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return enc.EncodeAll(text, nil), nil
}

func decodeManifest(l layout, data []byte) (manifest, error) {
	var m manifest
	dec, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(manifestLimit))
	if err != nil {
		return m, fmt.Errorf("decode manifest: %w", err)
	}
	defer dec.Close()
	if err := json.NewDecoder(dec).Decode(&m); err != nil {
		return m, fmt.Errorf("decode manifest: %w", err)
	}
	if m.Format != manifestFormat {
		return m, fmt.Errorf("decode manifest: %w: %d", ErrFormat, m.Format)
	}
	for i, e := range m.Entries {
		if e.Epoch != m.Epoch || e.Seq != m.First+uint64(i) {
			return m, fmt.Errorf("decode manifest: entry %d is of segment %d/%d", i, e.Epoch, e.Seq)
		}
		e.Key = l.segment(e.Epoch, e.Seq)
	}
	return m, nil
}

// cataloguer writes the manifests of one epoch as its segments are stored.
type cataloguer struct {
	store   objstore.Store
	layout  layout
	every   int
	entries []*Entry // not in a manifest yet
}

// add notes a stored segment, and writes a manifest when there are enough.
func (c *cataloguer) add(ctx context.Context, e *Entry) error {
	c.entries = append(c.entries, e)
	if len(c.entries) < c.every {
		return nil
	}
	return c.write(ctx, c.entries[0].Epoch, c.entries[0].Seq, false)
}

// flush leaves what is not full for whoever seals the epoch.
func (c *cataloguer) flush(context.Context) error { return nil }

// write stores the manifest of what was noted. One that is there already says the same.
func (c *cataloguer) write(ctx context.Context, epoch, first uint64, sealed bool) error {
	data, err := encodeManifest(manifest{Format: manifestFormat, Epoch: epoch, First: first, Sealed: sealed, Entries: c.entries})
	if err != nil {
		return err
	}
	_, err = c.store.PutIf(ctx, c.layout.manifest(epoch, first), objstore.Bytes(data), objstore.IfAbsent())
	if err != nil && !errors.Is(err, objstore.ErrPrecondition) {
		return err
	}
	c.entries = nil
	return nil
}
