package main

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"lastwrite/internal/objstore"
)

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
