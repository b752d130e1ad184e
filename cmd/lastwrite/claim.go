package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lastwrite/internal/objstore"
)

// claim is who has, or had, the right to write the archive: an object of package archive, <cluster>/epoch/<epoch>.json.
type claim struct {
	Epoch  uint64    `json:"epoch"`
	Holder string    `json:"holder"`
	At     time.Time `json:"at"`
}

// lastClaim reads the newest claim; a zero one where there is none.
func lastClaim(ctx context.Context, store objstore.Store, cluster string) (claim, error) {
	key := ""
	for info, err := range store.List(ctx, cluster+"/epoch/", "") {
		if err != nil {
			return claim{}, fmt.Errorf("read who writes the archive: %w", err)
		}
		key = info.Key
	}
	if key == "" {
		return claim{}, nil
	}
	text, _, err := objstore.ReadAll(ctx, store, key, 4<<10)
	if err != nil {
		return claim{}, fmt.Errorf("read who writes the archive: %w", err)
	}
	var c claim
	if err := json.Unmarshal(text, &c); err != nil {
		return claim{}, fmt.Errorf("read who writes the archive: %s: %w", key, err)
	}
	return c, nil
}

// probeDir is where the store is tried out, below the cluster.
const probeDir = "probe"

// probeStore refuses a store that does not honour conditional writes.
func (a *app) probeStore(ctx context.Context, store objstore.Store) error {
	err := objstore.Probe(ctx, store, a.cfg.Cluster+"/"+probeDir)
	if u, parseErr := url.Parse(a.cfg.Store); parseErr == nil && u.Scheme == "file" {
		a.tidyProbe(filepath.Join(filepath.FromSlash(u.Path), a.cfg.Cluster, probeDir))
	}
	return err
}

// tidyProbe removes the empty directories that deleted objects leave in a file store, lest each start adds some.
func (a *app) tidyProbe(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "probe-") {
			_ = os.Remove(filepath.Join(dir, e.Name())) // only empty ones can be removed
		}
	}
	_ = os.Remove(dir)
}
