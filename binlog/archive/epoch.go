package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lastwrite/internal/objstore"
)

// identity is cluster.json.
type identity struct {
	Format  int       `json:"format"`
	Cluster string    `json:"cluster"`
	Created time.Time `json:"created"`
}

const (
	archiveFormat = 1
	sealLimit     = 4 << 10 // bytes; a larger object is no seal
)

// Claim is an epoch's object: who has, or had, the right to write the archive.
type Claim struct {
	Epoch  uint64    `json:"epoch"`
	Holder string    `json:"holder"`
	At     time.Time `json:"at"` // by the holder's clock; for people
}

// LastClaim reads the newest claim; a zero one where there is none.
func LastClaim(ctx context.Context, store objstore.Store, cluster string) (Claim, error) {
	s := scanner{store, layout{cluster}}
	epochs, err := s.epochs(ctx)
	if err != nil || len(epochs) == 0 {
		return Claim{}, err
	}
	key := s.layout.epoch(epochs[len(epochs)-1])
	data, _, err := objstore.ReadAll(ctx, store, key, sealLimit)
	if err != nil {
		return Claim{}, fmt.Errorf("read %s: %w", key, err)
	}
	var c Claim
	if err := json.Unmarshal(data, &c); err != nil {
		return Claim{}, fmt.Errorf("read %s: %w", key, err)
	}
	return c, nil
}

// seal is what stands in the place of a segment to end an epoch.
type seal struct {
	Seal     bool   `json:"seal"`
	SealedBy uint64 `json:"sealed_by"` // epoch
}

func isSeal(data []byte) bool {
	var s seal
	return bytes.HasPrefix(data, []byte("{")) && json.Unmarshal(data, &s) == nil && s.Seal
}

// putOnce stores v as JSON where nothing is yet. It tells whether it is there now; what somebody else stored is not v.
func putOnce(ctx context.Context, store objstore.Store, key string, v any) (bool, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return false, fmt.Errorf("encode %s: %w", key, err)
	}
	data = append(data, '\n')
	_, err = store.PutIf(ctx, key, objstore.Bytes(data), objstore.IfAbsent())
	if errors.Is(err, objstore.ErrPrecondition) { // or the answer to our own attempt was lost
		there, _, err := objstore.ReadAll(ctx, store, key, sealLimit)
		if errors.Is(err, objstore.ErrTooLarge) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read %s: %w", key, err)
		}
		return bytes.Equal(there, data), nil
	}
	if err != nil {
		return false, fmt.Errorf("store %s: %w", key, err)
	}
	return true, nil
}

// readIdentity reads and checks cluster.json. It returns ErrNoArchive where there is none.
func readIdentity(ctx context.Context, store objstore.Store, l layout) error {
	data, _, err := objstore.ReadAll(ctx, store, l.identity(), sealLimit)
	if errors.Is(err, objstore.ErrNotExist) {
		return fmt.Errorf("%w: cluster %q", ErrNoArchive, l.cluster)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", l.identity(), err)
	}
	var id identity
	if err := json.Unmarshal(data, &id); err != nil {
		return fmt.Errorf("read %s: %w", l.identity(), err)
	}
	if id.Format != archiveFormat {
		return fmt.Errorf("%w: %s says %d, this program knows %d", ErrFormat, l.identity(), id.Format, archiveFormat)
	}
	return nil
}

// claimer makes a writer the only one.
type claimer struct {
	scanner
	holder string
	now    func() time.Time
	every  int
}

// claim takes the next epoch, ends all earlier ones, and returns the new epoch and the last segment before it.
func (c claimer) claim(ctx context.Context) (uint64, *Entry, error) {
	id := identity{Format: archiveFormat, Cluster: c.layout.cluster, Created: c.now().UTC()}
	if created, err := putOnce(ctx, c.store, c.layout.identity(), id); err != nil {
		return 0, nil, err
	} else if !created {
		if err := readIdentity(ctx, c.store, c.layout); err != nil {
			return 0, nil, err
		}
	}
	epochs, err := c.epochs(ctx)
	if err != nil {
		return 0, nil, err
	}
	mine := uint64(1)
	if n := len(epochs); n > 0 {
		mine = epochs[n-1] + 1
	}
	for {
		ok, err := putOnce(ctx, c.store, c.layout.epoch(mine), Claim{Epoch: mine, Holder: c.holder, At: c.now().UTC()})
		if err != nil {
			return 0, nil, err
		}
		if ok {
			break
		}
		mine++
	}
	tail, err := c.sealBefore(ctx, mine)
	return mine, tail, err
}

// sealBefore ends every epoch before mine, lowest first: so whenever one is sealed, all before it are.
func (c claimer) sealBefore(ctx context.Context, mine uint64) (*Entry, error) {
	logs, err := c.unsealed(ctx, mine)
	if err != nil {
		return nil, err
	}
	for _, l := range logs {
		if l.sealed || l.epoch >= mine {
			continue
		}
		if err := c.seal(ctx, l, mine); err != nil {
			return nil, err
		}
	}
	for len(logs) > 0 && logs[len(logs)-1].epoch >= mine {
		logs = logs[:len(logs)-1]
	}
	return last(logs), nil
}

// unsealed reads back from the newest epoch before mine to one that is sealed and holds a segment.
func (c claimer) unsealed(ctx context.Context, mine uint64) ([]*epochLog, error) {
	for back := uint64(2); ; back *= 4 {
		first := uint64(1)
		if mine > back {
			first = mine - back
		}
		logs, err := c.load(ctx, first)
		if err != nil {
			return nil, err
		}
		if first == 1 || (len(logs) > 0 && logs[0].sealed && last(logs) != nil) {
			return logs, nil
		}
	}
}

// seal claims the epoch's next free place, counting what its writer still gets in before.
func (c claimer) seal(ctx context.Context, l *epochLog, by uint64) error {
	for !l.sealed {
		key := c.layout.segment(l.epoch, l.next())
		ok, err := putOnce(ctx, c.store, key, seal{Seal: true, SealedBy: by})
		if err != nil {
			return fmt.Errorf("seal epoch %d: %w", l.epoch, err)
		}
		if ok {
			l.sealed = true
			break
		}
		if found, err := c.readRun(ctx, l, 1); err != nil {
			return fmt.Errorf("seal epoch %d: %w", l.epoch, err)
		} else if !found {
			return fmt.Errorf("seal epoch %d: the store says that %s is taken, and does not have it", l.epoch, key)
		}
	}
	if l.manifested == len(l.entries) && l.manifested > 0 {
		return nil
	}
	cat := cataloguer{store: c.store, layout: c.layout, every: c.every, entries: l.entries[l.manifested:]}
	return cat.write(ctx, l.epoch, uint64(l.manifested), true)
}
