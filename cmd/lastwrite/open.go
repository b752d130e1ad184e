package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"lastwrite/binlog/archive"
	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/file"
	"lastwrite/internal/objstore/meter"
	"lastwrite/internal/objstore/retry"
	"lastwrite/internal/objstore/s3"
	"lastwrite/pitr/program"
	"lastwrite/replica/node"
)

const (
	// storePatience is how long a command tries to get an answer from the store before it gives up.
	storePatience = 20 * time.Second
	// daemonPatience is the daemon's. What it stores it tries to store for ever; so this is only how soon it says that it cannot.
	daemonPatience = 5 * time.Second
)

// openStore opens the object store of the configuration. create says that a missing directory is made: only what writes
// does that. The caller calls closeStore.
func (a *app) openStore(ctx context.Context, create bool) (store objstore.Store, closeStore func() error, err error) {
	return a.openPatiently(ctx, create, storePatience)
}

func (a *app) openPatiently(ctx context.Context, create bool, patience time.Duration) (store objstore.Store, closeStore func() error, err error) {
	u, err := url.Parse(a.cfg.Store)
	if err != nil {
		return nil, nil, coded(fmt.Errorf("read the store's address: %w", err), exitUsage, "")
	}
	raw, closeStore, err := openRaw(ctx, u, create)
	if err != nil {
		return nil, nil, err
	}
	a.meter = meter.New(raw)
	warned := false
	patient, err := retry.New(a.meter, retry.Options{
		AttemptTimeout: storePatience / 2, TotalTimeout: patience,
		Observe: func(op, key string, attempt int, err error) {
			level := a.log.Debug()
			if attempt == 2 && !warned && patience == storePatience {
				warned, level = true, a.log.Warn()
			}
			level.Str("op", op).Str("key", key).Int("attempt", attempt).Err(err).Msg("the store does not answer, trying again")
		},
	})
	if err != nil {
		return nil, nil, err
	}
	return markedStore{patient}, closeStore, nil
}

// openRaw opens the store that an address names.
func openRaw(ctx context.Context, u *url.URL, create bool) (objstore.Store, func() error, error) {
	switch u.Scheme {
	case "s3":
		options, err := s3.ParseURL(u)
		if err != nil {
			return nil, nil, coded(err, exitUsage, "")
		}
		store, err := s3.Open(ctx, options)
		if err != nil {
			return nil, nil, ofStore(err)
		}
		return store, func() error { return nil }, nil
	case "file":
		options, err := file.ParseURL(u)
		if err != nil {
			return nil, nil, coded(err, exitUsage, "")
		}
		options.Create = create
		store, err := file.Open(options)
		if err != nil {
			return nil, nil, ofStore(err)
		}
		return store, store.Close, nil
	}
	return nil, nil, usage(fmt.Sprintf("open store %q: unknown scheme", u.Redacted()), "want file:///path or s3://bucket/prefix")
}

// openArchive opens store and archive for reading. The caller calls closeStore.
func (a *app) openArchive(ctx context.Context) (ar *archive.Archive, store objstore.Store, closeStore func() error, err error) {
	store, closeStore, err = a.openStore(ctx, false)
	if err != nil {
		return nil, nil, nil, err
	}
	ar, err = archive.Open(ctx, store, a.cfg.Cluster)
	if err != nil {
		_ = closeStore() // nothing was written; the reason matters more
		return nil, nil, nil, err
	}
	return ar, store, closeStore, nil
}

// sourceConfig is how to reach the source. It fails with config.ErrNoSource when that was not said.
func (a *app) sourceConfig() (node.Config, error) {
	if err := a.cfg.CheckSource(); err != nil {
		return node.Config{}, err
	}
	s := a.cfg.Source
	return node.Config{
		Endpoint: s.Server.Endpoint, User: a.cfg.SourceUser(), Password: s.Password,
		TLS: node.TLS{Mode: node.TLSMode(s.TLS.Mode), CA: s.TLS.CA, Cert: s.TLS.Cert, Key: s.TLS.Key, ServerName: s.TLS.ServerName},
	}, nil
}

// programs finds MySQL's programs. What is not found is reported by whoever needs it.
func (a *app) programs() (program.Set, error) {
	return program.Find(program.Set(a.cfg.Programs), func(name string) string {
		if name == program.MysqldEnv {
			return "" // it is a setting, and has been read as one
		}
		return a.getenv(name)
	})
}
