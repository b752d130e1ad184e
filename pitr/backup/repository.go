package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"lastwrite/internal/objstore"
	"lastwrite/pitr"
)

// Repository is the base backups of one cluster in an object store.
type Repository struct {
	store  objstore.Store
	prefix string // <cluster>/base/
}

// NewRepository returns the base backups of a cluster. Nothing is read.
func NewRepository(store objstore.Store, cluster string) *Repository {
	return &Repository{store: store, prefix: cluster + "/base/"}
}

// idTime is the form of the time at the beginning of an id.
const idTime = "20060102T150405Z"

// newID makes an id for a backup that begins now.
func newID(now time.Time) string {
	return now.UTC().Format(idTime) + "-" + strings.ToLower(rand.Text()[:4])
}

func (r *Repository) manifestKey(id string) string { return r.prefix + id + "/manifest.json" }
func (r *Repository) dataPrefix(id string) string  { return r.prefix + id + "/data/" }
func (r *Repository) chunkKey(id string, n int) string {
	return fmt.Sprintf("%s%06d.zst", r.dataPrefix(id), n)
}

// List returns the base backups, oldest first. Unfinished ones do not exist. One whose manifest cannot be read is an error:
// leaving it out would have a plan made without it.
func (r *Repository) List(ctx context.Context) ([]pitr.Base, error) {
	ids, err := r.ids(ctx)
	if err != nil {
		return nil, err
	}
	var bases []pitr.Base
	for _, id := range ids {
		m, err := r.Get(ctx, id)
		if errors.Is(err, ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		bases = append(bases, m.Base)
	}
	return bases, nil
}

// ids lists every id under which there is any object. The store is asked once for each: a listing from behind one id goes on with the next.
func (r *Repository) ids(ctx context.Context) ([]string, error) {
	var ids []string
	for after := ""; ; {
		id, err := r.firstID(ctx, after)
		if err != nil {
			return nil, fmt.Errorf("list base backups: %w", err)
		}
		if id == "" {
			return ids, nil
		}
		if validID.MatchString(id) {
			ids = append(ids, id)
		}
		after = r.prefix + id + "0" // the character behind the slash
	}
}

func (r *Repository) firstID(ctx context.Context, after string) (string, error) {
	for info, err := range r.store.List(ctx, r.prefix, after) {
		if err != nil {
			return "", err
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(info.Key, r.prefix), "/")
		return id, nil
	}
	return "", nil
}

// Get reads the manifest of a base backup. Errors: ErrNotExist, ErrFormat, ErrDamaged.
func (r *Repository) Get(ctx context.Context, id string) (Manifest, error) {
	if !validID.MatchString(id) {
		return Manifest{}, fmt.Errorf("%w: %q", ErrNotExist, id)
	}
	text, _, err := objstore.ReadAll(ctx, r.store, r.manifestKey(id), maxManifest)
	if errors.Is(err, objstore.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%w: %s", ErrNotExist, id)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("read the manifest of base %s: %w", id, err)
	}
	m, err := decodeManifest(text)
	if err != nil {
		return Manifest{}, fmt.Errorf("base %s: %w", id, err)
	}
	if m.ID != id {
		return Manifest{}, fmt.Errorf("base %s: %w: its manifest is of base %s", id, ErrDamaged, m.ID)
	}
	return m, nil
}

// Delete removes a base backup, its manifest first.
func (r *Repository) Delete(ctx context.Context, id string) error {
	if !validID.MatchString(id) {
		return fmt.Errorf("%w: %q", ErrNotExist, id)
	}
	if err := r.store.Delete(ctx, r.manifestKey(id)); err != nil {
		return fmt.Errorf("delete base %s: %w", id, err)
	}
	if err := r.deleteData(ctx, id); err != nil {
		return fmt.Errorf("delete base %s: %w", id, err)
	}
	return nil
}

func (r *Repository) deleteData(ctx context.Context, id string) error {
	for info, err := range r.store.List(ctx, r.dataPrefix(id), "") {
		if err != nil {
			return err
		}
		if err := r.store.Delete(ctx, info.Key); err != nil {
			return err
		}
	}
	return nil
}

// Sweep removes what is left of backups that began before a time and have no manifest, and returns their ids. A backup still
// under way is not hurt by a later time than that of its beginning: it looks for its data before it writes its manifest, and fails.
func (r *Repository) Sweep(ctx context.Context, before time.Time) ([]string, error) {
	ids, err := r.ids(ctx)
	if err != nil {
		return nil, err
	}
	var swept []string
	for _, id := range ids {
		began, err := time.Parse(idTime, id[:len(idTime)])
		if err != nil || !began.Before(before) {
			continue
		}
		if _, err := r.Get(ctx, id); !errors.Is(err, ErrNotExist) {
			continue
		}
		if err := r.deleteData(ctx, id); err != nil {
			return swept, fmt.Errorf("sweep base %s: %w", id, err)
		}
		swept = append(swept, id)
	}
	return swept, nil
}

// commit writes the manifest of a backup whose chunks are stored.
func (r *Repository) commit(ctx context.Context, m Manifest) error {
	if err := m.validate(); err != nil {
		return err
	}
	if err := r.present(ctx, m); err != nil {
		return err
	}
	text, err := m.encode()
	if err != nil {
		return err
	}
	if _, err := r.store.PutIf(ctx, r.manifestKey(m.ID), objstore.Bytes(text), objstore.IfAbsent()); err != nil {
		return fmt.Errorf("write the manifest of base %s: %w", m.ID, err)
	}
	return nil
}

// present looks whether every chunk is in the store with its length.
func (r *Repository) present(ctx context.Context, m Manifest) error {
	n := 0
	for info, err := range r.store.List(ctx, r.dataPrefix(m.ID), "") {
		if err != nil {
			return fmt.Errorf("look for the data of base %s: %w", m.ID, err)
		}
		if n >= len(m.Chunks) || info.Key != r.chunkKey(m.ID, n) || info.Size != m.Chunks[n].Size {
			return fmt.Errorf("base %s: %w: unexpected object %s of %d bytes", m.ID, ErrDamaged, info.Key, info.Size)
		}
		n++
	}
	if n != len(m.Chunks) {
		return fmt.Errorf("base %s: %w: %d of %d objects are in the store", m.ID, ErrDamaged, n, len(m.Chunks))
	}
	return nil
}
