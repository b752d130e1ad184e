package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"lastwrite/pitr"
)

var (
	// ErrNotExist says that there is no base backup of that id.
	ErrNotExist = errors.New("base backup does not exist")
	// ErrDamaged says that a base backup in the store is not what its manifest says.
	ErrDamaged = errors.New("base backup is damaged")
	// ErrFormat says that a base backup was written by a version of lastwrite that this one does not know.
	ErrFormat = errors.New("unknown format of base backup")
)

// formatVersion of the manifest and the data. It is never upgraded in silence.
const formatVersion = 1

const (
	// chunkSize is the length of every chunk but the last, in bytes.
	chunkSize = 16 << 20
	// maxManifest is the largest manifest that is read, in bytes: enough for chunks of 10 TiB.
	maxManifest = 128 << 20
)

// Manifest describes a base backup and its objects.
type Manifest struct {
	Format int `json:"format"`
	pitr.Base
	Chunks []Chunk `json:"chunks"`
}

// Chunk is one object of the data.
type Chunk struct {
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

func (m Manifest) encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode a manifest: %w", err)
	}
	return append(text, '\n'), nil
}

// decodeManifest reads a manifest. Unknown fields are refused: a field that is not understood may change what the data means.
func decodeManifest(text []byte) (Manifest, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return Manifest{}, fmt.Errorf("%w: its manifest: %w", ErrDamaged, err)
	}
	if head.Format != formatVersion {
		return Manifest{}, fmt.Errorf("%w: %d, this version knows %d", ErrFormat, head.Format, formatVersion)
	}
	var m Manifest
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("%w: its manifest: %w", ErrDamaged, err)
	}
	return m, m.validate()
}

func (m Manifest) validate() error {
	if m.Method != pitr.MethodClone && m.Method != pitr.MethodDump {
		return fmt.Errorf("%w: method %q", ErrFormat, m.Method)
	}
	var stored int64
	for i, c := range m.Chunks {
		if c.Size < 1 || c.Size > chunkSize || !hexSHA256.MatchString(c.SHA256) {
			return fmt.Errorf("%w: its manifest: chunk %d", ErrDamaged, i)
		}
		stored += c.Size
	}
	if stored != m.Stored || len(m.Chunks) == 0 {
		return fmt.Errorf("%w: its manifest: %d bytes in %d chunks, %d expected", ErrDamaged, stored, len(m.Chunks), m.Stored)
	}
	return nil
}

var (
	hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)
	validID   = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-z]{4}$`)
)
