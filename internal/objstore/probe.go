package objstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// probeCleanup is how long Probe tries to remove its objects after ctx is done.
const probeCleanup = 10 * time.Second

// Probe tries out on a few small objects under prefix whether store does what
// Store promises: conditions are honoured, what was written is read back and
// listed in order, ranges count from the end, what was deleted is gone. The first
// promise that is broken is returned as ErrUnfit with the reason; any other
// error is the store's own. It costs about 18 requests and leaves nothing behind.
func Probe(ctx context.Context, store Store, prefix string) error {
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	name := prefix + "probe-" + strings.ToLower(rand.Text())
	p := &prober{store: store, key: name + "/a", second: name + "/b", listed: name + "/"}
	defer p.clean(ctx)
	for _, step := range []func(context.Context) error{
		p.absent, p.readBack, p.match, p.matchAbsent, p.list, p.remove,
	} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("probe store: %w", err)
		}
	}
	return nil
}

// prober carries what one step of Probe leaves for the next.
type prober struct {
	store       Store
	key, second string
	listed      string // prefix of both
	version     Version
}

var (
	probeFirst  = []byte("first content of the probe")
	probeSecond = []byte("second content of the probe, longer")
)

func unfit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnfit, fmt.Sprintf(format, args...))
}

// absent: the first conditional create succeeds, the second does not.
func (p *prober) absent(ctx context.Context) error {
	v, err := p.store.PutIf(ctx, p.key, Bytes(probeFirst), IfAbsent())
	switch {
	case errors.Is(err, ErrPrecondition):
		return unfit("If-None-Match on a key that was never used is refused: %v", err)
	case err != nil:
		return fmt.Errorf("write: %w", err)
	case v == "":
		return unfit("a write reports no version (ETag)")
	}
	p.version = v
	_, err = p.store.PutIf(ctx, p.key, Bytes(probeSecond), IfAbsent())
	switch {
	case err == nil:
		return unfit("it ignores If-None-Match: an existing object was overwritten")
	case !errors.Is(err, ErrPrecondition):
		return fmt.Errorf("write if absent: %w", err)
	}
	return nil
}

// readBack: the content that was accepted is there, whole and by range.
func (p *prober) readBack(ctx context.Context) error {
	got, info, err := ReadAll(ctx, p.store, p.key, 1<<20)
	switch {
	case errors.Is(err, ErrNotExist):
		return unfit("an object just written cannot be read back")
	case err != nil:
		return fmt.Errorf("read back: %w", err)
	case !bytes.Equal(got, probeFirst):
		return unfit("an object read back differs from what was written")
	case info.Version != p.version:
		return unfit("an object read back has version %s, the write reported %s", info.Version, p.version)
	}
	const tail = 7
	r, info, err := p.store.GetRange(ctx, p.key, -tail, tail)
	if err != nil {
		return fmt.Errorf("read range: %w", err)
	}
	defer func() { _ = r.Close() }()
	got, err = io.ReadAll(r)
	switch {
	case err != nil:
		return fmt.Errorf("read range: %w", err)
	case !bytes.Equal(got, probeFirst[len(probeFirst)-tail:]) || info.Size != int64(len(probeFirst)):
		return unfit("it does not serve ranges that count from the end")
	}
	return nil
}

// match: a compare-and-swap succeeds on the current version and only there.
func (p *prober) match(ctx context.Context) error {
	v, err := p.store.PutIf(ctx, p.key, Bytes(probeSecond), IfMatch(p.version))
	switch {
	case errors.Is(err, ErrPrecondition):
		return unfit("If-Match with the current version is refused: %v", err)
	case err != nil:
		return fmt.Errorf("write if version matches: %w", err)
	}
	_, err = p.store.PutIf(ctx, p.key, Bytes(probeFirst), IfMatch(p.version))
	switch {
	case err == nil:
		return unfit("it ignores If-Match: an object was overwritten over a newer version")
	case !errors.Is(err, ErrPrecondition):
		return fmt.Errorf("write if version matches: %w", err)
	}
	p.version = v
	got, _, err := ReadAll(ctx, p.store, p.key, 1<<20)
	switch {
	case err != nil:
		return fmt.Errorf("read back: %w", err)
	case !bytes.Equal(got, probeSecond):
		return unfit("an object read back after it was replaced differs from what was written")
	}
	return nil
}

// matchAbsent: a compare-and-swap does not create.
func (p *prober) matchAbsent(ctx context.Context) error {
	_, err := p.store.PutIf(ctx, p.second, Bytes(probeFirst), IfMatch(p.version))
	switch {
	case err == nil:
		return unfit("it ignores If-Match on an absent object: it was created")
	case !errors.Is(err, ErrPrecondition):
		return fmt.Errorf("write if version matches: %w", err)
	}
	return nil
}

// list: both keys in order, and what follows the first.
func (p *prober) list(ctx context.Context) error {
	if _, err := p.store.Put(ctx, p.second, Bytes(nil)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	all, err := p.keys(ctx, "")
	if err != nil {
		return err
	}
	if want := p.key + " " + p.second; all != want {
		return unfit("a listing shows %q, want %q", all, want)
	}
	rest, err := p.keys(ctx, p.key)
	if err != nil {
		return err
	}
	if rest != p.second {
		return unfit("a listing after %s shows %q, want %q", p.key, rest, p.second)
	}
	return nil
}

func (p *prober) keys(ctx context.Context, after string) (string, error) {
	var keys []string
	for info, err := range p.store.List(ctx, p.listed, after) {
		if err != nil {
			return "", fmt.Errorf("list: %w", err)
		}
		keys = append(keys, info.Key)
	}
	return strings.Join(keys, " "), nil
}

// remove: what was deleted is gone, and deleting it again is no error.
func (p *prober) remove(ctx context.Context) error {
	for _, key := range []string{p.key, p.second, p.key} {
		if err := p.store.Delete(ctx, key); err != nil {
			return fmt.Errorf("delete: %w", err)
		}
	}
	_, _, err := ReadAll(ctx, p.store, p.key, 1<<20)
	switch {
	case err == nil:
		return unfit("it does not delete: an object can still be read")
	case !errors.Is(err, ErrNotExist):
		return fmt.Errorf("read what was deleted: %w", err)
	}
	rest, err := p.keys(ctx, "")
	switch {
	case err != nil:
		return err
	case rest != "":
		return unfit("it does not delete: a listing still shows %q", rest)
	}
	return nil
}

// clean removes what a failed probe left; best effort, the reason matters more.
func (p *prober) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeCleanup)
	defer cancel()
	_ = p.store.Delete(ctx, p.key)
	_ = p.store.Delete(ctx, p.second)
}
